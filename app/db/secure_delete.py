"""Wiping erased data from the files of the database: deleting a row leaves copies of it there.

SQLite keeps old pages in its write-ahead log. `Database.write` empties the log after an erasure; if that fails, the
worker empties it. PostgreSQL keeps old row versions in its tables. A plain VACUUM frees their space without wiping it,
so the worker rewrites the tables. It also keeps samples of their values for its planner, which the worker renews.
"""

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from . import sqlite
from .engine import Database
from .fault_kinds import Busy, may_succeed_later
from .postgresql import renew_statistics, wait_for_older_snapshots

# Names under which the worker schedules these functions; `watching.held_erasures` reports if one keeps failing.
EMPTY_LOG_DUTY, REWRITE_DUTY = "empty the log", "write tables anew"
PATIENCE = 5.0  # seconds that rewriting a table waits for readers
IN_USE = "another transaction keeps using the database"

# Counts the rows of each table that were ever updated or deleted.
_CHANGE_COUNTS = text("SELECT relid::regclass::text, n_tup_upd + n_tup_del FROM pg_stat_user_tables")


def empty_log(database: Database) -> None:
    """Empty SQLite's write-ahead log. Raises `Busy` while a reader needs older pages from it."""
    if database.is_sqlite and not sqlite.empty_log(database.url, database.file_key):
        raise Busy(IN_USE)


class Rewriter:
    """Rewrites the PostgreSQL tables in which rows were updated or deleted since the last rewrite.

    A table of 100,000 letters of 1.3 KB took 0.6 seconds, during which nobody else could read it.
    """

    def __init__(self) -> None:
        self._counts_at_rewrite: dict[str, int] = {}  # change counts, keyed by table; unknown after a restart
        self._to_sample: set[str] = set()  # tables that were rewritten, but whose statistics may have erased values

    def rewrite(self, database: Database) -> None:
        """Rewrite the changed tables; do nothing on SQLite.

        Raises `Busy` while a transaction can still see the old rows, or if a table stays locked.
        """
        if database.is_sqlite:
            return
        with database.writer.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            change_counts = {table: count for table, count in connection.execute(_CHANGE_COUNTS) if count}
            tables = [table for table, count in change_counts.items() if self._counts_at_rewrite.get(table) != count]
            if tables and not wait_for_older_snapshots(connection, PATIENCE):
                raise Busy(IN_USE)
            try:
                connection.execute(text(f"SET lock_timeout = '{PATIENCE:.0f}s'"))
                for table in tables:
                    connection.execute(text(f"VACUUM (FULL) {table}"))
                    self._to_sample.add(table)
                    self._counts_at_rewrite[table] = change_counts[table]
                if self._to_sample and not renew_statistics(connection, sorted(self._to_sample)):
                    raise Busy(IN_USE)
                self._to_sample.clear()
            except OperationalError as error:  # the lock timed out
                if not may_succeed_later(error):
                    raise
                raise Busy(IN_USE) from error
            finally:
                connection.execute(text("RESET lock_timeout"))
