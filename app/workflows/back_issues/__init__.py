"""Editions that come back: the newsletter's own mail of a sent edition, and imported back issues."""
