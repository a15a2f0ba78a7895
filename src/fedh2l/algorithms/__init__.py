"""Methods: a file each, two verbs, no state."""
