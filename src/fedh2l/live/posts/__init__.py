"""Signed posts: one's own and the others'."""
