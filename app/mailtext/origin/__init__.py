"""The origin of a mail, judged from the mail itself: who sent it, and whether a person wrote it."""
