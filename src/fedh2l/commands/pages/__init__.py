"""Pages that people open in a browser: each one file, with nothing from elsewhere in it."""
