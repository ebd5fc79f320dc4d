"""Choices that a newsletter makes once (its rhythm, its texts, its mails, who may what), and the trail of all changes."""
