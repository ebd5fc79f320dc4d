"""Detection of commits by others: one cheap query instead of many, for code that polls for new work."""

import sqlite3
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from .engine import Database


class Changes:
    """A change detector for one database, for use by one thread.

    SQLite counts the commits of all other connections (https://sqlite.org/pragma.html#pragma_data_version). On
    PostgreSQL every writing transaction has a number, and a snapshot says which of them have ended. It changes exactly
    when the written rows become visible; the position of the write-ahead log changes a little earlier or, with
    asynchronous commits, later.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._line: Any = None  # SQLite's connection; counts of different connections can't be compared

    def look(self) -> object:
        """Return a marker that equals the previous one if nothing was committed in between.

        If the database can't be reached, the marker equals no other.
        """
        try:
            return self._count() if self._database.is_sqlite else self._read_snapshot()
        except (SQLAlchemyError, sqlite3.Error, OSError):  # the caller's own query meets the same error
            self.close()
            return object()

    def _count(self) -> object:
        if self._line is None:
            self._line = self._database.reader.raw_connection()
        cursor = self._line.cursor()
        try:
            return cursor.execute("PRAGMA data_version").fetchone()[0]
        finally:
            cursor.close()

    def _read_snapshot(self) -> object:
        with self._database.looker.connect() as connection:
            return connection.scalar(text("SELECT CAST(pg_current_snapshot() AS text)"))

    def close(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None
