"""Encryption of personal data, its keys, and signed tokens."""
