"""Backups: one file of all that the newsroom has, and beside it the list of what was erased since.

A backup is the rows themselves and not the database's own files, so that it is of one moment while others write, needs
no second program, and can be restored into the other kind of database. docs/adr/0014-backups.md says why it is so.
"""
