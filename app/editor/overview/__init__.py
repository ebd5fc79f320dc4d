"""The desk's home page, its lists of waiting tasks, first steps, insights, and the search over all nouns."""
