"""The settings: their table, their file, and the accounts on other servers that they name."""
