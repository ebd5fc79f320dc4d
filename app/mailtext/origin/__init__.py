"""The origin of a mail, by what it itself tells: who sent it, and whether a person wrote it."""
