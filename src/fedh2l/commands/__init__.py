"""The commands, a file for each; no other part of the package prints."""
