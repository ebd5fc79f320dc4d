"""Make a backup: all rows as of one moment, in a file that is complete or doesn't exist."""

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
from .erasure_list import Erasures
from .packing import FORM, NUMBER, PURPOSE, Recipient, line, pack, seal
from .rows import counts_of, lines_of, tables_of
from .whole_file import whole_file

DAMAGED = "The database is damaged ({}): keep the last good backup."
BESIDE = ".erasures"  # suffix of the list beside a backup


class Broken(Exception):
    """Raised if the database is damaged or has no newsroom, as its backup might replace a better one.

    `str` is the reason, as a sentence for a person.
    """


@contextmanager
def one_moment(database: Database) -> Iterator[Connection]:
    """Yield a connection that sees everything as of one moment, whatever others write meanwhile."""
    with database.reader.connect() as connection:
        if not database.is_sqlite:
            connection = connection.execution_options(isolation_level="REPEATABLE READ")  # noqa: PLW2901
        with connection.begin():
            yield connection


def make(
    database: Database,
    path: Path,
    recipients: list[Recipient],
    erasures: Path | None,
    replace: bool,
    progress: Callable[[int, int], None],
) -> dict[str, int]:
    """Write a backup to `path`, encrypted if there are `recipients`, and beside it the list of erasures.

    `erasures` is the path of the list that the newsroom keeps; `progress` is called with the rows done and their total.
    Returns the number of rows by table. Raises FileExistsError unless `replace`, `Broken`, `Changed`, `NotOurList` and
    OSError; then `path` is unchanged.
    """
    with whole_file(path, replace) as file, one_moment(database) as connection:
        snapshot_time = utc_now()
        tables = tables_of(connection)
        if "newsletters" not in tables:
            raise Broken("There is no newsroom in the database.")
        _check(connection)
        counts = counts_of(connection, tables)
        # A database from before the table of erasures was added has none.
        has_erasures = Erasure.__tablename__ in tables
        own_lines = _load_erasure_lines(connection) if has_erasures else frozenset()
        own_list = Erasures(snapshot_time, own_lines)
        kept_list = erasure_list.read_list(erasures, database.keyring) if erasures else None
        full_list = kept_list | own_list if kept_list else own_list
        erasure_list.write_list(path.with_name(path.name + BESIDE), full_list, database.keyring)
        backup_id = secrets.token_hex(16)
        manifest = {
            FORM: NUMBER,
            "version": VERSION,
            "revision": connection.scalar(text("SELECT version_num FROM alembic_version")),
            "database": connection.dialect.name,
            "at": snapshot_time.isoformat(timespec="microseconds"),
            "id": backup_id,
            "keys": {number: database.keyring.mac(PURPOSE, backup_id, number).hex() for number in database.keyring.numbers},
            "erasures": len(own_lines),
            "rows": counts,
        }
        total = sum(counts.values())

        def lines() -> Iterator[bytes]:
            yield line(manifest)
            yield from lines_of(connection, tables, lambda done: progress(done, total))

        chunks = pack(lines(), database.keyring)
        if recipients:
            seal(chunks, file, recipients)
        else:
            for chunk in chunks:
                file.write(chunk)
    return counts


def _load_erasure_lines(connection: Connection) -> frozenset[erasure_list.Line]:
    rows = connection.execute(text("SELECT key_no, mac FROM erasures"))
    return frozenset((row.key_no, bytes(row.mac)) for row in rows)


def _check(connection: Connection) -> None:
    """Raise `Broken` if SQLite finds its file damaged. PostgreSQL checks the pages that it reads."""
    if connection.dialect.name == "sqlite":
        integrity = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
        if integrity != "ok":
            raise Broken(DAMAGED.format(integrity))
        violation = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if violation:
            table = violation[0]
            raise Broken(DAMAGED.format(f"a row of {table} points nowhere"))
