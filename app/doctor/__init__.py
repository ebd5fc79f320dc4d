"""Checks of the installation, in one table, for its operator."""
