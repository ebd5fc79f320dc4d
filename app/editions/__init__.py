"""Editions: the calendar, the house form, and what runs."""
