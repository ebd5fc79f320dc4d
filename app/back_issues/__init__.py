"""Back issues: files of editions that ran before, read into paragraphs, and the Q&As found in them. No database."""
