"""The settings: their table, their file, and those that name other servers."""
