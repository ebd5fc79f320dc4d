"""The desk's pages about questions: list, shelf and archive, a question with its wording, and its translations."""
