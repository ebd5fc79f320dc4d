"""A reader's letter beyond filing: what its receipt says, how it ends, how it is withdrawn."""
