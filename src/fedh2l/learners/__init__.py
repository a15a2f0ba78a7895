"""Learners: a file per framework, imported only when it is used."""
