"""Removal of erased data from the files of the database, where it outlives its rows.

SQLite keeps old pages in its write-ahead log; `Database.write` empties it after an erasure, or the worker if that
failed. PostgreSQL keeps old row versions in its tables, and a plain VACUUM frees their space without wiping it, so the
worker rewrites the tables.
"""

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from . import sqlite
from .engine import Database
from .fault_kinds import Busy, is_busy
from .postgresql import is_unseen

EMPTY_LOG, REWRITE = "empty the log", "write tables anew"  # the worker's duties
PATIENCE = 5.0  # seconds that rewriting a table waits for readers
HELD = "something reads the database all the while"

_CHANGED = text("SELECT relid::regclass::text, n_tup_upd + n_tup_del FROM pg_stat_user_tables")


def empty_log(database: Database) -> None:
    """Empty SQLite's write-ahead log. Raises `Busy` while a reader needs older pages from it."""
    if database.is_sqlite and not sqlite.empty_log(database.url):
        raise Busy(HELD)


class Rewriter:
    """Rewrites the PostgreSQL tables whose rows were updated or deleted since it last did so.

    A table of 100,000 letters of 1.3 KB took 0.6 seconds, during which nobody else could read it.
    """

    def __init__(self) -> None:
        self._left: dict[str, int] = {}  # by table, its total of changed rows at the last rewrite

    def rewrite(self, database: Database) -> None:
        """Rewrite the changed tables; do nothing on SQLite. Raises `Busy` while older rows are visible to a transaction
        or a table is locked."""
        if database.is_sqlite:
            return
        with database.writer.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            changed = {name: number for name, number in connection.execute(_CHANGED) if number}
            todo = [name for name, number in changed.items() if self._left.get(name) != number]
            if todo and not is_unseen(connection, PATIENCE):
                raise Busy(HELD)
            try:
                connection.execute(text(f"SET lock_timeout = '{PATIENCE:.0f}s'"))
                for name in todo:
                    connection.execute(text(f"VACUUM (FULL) {name}"))
                    self._left[name] = changed[name]
            except OperationalError as error:  # the lock timed out
                if not is_busy(error):
                    raise
                raise Busy(HELD) from error
            finally:
                connection.execute(text("RESET lock_timeout"))
