"""The parts for PostgreSQL only: timeouts, and rewriting what reveals which transaction wrote a row, or what it had."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from sqlalchemy import JSON, Connection, Engine, LargeBinary, Text, inspect, make_url, text
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.exc import NotSupportedError, OperationalError

from .fault_kinds import may_succeed_later

PATIENCE = 5.0  # seconds to wait for other transactions to end

# The next transaction ID, and the oldest one that is still running.
NEXT_TRANSACTION = text("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
OLDEST_TRANSACTION = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
OPEN_SNAPSHOTS = text(
    "SELECT pid, xact_start FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_xmin IS NOT NULL"
)
# An INSERT takes this lock before the row gets its key, and holds it until the end of the transaction.
TABLE_WRITERS = text(
    "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND mode = 'RowExclusiveLock'"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND relation = CAST(:name AS regclass) AND pid <> pg_backend_pid()"
)
# Expressions that recompute a column, by its type. PostgreSQL may store values of these types outside the row (TOAST),
# under a sequential number, which reveals when the value was written. Only a recomputed value gets a new number.
RECOMPUTE = {
    Text: "{0} || ''",
    LargeBinary: "{0} || ''::bytea",
    TSVECTOR: "{0} || ''::tsvector",
    JSON: "{0}::text::json",
}
# Updates rows one by one in the order of their keys. Otherwise the new TOAST numbers would have the order of the old.
UPDATE_BY_KEY = """
DO $$ DECLARE found record; BEGIN
FOR found IN SELECT {key} FROM {table} WHERE {condition} ORDER BY {key} LOOP
UPDATE {table} SET {assignments} WHERE {key} = found.{key};
END LOOP; END $$
"""

# The role of the connection, and whether it has the rights of the database's owner, as superusers have too.
DATABASE_OWNERSHIP = text(
    "SELECT current_user, pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = current_database()"
)
# The columns of a table of which the planner has a sample, with their types.
SAMPLED_COLUMNS = text(
    "SELECT quote_ident(attname), format_type(atttypid, atttypmod) FROM pg_attribute JOIN pg_stats USING (attname)"
    " WHERE attrelid = CAST(CAST(:name AS text) AS regclass)"
    " AND tablename = CAST(:name AS text) AND schemaname = current_schema()"
)

# Parameters of libpq that detect a server which vanished from the network. By default the operating system waits a
# quarter of an hour for acknowledgements and two hours on an idle connection; the proxy in front of the pages waits
# eight seconds (docs/install.md).
CONNECT_TIMEOUTS = {
    "connect_timeout": 2,  # seconds
    "tcp_user_timeout": 4_000,  # milliseconds
    "keepalives_idle": 2,  # seconds
    "keepalives_interval": 1,  # seconds
    "keepalives_count": 2,
}
# Seconds after which a failed attempt to connect counts as a timeout. For as long, further attempts then fail at once.
CONNECT_BACKOFF = 1.0


def connect_timeouts(url: str) -> dict[str, Any]:
    """Return `CONNECT_TIMEOUTS` without those that the URL sets."""
    return {name: value for name, value in CONNECT_TIMEOUTS.items() if name not in make_url(url).query}


def server_timeouts_listener(url: str) -> Callable[[Any, object], None]:
    """Return a listener that makes the server use the same timeouts for a new connection.

    If a web host vanishes, the server then soon ends the transactions of that host: their locks block everyone else.
    """
    timeouts = {**CONNECT_TIMEOUTS, **make_url(url).query}
    calls = []
    for name in CONNECT_TIMEOUTS:
        if name != "connect_timeout":
            server_name = f"tcp_{name.removeprefix('tcp_')}"  # libpq's keepalives_idle is tcp_keepalives_idle there
            value = int(str(timeouts[name]))
            calls.append(f"set_config('{server_name}', '{value}', false)")
    statement = f"SELECT {', '.join(calls)}"

    def set_timeouts(connection: Any, _record: object) -> None:
        connection.execute(statement)
        connection.commit()

    return set_timeouts


class Connector:
    """A listener that opens connections. After an attempt that timed out, others fail at once for `CONNECT_BACKOFF`.

    Otherwise each attempt would block a thread for the whole timeout, until no thread is left to answer with an error.
    """

    def __init__(self) -> None:
        self._retry_at = 0.0  # by time.monotonic()

    def __call__(self, dialect: Any, _record: object, args: Any, kwargs: Any) -> Any:
        started_at = time.monotonic()
        if started_at < self._retry_at:
            raise dialect.loaded_dbapi.OperationalError("the server did not answer a moment ago")
        try:
            return dialect.connect(*args, **kwargs)
        except dialect.loaded_dbapi.OperationalError:
            if time.monotonic() - started_at > CONNECT_BACKOFF:
                self._retry_at = time.monotonic() + CONNECT_BACKOFF
            raise


def wait_for_older_snapshots(connection: Connection, timeout: float = PATIENCE) -> bool:
    """Wait until no transaction can see the row versions that are outdated now: until then, PostgreSQL keeps them.

    Return False if that takes longer than `timeout` seconds. Transactions in other databases of the server count too,
    since the oldest transaction determines what later snapshots keep.
    """
    deadline = time.monotonic() + timeout
    next_transaction = connection.scalar(NEXT_TRANSACTION) or 0
    # First, all transactions that run now must end. Then all snapshots that are open at that moment must end, since
    # they may be older.
    old_snapshots: set[tuple[Any, ...]] | None = None
    while time.monotonic() < deadline:
        if old_snapshots is None and (connection.scalar(OLDEST_TRANSACTION) or 0) >= next_transaction:
            old_snapshots = _read_open_snapshots(connection)
        if old_snapshots is not None:
            old_snapshots &= _read_open_snapshots(connection)
            if not old_snapshots:
                return True
        time.sleep(0.05)
    return False


def _read_open_snapshots(connection: Connection) -> set[tuple[Any, ...]]:
    return {tuple(row) for row in connection.execute(OPEN_SNAPSHOTS)}


def wait_for_writers(engine: Engine, table: str, timeout: float = PATIENCE) -> bool:
    """Wait until every transaction that is now writing to a table has ended. Later ones don't matter.

    This takes no lock, so nobody waits for us. Return False if it takes longer than `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        writers = set(connection.scalars(TABLE_WRITERS, {"name": table}))
        while writers and time.monotonic() < deadline:
            time.sleep(0.02)
            writers &= set(connection.scalars(TABLE_WRITERS, {"name": table}))
    return not writers


def rewrite_recent_rows(connection: Connection, tables: Sequence[str], last_transaction: int | None) -> int:
    """Rewrite the recently changed rows of these tables in one transaction, so that all carry the same transaction ID.

    A row is recent if transaction `last_transaction` or a later one has written or locked it. If `last_transaction` is
    None, or an ID that this server has not reached, all rows are rewritten. Return the `last_transaction` for the next
    call.
    """
    oldest_transaction: int = connection.scalar(OLDEST_TRANSACTION) or 0
    if last_transaction is None or last_transaction > oldest_transaction:
        condition = "TRUE"
    else:  # row headers hold the last 32 bits of a transaction ID
        condition = f"xmax::text <> '0' OR age(xmin) <= age('{last_transaction % 2**32}'::xid)"
    inspector = inspect(connection)
    for table in tables:
        key = _primary_key(inspector, table)
        assignments = [f"{key} = {key}"]
        for column in inspector.get_columns(table):
            for column_type, expression in RECOMPUTE.items():
                if isinstance(column["type"], column_type):
                    assignments.append(f"{column['name']} = {expression.format(column['name'])}")
                    break
        statement = UPDATE_BY_KEY.format(table=table, key=key, condition=condition, assignments=", ".join(assignments))
        connection.exec_driver_sql(statement)
    return oldest_transaction


def cluster_tables(engine: Engine, tables: Sequence[str]) -> bool:
    """Rewrite the files of these tables in the order of their keys, without old row versions.

    Each table is locked meanwhile. Then its statistics are renewed, because earlier ones have the keys of their time.
    Return False if a transaction might still see old row versions, since these would be kept. Also return False if a
    table stays locked for `PATIENCE`, since everyone who needs it queues behind us.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not wait_for_older_snapshots(connection):
            return False
        inspector = inspect(connection)
        connection.exec_driver_sql(f"SET lock_timeout = '{PATIENCE:.0f}s'")
        try:
            for table in tables:
                index = inspector.get_pk_constraint(table)["name"]
                connection.exec_driver_sql(f"CLUSTER {table} USING {index}")
            return renew_statistics(connection, tables)
        except OperationalError as error:  # the table is locked
            if not may_succeed_later(error):
                raise
            return False
        finally:
            connection.exec_driver_sql("RESET lock_timeout")


def renew_statistics(connection: Connection, tables: Sequence[str]) -> bool:
    """Sample these tables anew for the planner, and wipe the earlier samples, which have values of their columns.

    Autovacuum samples a table when a tenth of it has changed: until the next time, the sample would keep erased words,
    and the keys of the letters that had arrived by then. Return False if a transaction might still see the earlier
    samples. Only the owner of the database may wipe them: for others, PostgreSQL skips that with a warning.
    """
    for table in tables:
        connection.exec_driver_sql(f"ANALYZE {table}")
        _drop_sample_if_empty(connection, table)
    if not wait_for_older_snapshots(connection):
        return False
    connection.exec_driver_sql("VACUUM (FULL) pg_statistic")
    return True


def _drop_sample_if_empty(connection: Connection, table: str) -> None:
    """Drop the sample of a table without rows, since ANALYZE keeps it. Giving a column its own type drops it.

    That is impossible for the few tables whose triggers name columns (see `public_version`). They have no letters.
    """
    if connection.exec_driver_sql(f"SELECT EXISTS (SELECT 1 FROM {table})").scalar():  # noqa: S608 - a name of ours
        return
    for column, column_type in connection.execute(SAMPLED_COLUMNS, {"name": table}).all():
        with suppress(NotSupportedError):
            connection.exec_driver_sql(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE {column_type}")


def _primary_key(inspector: Any, table: str) -> str:
    (column,) = inspector.get_pk_constraint(table)["constrained_columns"]
    return str(column)
