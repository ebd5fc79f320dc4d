"""What was done, by whom and when, in sentences."""
