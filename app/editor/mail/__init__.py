"""The desk's pages about mail: the outbox, the holding pen, and attached files."""
