"""The parts that are specific to PostgreSQL: connections, and rows that reveal which transaction wrote them."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import JSON, Connection, Engine, LargeBinary, Text, inspect, make_url, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.exc import OperationalError

from .fault_kinds import is_busy

PATIENCE = 5.0  # seconds to wait for transactions that may still see old rows
NEXT = text("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
OLDEST = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
READERS = text(
    "SELECT pid, xact_start FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_xmin IS NOT NULL"
)
# An INSERT takes this lock before the row gets its key, and holds it until the end of the transaction.
WRITERS = text(
    "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND mode = 'RowExclusiveLock'"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND relation = CAST(:name AS regclass) AND pid <> pg_backend_pid()"
)
# A long value is stored outside its row (TOAST), under a sequential number. Only a recomputed value gets a new one.
ANEW = {Text: "{0} || ''", LargeBinary: "{0} || ''::bytea", TSVECTOR: "{0} || ''::tsvector", JSON: "{0}::text::json"}
# Row by row, in the order of keys: in another order, the new numbers would follow the order of the old ones.
EACH = """
DO $$ DECLARE found record; BEGIN
FOR found IN SELECT {key} FROM {table} WHERE {recent} ORDER BY {key} LOOP
UPDATE {table} SET {changes} WHERE {key} = found.{key};
END LOOP; END $$
"""

# A machine that is cut off sends nothing. By default the operating system waits a quarter of an hour for
# acknowledgements and two hours on an idle connection; the proxy waits eight seconds (docs/install.md).
LINE = {
    "connect_timeout": 2,
    "tcp_user_timeout": 4_000,  # milliseconds
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 2,
}
IN_VAIN = 1.0  # seconds after which a failed attempt to connect counts as a timeout, and until the next attempt


def line_to(url: str) -> dict[str, Any]:
    """Return the timeouts and keepalives for new connections; those in the URL take precedence."""
    return {name: value for name, value in LINE.items() if name not in make_url(url).query}


def let_go(url: str) -> Callable[[Any, object], None]:
    """Return a listener that sets the same timeouts on the server's side of a new connection.

    Otherwise everyone would wait for the locks of a web host that was cut off.
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
    """Opens connections. After an attempt that timed out, further ones fail at once for `IN_VAIN` seconds: otherwise
    each would block a thread, until none is left to answer with an error."""

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
    """Wait until no transaction can see row versions older than now, as PostgreSQL keeps those while one can.

    Return False if that takes longer than `patience` seconds. Transactions in other databases of the server count too,
    since the oldest one determines what later snapshots keep.
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
    """Wait until every transaction that is writing to a table now has ended; later ones don't matter.

    Takes no lock, so nobody waits for us. Return False if it takes longer than `patience` seconds.
    """
    end = time.monotonic() + patience
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        writers = set(connection.scalars(WRITERS, {"name": table}))
        while writers and time.monotonic() < end:
            time.sleep(0.02)
            writers &= set(connection.scalars(WRITERS, {"name": table}))
    return not writers


def rewrite_recent_rows(connection: Connection, tables: Sequence[str], last_transaction: int | None) -> int:
    """Rewrite the recently changed rows of these tables in one transaction, so that all name the same one.

    Recent are rows written or locked by the transaction `last_transaction` or a later one; if it is None, or a number
    that this server has not reached, all rows are rewritten. Return the `last_transaction` for the next call.
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
    """Rewrite the files of these tables in the order of their keys, without old row versions. Each is locked meanwhile.

    Return False if a transaction might still see older rows, which would be kept, or if a table stays locked: waiting
    longer would hold up everyone behind us.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not is_unseen(connection):
            return False
        look = inspect(connection)
        connection.exec_driver_sql(f"SET lock_timeout = '{PATIENCE:.0f}s'")
        try:
            for table in tables:
                connection.exec_driver_sql(f"CLUSTER {table} USING {look.get_pk_constraint(table)['name']}")
        except OperationalError as error:  # the table is locked
            if not is_busy(error):
                raise
            return False
        finally:
            connection.exec_driver_sql("RESET lock_timeout")
    return True


def _key(look: Any, table: str) -> str:
    (column,) = look.get_pk_constraint(table)["constrained_columns"]
    return str(column)
