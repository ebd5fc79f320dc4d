"""Mail as the desk sees it: what went out and waits, what came in, and what is no letter yet."""
