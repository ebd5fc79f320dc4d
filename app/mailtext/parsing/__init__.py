"""A mail's bytes made into a `Mail`, whatever they are."""
