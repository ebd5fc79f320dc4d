"""Workflows that span several nouns, called by the doors and the worker, never by the nouns."""
