"""What a newsletter has of its own."""
