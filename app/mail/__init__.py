"""Bytes and delivery: every mail that the product sends as a function of values, the outbox, and the sending."""
