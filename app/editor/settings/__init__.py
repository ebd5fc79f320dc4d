"""Choices that a newsletter makes once: its rhythm, texts and mails, and who may what. And the trail of all changes."""
