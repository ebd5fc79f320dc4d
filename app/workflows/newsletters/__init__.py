"""Creating, pausing, renaming and closing a newsletter."""
