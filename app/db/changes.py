"""Looks at whether anybody has written anything: one cheap question in place of many, for whoever waits for news."""

import sqlite3
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from .engine import Database


class Changes:
    """A look at one database, for one thread.

    SQLite counts the commits of all other connections (https://sqlite.org/pragma.html#pragma_data_version). On
    PostgreSQL each transaction that writes has a number, and a snapshot tells which of them have ended: it changes in
    the moment in which others see what was written, while the log of what is written grows a little before or, where
    commits don't wait for the disk, after.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._line: Any = None  # of SQLite: the count means nothing on another one

    def look(self) -> object:
        """Return something that equals what the last look returned where nothing was committed since."""
        try:
            return self._count() if self._database.is_sqlite else self._read_snapshot()
        except (SQLAlchemyError, sqlite3.Error, OSError):  # whoever asks finds out by themselves what is wrong
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
