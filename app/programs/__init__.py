"""Notifications of other programs about what happens at a desk, by webhook or as a notice in a chat."""
