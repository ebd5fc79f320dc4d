"""Erasure of texts and personal data whose retention period has ended."""
