"""The life of a letter besides filing: its receipt page, its end, its withdrawal, and room for it in a flood."""
