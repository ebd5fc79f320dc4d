"""Choices that a newsletter makes once: its rhythm, its sentences, its mails, and who may what."""
