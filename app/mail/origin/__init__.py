"""What a mail itself tells of who sent it, and whether a person wrote it."""
