"""Staff and experts, their roles, and their ways in."""
