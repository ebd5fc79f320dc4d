"""`make first-edition`: from a bare Debian to a sent edition, following only the README and the docs."""
