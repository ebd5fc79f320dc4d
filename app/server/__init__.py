"""The processes that serve pages and do the work between requests."""
