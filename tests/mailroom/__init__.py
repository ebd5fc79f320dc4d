"""Mail that comes in: the ways in, and the place of each."""
