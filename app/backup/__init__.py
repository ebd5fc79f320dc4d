"""Backups: one file with the rows of the newsroom, and beside it a list of everything that was erased.

A backup holds rows, not the files of the database. So it is consistent while others write, needs no other program, and
a backup from SQLite can be restored into PostgreSQL and vice versa (docs/adr/0014-backups.md). Rows that are
short-lived or can be rebuilt are left out (see `rows`).
"""
