"""The letters at the desk: the list, the one that is read, what looks alike, and what is done with them."""
