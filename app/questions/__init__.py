"""The desk's question: one wording for one to many letters."""
