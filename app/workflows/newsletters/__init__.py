"""A newsletter begins, pauses, is renamed and ends."""
