"""Simulated networks: each maps the outboxes hosted here to their inboxes, and sees bytes only."""
