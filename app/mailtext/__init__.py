"""Mail as text: parsing, trimming to the sender's own words, and the origin of a mail. It uses no database."""
