"""Editions: planning, filling and locking them, handing them over, the archive and corrections."""
