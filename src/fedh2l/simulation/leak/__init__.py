"""What a peer's messages tell of its private rows: a membership-inference audit of a run."""
