"""Everything that the doors share."""
