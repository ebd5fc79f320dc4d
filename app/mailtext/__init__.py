"""Mail as text: parsing, trimming to what the sender wrote, and the origin of a mail. No database."""
