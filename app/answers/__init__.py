"""Answers: who was asked, what they wrote, and the quote check."""
