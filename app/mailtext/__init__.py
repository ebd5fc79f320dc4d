"""Mails as text: parsing, trimming to what its writer wrote, and who it is from. No database."""
