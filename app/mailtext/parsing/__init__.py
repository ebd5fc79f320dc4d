"""Parsing of mails: from arbitrary bytes to a `Mail`."""
