"""Whole ways through the product as it is served, in a real browser."""
