"""`make first-edition`: a stranger's way from a bare Debian to a sent edition of their own, by README and docs alone."""
