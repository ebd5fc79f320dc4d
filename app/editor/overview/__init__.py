"""This edition at a glance, faults first; what the figures say; and the search over all nouns."""
