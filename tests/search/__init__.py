"""What is alike, and what is found."""
