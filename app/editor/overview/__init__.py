"""This edition at a glance, faults first, and what the figures say."""
