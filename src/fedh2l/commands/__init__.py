"""The command line: a file per command, and nothing else prints."""
