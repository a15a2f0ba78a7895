"""What was said: signed posts, one's own and the others'."""
