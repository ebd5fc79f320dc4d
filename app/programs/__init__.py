"""Other programs: what happens at a desk is told to their addresses, by webhook or as a notice in a chat. No nouns."""
