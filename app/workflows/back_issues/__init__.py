"""Editions that come in: the one that was sent, and those of former years."""
