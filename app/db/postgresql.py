"""PostgreSQL's own needs: its rows say which transaction wrote them, and lie in the order of writing."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import JSON, Connection, Engine, LargeBinary, Text, inspect, make_url, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.exc import OperationalError

from .fault_kinds import is_busy

PATIENCE = 5.0  # seconds to wait for those who may still see rows as they were
NEXT = text("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
OLDEST = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
READERS = text(
    "SELECT pid, xact_start FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_xmin IS NOT NULL"
)
# Whoever inserts takes this lock before the row has its key, and keeps it until the end of the transaction.
WRITERS = text(
    "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND mode = 'RowExclusiveLock'"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND relation = CAST(:name AS regclass) AND pid <> pg_backend_pid()"
)
# What lies beside its row, because it is long, has a number of its own, next in line: a value that is made anew gets
# another one.
ANEW = {Text: "{0} || ''", LargeBinary: "{0} || ''::bytea", TSVECTOR: "{0} || ''::tsvector", JSON: "{0}::text::json"}
# In the order of keys: on the way of an index or of the table itself, new numbers would follow the old ones.
EACH = """
DO $$ DECLARE found record; BEGIN
FOR found IN SELECT {key} FROM {table} WHERE {recent} ORDER BY {key} LOOP
UPDATE {table} SET {changes} WHERE {key} = found.{key};
END LOOP; END $$
"""

# A machine that is cut off says nothing. By itself the system waits a quarter of an hour for whoever takes nothing, and
# two hours for whoever says nothing; the proxy, and the reader behind it, wait for eight seconds (docs/install.md).
LINE = {
    "connect_timeout": 2,
    "tcp_user_timeout": 4_000,  # milliseconds
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 2,
}
IN_VAIN = 1.0  # seconds after which a server has said something, and for which one that has not is left alone


def line_to(url: str) -> dict[str, Any]:
    """Return how a connection is made and watched, unless the address says otherwise."""
    return {name: value for name, value in LINE.items() if name not in make_url(url).query}


def let_go(url: str) -> Callable[[Any, object], None]:
    """Return what lets the server end a connection whose other end is silent, by the same times: what a web host had
    locked when it was cut off, all others wait for.
    """
    said = {name: str(value) for name, value in {**LINE, **make_url(url).query}.items() if name in LINE}
    asked = ", ".join(
        f"set_config('tcp_{name.removeprefix('tcp_')}', '{int(value)}', false)"
        for name, value in said.items()
        if name != "connect_timeout"
    )

    def listen(connection: Any, _record: object) -> None:
        connection.execute(f"SELECT {asked}")
        connection.commit()

    return listen


class Dialing:
    """Makes connections. Where one was waited for in vain, those that come in the next moment aren't tried: each would
    hold a thread, until none is left that could say so."""

    def __init__(self) -> None:
        self._not_before = 0.0

    def __call__(self, dialect: Any, _record: object, arguments: Any, named: Any) -> Any:
        if (began := time.monotonic()) < self._not_before:
            raise dialect.loaded_dbapi.OperationalError("the server did not answer a moment ago")
        try:
            return dialect.connect(*arguments, **named)
        except dialect.loaded_dbapi.OperationalError:
            if time.monotonic() - began > IN_VAIN:
                self._not_before = time.monotonic() + IN_VAIN
            raise


def is_unseen(connection: Connection, patience: float = PATIENCE) -> bool:
    """Wait, `patience` seconds at the most, until nobody sees rows any more as they were before now; gives whether that
    is so. For whoever does PostgreSQL keeps them.

    A transaction that runs in another database of the server counts too: none that begins sees past the oldest.
    """
    end, number = time.monotonic() + patience, connection.scalar(NEXT) or 0
    readers: set[tuple[Any, ...]] | None = None
    while time.monotonic() < end:
        if readers is None and (connection.scalar(OLDEST) or 0) >= number:
            readers = {tuple(row) for row in connection.execute(READERS)}
        if readers is not None:
            readers &= {tuple(row) for row in connection.execute(READERS)}
            if not readers:
                return True
        time.sleep(0.05)
    return False


def writers_have_ended(engine: Engine, table: str, patience: float = PATIENCE) -> bool:
    """Wait, `patience` seconds at the most, until each transaction has ended that is writing to a table now; gives
    whether that is so. Nobody waits for us: whoever begins meanwhile isn't asked for.
    """
    end = time.monotonic() + patience
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        writers = set(connection.scalars(WRITERS, {"name": table}))
        while writers and time.monotonic() < end:
            time.sleep(0.02)
            writers &= set(connection.scalars(WRITERS, {"name": table}))
    return not writers


def rewrite_recent_rows(connection: Connection, tables: Sequence[str], last_transaction: int | None) -> int:
    """Write the rows of these tables again that transactions from the number `last_transaction` on have written or
    locked, so that they say the same transaction; all rows where that number isn't of this server. Gives the number
    from which on the next time is to begin.
    """
    number: int = connection.scalar(text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")) or 0
    since = f"xmax::text <> '0' OR age(xmin) <= age('{(last_transaction or 0) % 2**32}'::xid)"
    recent = "TRUE" if last_transaction is None or last_transaction > number else since
    look = inspect(connection)
    for table in tables:
        key = _key(look, table)
        changes = [f"{key} = {key}"]
        for column in look.get_columns(table):
            kind = next((kind for kind in ANEW if isinstance(column["type"], kind)), None)
            changes += [f"{column['name']} = {ANEW[kind].format(column['name'])}"] if kind else []
        filled = EACH.format(table=table, key=key, recent=recent, changes=", ".join(changes))
        connection.exec_driver_sql(filled)
    return number


def cluster_tables(engine: Engine, tables: Sequence[str]) -> bool:
    """Write the files of these tables anew, in the order of their keys and without what was there before.

    Each is locked meanwhile. Gives False where somebody else might still see older rows, which would be kept, or holds
    a table for long: everybody behind would wait too.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not is_unseen(connection):
            return False
        look = inspect(connection)
        connection.exec_driver_sql(f"SET lock_timeout = '{PATIENCE:.0f}s'")
        try:
            for table in tables:
                connection.exec_driver_sql(f"CLUSTER {table} USING {look.get_pk_constraint(table)['name']}")
        except OperationalError as error:  # somebody holds a table
            if not is_busy(error):
                raise
            return False
        finally:
            connection.exec_driver_sql("RESET lock_timeout")
    return True


def _key(look: Any, table: str) -> str:
    (column,) = look.get_pk_constraint(table)["constrained_columns"]
    return str(column)
