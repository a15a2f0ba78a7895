"""Will joining work? Findings, one per thing that can be wrong, each with what to do about it."""
