"""A newsletter as one file: its export, the tables of its questions and letters, and the import elsewhere."""
