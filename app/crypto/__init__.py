"""Sealing what could name a person, the keys for it, and signed tokens."""
