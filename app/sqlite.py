"""SQLite's own needs: a file that is its owner's alone, and how a connection and a transaction begin."""

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, make_url

BUSY_TIMEOUT = 10_000  # milliseconds that a writer waits for another one
PATIENCE = 250  # milliseconds that emptying the log waits for readers; writers wait for it meanwhile


def file_of(url: str) -> Path | None:
    """Return the file of a SQLite database; None for any other one, and for one in memory."""
    parsed = make_url(url)
    is_file = parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:")
    return Path(str(parsed.database)) if is_file else None


def make_private(url: str) -> None:
    """Make the file of a new SQLite database, for its owner alone: SQLite itself would let everybody read it."""
    if (file := file_of(url)) is not None and not file.exists():
        with suppress(OSError):  # where nothing can be made, SQLite says so itself
            file.touch(0o600)


def empty_log(url: str) -> bool:
    """Carry the write-ahead log into the database and cut it to nothing; return whether that went.

    What was erased stands in it until then, as it was. It does not go while somebody reads what is older, or writes
    (https://sqlite.org/pragma.html#pragma_wal_checkpoint).
    """
    if (file := file_of(url)) is None:
        return True
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(file)) as connection:
        connection.execute(f"PRAGMA busy_timeout={PATIENCE}")
        is_busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        return not is_busy
    return False


def connected(query_only: bool) -> Callable[[Any, Any], None]:
    def connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # BEGIN is ours: see begun
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "secure_delete=ON",
            f"query_only={'ON' if query_only else 'OFF'}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    return connect


def begun(statement: str) -> Callable[[Any], None]:
    # The driver's own BEGIN is deferred: two transactions read the same row, both write, one update is lost.
    def begin(connection: Any) -> None:
        connection.exec_driver_sql(statement)

    return begin


def rewrite(engine: Engine) -> bool:
    """Write the file anew, so that it lies as its rows' keys say and not as they came, and let nothing of the old one
    stay in the write-ahead log. Writers wait meanwhile.

    Gives False where somebody was looking at the old file all the time: then the log keeps it.
    """
    with engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("VACUUM")
    return empty_log(engine.url.render_as_string(hide_password=False))
