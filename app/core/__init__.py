"""Foundations that every part of the product uses."""
