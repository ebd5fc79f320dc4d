"""Backups: one file with everything that the newsroom has, and beside it the list of what was erased since.

A backup holds rows and not the files of the database. So it is consistent while others write, needs no other program,
and can be restored into the other kind of database. docs/adr/0014-backups.md has the reasons.
"""
