"""A live federation: an organisation as a member among others, over a real network."""
