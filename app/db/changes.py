"""Detection of commits by others: one cheap query instead of many, for code that polls for new work."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from .engine import Database


class CommitDetector:
    """Detects commits to one database. Not thread-safe: each thread needs its own.

    SQLite counts the commits of all other connections (https://sqlite.org/pragma.html#pragma_data_version). On
    PostgreSQL the marker is a snapshot, which lists the transactions that are still running. It changes at the moment
    when written rows become visible, unlike the position of the write-ahead log.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._driver_error: Any = database.reader.dialect.loaded_dbapi.Error
        # On SQLite always the same connection, since the counts of different connections can't be compared.
        self._sqlite_connection: Any = None

    def read_marker(self) -> object:
        """Return a marker that equals the previous one if nothing was committed in between.

        If the database can't be reached, the marker equals no other.
        """
        try:
            return self._count_commits() if self._database.is_sqlite else self._read_snapshot()
        except (SQLAlchemyError, self._driver_error, OSError):  # the caller's own query will raise the same error
            self.close()
            return object()

    def _count_commits(self) -> object:
        if self._sqlite_connection is None:
            self._sqlite_connection = self._database.reader.raw_connection()
        cursor = self._sqlite_connection.cursor()
        try:
            return cursor.execute("PRAGMA data_version").fetchone()[0]
        finally:
            cursor.close()

    def _read_snapshot(self) -> object:
        with self._database.polling_engine.connect() as connection:
            return connection.scalar(text("SELECT CAST(pg_current_snapshot() AS text)"))

    def close(self) -> None:
        if self._sqlite_connection is not None:
            self._sqlite_connection.close()
            self._sqlite_connection = None
