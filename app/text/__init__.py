"""Text as people write it, in any script."""
