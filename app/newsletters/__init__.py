"""Newsletters: their settings, their own wordings of sentences and mails, topics, and the sending tool."""
