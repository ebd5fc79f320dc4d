"""Database errors: the meaning of error codes, and the exceptions raised for them."""

from enum import Enum, auto

from sqlalchemy.exc import DBAPIError, OperationalError

SCHEMA_MISMATCH = "the database does not match this version: run readers-asked migrate"


class Busy(Exception):
    """The database could not take the change in time, and nothing was written. The doors answer 503."""


class NoRoom(Busy):
    """The disk is full or fails, or the database is read-only: retrying won't help, an administrator must act."""


class FaultKind(Enum):
    LOST_RACE = auto()  # another transaction was first, or holds a lock: a retry may succeed
    UNAVAILABLE = auto()  # no connection, or no answer in time
    NO_ROOM = auto()  # the disk is full or fails, or the database is read-only
    SCHEMA_MISMATCH = auto()  # a table or a column is missing
    UNKNOWN = auto()


# Prefixes of SQLite's error names and PostgreSQL's SQLSTATEs; the first match counts.
KINDS = {
    "SQLITE_BUSY": FaultKind.LOST_RACE,
    "SQLITE_LOCKED": FaultKind.LOST_RACE,
    "SQLITE_FULL": FaultKind.NO_ROOM,
    "SQLITE_READONLY": FaultKind.NO_ROOM,
    "SQLITE_IOERR": FaultKind.NO_ROOM,
    "SQLITE_CANTOPEN": FaultKind.NO_ROOM,
    "40001": FaultKind.LOST_RACE,  # serialization failure
    "40P01": FaultKind.LOST_RACE,  # deadlock
    "55P03": FaultKind.LOST_RACE,  # lock not available
    "53100": FaultKind.NO_ROOM,  # disk full
    "25006": FaultKind.NO_ROOM,  # read-only transaction
    "58030": FaultKind.NO_ROOM,  # I/O error
    "08": FaultKind.UNAVAILABLE,  # connection exceptions
    "53": FaultKind.UNAVAILABLE,  # too many connections, out of memory
    "25P03": FaultKind.UNAVAILABLE,  # idle-in-transaction timeout
    "57014": FaultKind.UNAVAILABLE,  # statement timeout
    "57P01": FaultKind.UNAVAILABLE,  # the backend was terminated
    "57P02": FaultKind.UNAVAILABLE,  # crash of another backend
    "57P03": FaultKind.UNAVAILABLE,  # the server starts or stops
    "57P05": FaultKind.UNAVAILABLE,  # idle-session timeout
    "42P01": FaultKind.SCHEMA_MISMATCH,  # undefined table
    "42703": FaultKind.SCHEMA_MISMATCH,  # undefined column
}
# SQLite has no code for these, only messages.
_MISSING = ("no such table", "no such column", "has no column named")


def fault_code(error: DBAPIError) -> str:
    """Return SQLite's error name or PostgreSQL's SQLSTATE, or "" for an error raised by the driver itself."""
    code = getattr(error.orig, "sqlite_errorname", None) or getattr(error.orig, "sqlstate", None)
    return str(code or "")


def fault_kind(error: DBAPIError) -> FaultKind:
    code = fault_code(error)
    if code == "SQLITE_ERROR" and any(words in str(error.orig) for words in _MISSING):
        return FaultKind.SCHEMA_MISMATCH
    known = next((kind for beginning, kind in KINDS.items() if code.startswith(beginning)), None)
    if known:
        return known
    # psycopg sets no code for errors that don't come from the server, such as a failed or lost connection.
    is_cut_off = error.connection_invalidated or (not code and isinstance(error, OperationalError))
    return FaultKind.UNAVAILABLE if is_cut_off else FaultKind.UNKNOWN


def is_busy(error: Exception) -> bool:
    """Return whether waiting can help, as with a lock, a timeout or a lost connection."""
    kinds = (FaultKind.LOST_RACE, FaultKind.UNAVAILABLE)
    return isinstance(error, Busy) or (isinstance(error, DBAPIError) and fault_kind(error) in kinds)


def is_schema_mismatch(error: Exception) -> bool:
    return isinstance(error, DBAPIError) and fault_kind(error) is FaultKind.SCHEMA_MISMATCH
