"""Watching over the machines: what is logged, counted and reported, and that none of it tells of readers."""
