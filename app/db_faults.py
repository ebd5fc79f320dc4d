"""Faults of a database that can't take a change, and what they mean."""

from sqlalchemy.exc import DBAPIError


class Busy(Exception):
    """The database could not take the change in time; nothing was written. The doors answer 503."""


class NoRoom(Busy):
    """The disk is full, or the database may only be read: waiting helps nobody, somebody has to look after it."""


# SQLite's names and PostgreSQL's SQLSTATEs: no room, nothing may be written, the disk fails.
NO_ROOM = ("SQLITE_FULL", "SQLITE_READONLY", "SQLITE_IOERR", "SQLITE_CANTOPEN", "53100", "25006", "58030")
# Serialization failure and deadlock, safe to run again; and a SQLite that waited for its turn in vain.
LOST = ("40001", "40P01", "SQLITE_BUSY", "SQLITE_LOCKED")


def takes_nothing(error: DBAPIError) -> bool:
    """Return whether the database could not write, whatever it was asked."""
    said = getattr(error.orig, "sqlite_errorname", None) or getattr(error.orig, "sqlstate", None) or ""
    return said.startswith(NO_ROOM)


def lost_race(error: DBAPIError) -> bool:
    """Return whether another transaction was first, so that the same may go well later."""
    said = getattr(error.orig, "sqlite_errorname", None) or getattr(error.orig, "sqlstate", None) or ""
    return said.startswith(LOST)
