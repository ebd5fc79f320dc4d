"""What happens to a letter besides filing: its receipt page, its end, its withdrawal."""
