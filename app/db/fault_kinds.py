"""Classification of database errors by their code, and the exceptions that pages answer with 503."""

from enum import Enum, auto

from sqlalchemy.exc import DBAPIError, OperationalError

SCHEMA_MISMATCH = "the database does not match this version: run readers-asked migrate"
TAKES_NO_CHANGES = "the database takes no changes: its disk is full, fails, or may only be read"


class Busy(Exception):
    """Raised if the database could not commit a change in time; nothing was written."""


class NoRoom(Busy):
    """Raised if the disk is full or fails, or the database is read-only: an administrator must act before a retry."""


class FaultKind(Enum):
    LOST_RACE = auto()  # a conflict with another transaction, or a lock that it holds: a retry may succeed
    UNAVAILABLE = auto()  # no connection, or no answer in time
    NO_ROOM = auto()  # the disk is full or fails, or the database is read-only
    SCHEMA_MISMATCH = auto()  # a table or a column is missing
    UNKNOWN = auto()


# Prefixes of SQLite's error names and of PostgreSQL's SQLSTATEs. The first match counts: "53100" before "53".
KIND_BY_CODE_PREFIX = {
    "SQLITE_BUSY": FaultKind.LOST_RACE,
    "SQLITE_LOCKED": FaultKind.LOST_RACE,
    "SQLITE_FULL": FaultKind.NO_ROOM,
    "SQLITE_READONLY": FaultKind.NO_ROOM,
    "SQLITE_IOERR": FaultKind.NO_ROOM,
    "SQLITE_CANTOPEN": FaultKind.NO_ROOM,  # the file, or its journal, can't be created
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
# Messages of SQLite for a missing table or column, which has no code of its own.
_SCHEMA_MESSAGES = ("no such table", "no such column", "has no column named")


def fault_code(error: DBAPIError) -> str:
    """Return SQLite's error name or PostgreSQL's SQLSTATE, or "" for an error raised by the driver itself."""
    driver_error = error.orig
    code = getattr(driver_error, "sqlite_errorname", None) or getattr(driver_error, "sqlstate", None)
    return str(code or "")


def fault_kind(error: DBAPIError) -> FaultKind:
    """Return the kind of a database error, by its code, or without a code by its class."""
    code = fault_code(error)
    if code == "SQLITE_ERROR" and any(message in str(error.orig) for message in _SCHEMA_MESSAGES):
        return FaultKind.SCHEMA_MISMATCH
    for prefix, kind in KIND_BY_CODE_PREFIX.items():
        if code.startswith(prefix):
            return kind
    # psycopg sets no code for errors that don't come from the server, such as a failed or lost connection.
    is_disconnected = error.connection_invalidated or (not code and isinstance(error, OperationalError))
    return FaultKind.UNAVAILABLE if is_disconnected else FaultKind.UNKNOWN


def may_succeed_later(error: Exception) -> bool:
    """Return whether a later retry may succeed, as after a lock, a timeout or a lost connection."""
    if isinstance(error, Busy):
        return not isinstance(error, NoRoom)
    temporary_kinds = (FaultKind.LOST_RACE, FaultKind.UNAVAILABLE)
    return isinstance(error, DBAPIError) and fault_kind(error) in temporary_kinds


def is_schema_mismatch(error: Exception) -> bool:
    return isinstance(error, DBAPIError) and fault_kind(error) is FaultKind.SCHEMA_MISMATCH
