"""The desk's pages about editions: list and calendar, the edition builder, back issues, and the standing call."""
