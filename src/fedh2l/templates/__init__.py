"""First files of the user's own, one per framework: `fedh2l new` copies them as they are."""
