"""Text in, blocks out."""
