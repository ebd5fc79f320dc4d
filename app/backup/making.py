"""Creation of a backup: the rows as of one moment, in a file that is either complete or doesn't exist."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, text

from ..audit.models import Erasure
from ..core.clock import utc_now
from ..db.engine import Database
from ..version import VERSION
from . import erasure_list
from .atomic_file import atomic_file
from .erasure_list import Erasures
from .packing import FORMAT_KEY, FORMAT_VERSION, MAC_PURPOSE, Recipient, encode_line, encrypt, pack
from .rows import count_rows, iter_lines, reflect_tables

DAMAGED = "The database is damaged ({}): keep the last good backup."
ERASURES_SUFFIX = ".erasures"  # of the list of erasures beside a backup


class UnusableDatabase(Exception):
    """Raised if the database is damaged or has no newsroom, since its backup might replace a good one.

    The message is a sentence for the operator.
    """


@contextmanager
def snapshot(database: Database) -> Iterator[Connection]:
    """Yield a connection that sees everything as of one moment, whatever others write meanwhile."""
    with database.reader.connect() as connection:
        if not database.is_sqlite:
            connection = connection.execution_options(isolation_level="REPEATABLE READ")  # noqa: PLW2901
        with connection.begin():
            yield connection


def create_backup(
    database: Database,
    path: Path,
    recipients: list[Recipient],
    erasures_path: Path | None,
    *,
    replace: bool,
    progress: Callable[[int, int], None],
) -> dict[str, int]:
    """Write a backup to `path`, encrypted if there are `recipients`, and beside it the list of erasures.

    That list has the erasures in the database, and those in the list at `erasures_path`. `progress` is called after
    each row with 1 and the total number of rows. Returns the number of rows by table. Raises FileExistsError unless
    `replace`, `UnusableDatabase`, `Changed`, `NotOurList` and OSError; the file at `path` is then unchanged.
    """
    keyring = database.keyring
    with atomic_file(path, replace) as file, snapshot(database) as connection:
        snapshot_time = utc_now()
        tables = reflect_tables(connection)
        if "newsletters" not in tables:
            raise UnusableDatabase("There is no newsroom in the database.")
        _check_integrity(connection)
        row_counts = count_rows(connection, tables)
        # A database from before the table of erasures was added has none.
        has_erasures = Erasure.__tablename__ in tables
        database_lines = _load_erasure_lines(connection) if has_erasures else frozenset()
        erasures = Erasures(snapshot_time, database_lines)
        existing_list = erasure_list.read_list(erasures_path, keyring) if erasures_path else None
        if existing_list:
            erasures = existing_list | erasures
        erasure_list.write_list(path.with_name(path.name + ERASURES_SUFFIX), erasures, keyring)
        backup_id = secrets.token_hex(16)
        manifest = {
            FORMAT_KEY: FORMAT_VERSION,
            "version": VERSION,
            "revision": connection.scalar(text("SELECT version_num FROM alembic_version")),
            "database": connection.dialect.name,
            "at": snapshot_time.isoformat(timespec="microseconds"),
            "id": backup_id,
            "keys": {number: keyring.mac(MAC_PURPOSE, backup_id, number).hex() for number in keyring.numbers},
            "erasures": len(database_lines),
            "rows": row_counts,
        }
        total = sum(row_counts.values())

        def lines() -> Iterator[bytes]:
            yield encode_line(manifest)
            yield from iter_lines(connection, tables, lambda count: progress(count, total))

        chunks = pack(lines(), keyring)
        if recipients:
            encrypt(chunks, file, recipients)
        else:
            for chunk in chunks:
                file.write(chunk)
    return row_counts


def _load_erasure_lines(connection: Connection) -> frozenset[erasure_list.Line]:
    rows = connection.execute(text("SELECT key_no, mac FROM erasures"))
    return frozenset((row.key_no, bytes(row.mac)) for row in rows)


def _check_integrity(connection: Connection) -> None:
    """Raise `UnusableDatabase` if SQLite finds its file damaged. PostgreSQL checks the pages that it reads."""
    if connection.dialect.name == "sqlite":
        integrity = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
        if integrity != "ok":
            raise UnusableDatabase(DAMAGED.format(integrity))
        violation = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if violation:
            table = violation[0]
            raise UnusableDatabase(DAMAGED.format(f"a row of {table} points nowhere"))
