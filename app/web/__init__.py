"""What the web interfaces of all doors share."""
