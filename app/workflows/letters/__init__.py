"""The life of a letter besides filing: its receipt page, its end, its withdrawal."""
