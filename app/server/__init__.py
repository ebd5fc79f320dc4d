"""The processes that serve pages, and the worker that does what is due between requests."""
