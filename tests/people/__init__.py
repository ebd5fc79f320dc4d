"""Who may what, and who is put out."""
