"""Restore a backup into an empty place, completely or not at all, and erase again what was erased since."""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, delete, event, inspect, make_url, select, text, update
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from ..audit.models import Erasure
from ..crypto.seal import Keys
from ..db.engine import Database
from ..db.migrate import migrate_on, revisions
from ..db.postgresql import is_unseen
from ..db.public_version import unwatch
from ..db.session import now
from ..letters.models import Letter
from ..mail.models import OutboxMail
from ..questions.models import Question
from ..watching.models import Sighting
from ..workflows.retention import forget_order
from .erasing_again import erase_again
from .erasure_list import Line
from .packing import DAMAGED, BackupReader, Identity, UnreadableBackup, unpack
from .rows import BatchInserter, counts_of, tables_of

BEGUN = ".restoring"  # suffix of a SQLite file that is being filled
Progress = Callable[[int], None]


class NotEmpty(Exception):
    """Raised if there is something already where the backup should go; `str` says what."""


PATIENCE = 30.0  # seconds


@dataclass(frozen=True)
class Source:
    """A backup to restore, with the keys that decrypt the file and those of the newsroom."""

    path: Path
    identities: list[Identity]
    ring: Keys


@dataclass(frozen=True)
class Restored:
    """The result: rows by table, what was erased again, and how many mails a worker will send."""

    rows: dict[str, int]
    erased: Counter[str]
    waiting_mails: int


def check(source: Source, progress: Progress) -> dict[str, Any]:
    """Read a backup to its end and return its manifest, without writing anything.

    Raises `UnreadableBackup` and OSError.
    """
    unpacked = BackupReader(lambda *_: None, source.ring)
    unpack(source.path, source.identities, unpacked, progress)
    if unpacked.manifest["revision"] not in revisions():
        version = unpacked.manifest["version"]
        raise UnreadableBackup(f"The file was made by Readers Asked {version}, which is newer. Install that first.")
    return unpacked.manifest


def restore(
    source: Source, manifest: dict[str, Any], database: Database, erasures: frozenset[Line], progress: Progress
) -> Restored:
    """Fill the empty place that `database` names with a backup that `check` has read, and apply the list of `erasures`.

    Raises `NotEmpty`, `UnreadableBackup` and errors of the database; then the place is as empty as before.
    """
    into = _into_file if database.is_sqlite else _into_server
    return into(
        database,
        lambda connection: _fill(connection, source, manifest, progress),
        lambda session: _erase_and_summarize(session, erasures, manifest["rows"]),
    )


def refuse_unless_empty(database: Database) -> None:
    """Raise `NotEmpty` if the place that `database` names holds anything, even a table without rows."""
    if database.is_sqlite:
        path = _path(database)
        if not path.exists() or not path.stat().st_size:
            for beside in ("-wal", "-journal"):
                if path.with_name(path.name + beside).exists():
                    raise NotEmpty(f"{path.name}{beside} is there without its database: move it away first.")
            if path.with_name(path.name + BEGUN).exists():
                raise NotEmpty(_restore_running_message(path.with_name(path.name + BEGUN)))
            return
    with database.reader.connect() as connection, connection.begin():
        _refuse(connection)


def _restore_running_message(path: Path) -> str:
    return f"{path.name} is there: a restore is under way, or one was killed. If none runs, delete that file."


def _refuse(connection: Connection) -> None:
    if not (names := inspect(connection).get_table_names()):
        return
    counts = counts_of(connection, tables_of(connection))
    held = [f"{counts[name]} {name}" for name in ("newsletters", "letters", "questions", "people") if counts.get(name)]
    held = held or [f"{sum(counts.values())} rows in {len(names)} tables"]
    raise NotEmpty(f"There is a newsroom already ({', '.join(held)}). Restore into an empty database.")


def _into_server(
    database: Database, fill: Callable[[Connection], None], settle: Callable[[Session], Restored]
) -> Restored:
    """Restore in one transaction, from the first table to the last erasure."""
    with database.writer.begin() as connection:
        _refuse(connection)
        fill(connection)
        with database.within(connection) as session, session.begin():
            restored = settle(session)
    # What was erased again stays in the files until they are rewritten. Rows that an older snapshot could still see,
    # even that of autovacuum, would be copied too, so wait for those to end.
    with database.writer.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        is_unseen(connection, PATIENCE)
        connection.execute(text("VACUUM (FULL, ANALYZE)"))
    return restored


def _into_file(
    database: Database, fill: Callable[[Connection], None], settle: Callable[[Session], Restored]
) -> Restored:
    """Restore into a temporary file, which gets its name once everything is done."""
    path = _path(database)
    part = path.with_name(path.name + BEGUN)
    refuse_unless_empty(database)
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise NotEmpty(_restore_running_message(part)) from None
    try:
        url = make_url(database.url).set(database=str(part))
        engine = create_engine(url, poolclass=NullPool, hide_parameters=True)
        event.listen(engine, "connect", _unchecked)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        with engine.begin() as connection:
            fill(connection)
        filled = Database(str(url), database.ring, database.base_url, matcher=database.matcher)
        try:
            restored = filled.write(settle)
            with filled.writer.connect() as connection:
                connection.exec_driver_sql("COMMIT")
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            filled.close()
        with part.open("rb") as file:
            os.fsync(file.fileno())
        database.close()
        os.replace(part, path)
    finally:
        for left in ("", "-wal", "-shm", "-journal"):
            part.with_name(part.name + left).unlink(missing_ok=True)
    return restored


def _unchecked(driver_connection: Any, _record: Any) -> None:
    """Turn foreign keys off: they are checked once all rows are there."""
    driver_connection.isolation_level = None
    for pragma in ("foreign_keys=OFF", "secure_delete=ON"):
        driver_connection.execute(f"PRAGMA {pragma}")


def _path(database: Database) -> Path:
    return Path(make_url(database.url).database or "")


def _fill(connection: Connection, source: Source, manifest: dict[str, Any], progress: Progress) -> None:
    """Restore the tables, and migrate them to this version."""
    restore_tables(connection, source, manifest, progress)
    migrate_on(connection)
    # The worker fills the indexes: they hold copies, and are left out of backups.
    for noun in (Letter, Question):
        connection.execute(update(noun).values(indexed_version=0))


def restore_tables(connection: Connection, source: Source, manifest: dict[str, Any], progress: Progress) -> None:
    """Create the tables as of the backup's revision, with all their rows. SQLite checks no foreign keys meanwhile."""
    migrate_on(connection, manifest["revision"])
    unwatch(connection)
    references = _without_references(connection)
    if inspect(connection).has_table(Sighting.__tablename__):  # a new database already has a sighting of itself
        connection.execute(delete(Sighting))
    filling = BatchInserter(connection)

    def take(table: str, columns: list[str], one: bytes) -> None:
        filling.take(table, columns, one)

    unpacked = BackupReader(take, source.ring)
    unpack(source.path, source.identities, unpacked, progress)
    if unpacked.manifest != manifest:
        raise UnreadableBackup(DAMAGED)  # somebody has replaced the file since `check` read it
    filling.put()
    filling.number_on()
    for statement in references:
        connection.exec_driver_sql(statement)


def _without_references(connection: Connection) -> list[str]:
    """Drop PostgreSQL's foreign keys, since tables refer to each other. Return the statements that add them again.

    Adding them checks every row.
    """
    if connection.dialect.name != "postgresql":
        return []
    query = text(
        "SELECT conrelid::regclass::text AS of, quote_ident(conname) AS name, pg_get_constraintdef(oid) AS rule "
        "FROM pg_constraint WHERE contype = 'f' AND connamespace = current_schema()::regnamespace ORDER BY conname"
    )
    found = connection.execute(query).all()
    for row in found:
        connection.exec_driver_sql(f"ALTER TABLE {row.of} DROP CONSTRAINT {row.name}")
    return [f"ALTER TABLE {row.of} ADD CONSTRAINT {row.name} {row.rule}" for row in found]


def _erase_and_summarize(session: Session, erasures: frozenset[Line], rows: dict[str, int]) -> Restored:
    known = {(row.key_no, row.mac) for row in session.execute(select(Erasure.key_no, Erasure.mac))}
    session.add_all(Erasure(key_no=number, mac=mac) for number, mac in sorted(erasures - known))
    session.flush()
    # The order of the days since the backup must be erased, and transaction ids of another server mean nothing here.
    session.execute(update(Sighting).where(Sighting.name == forget_order.NAME).values(number=0))
    erased = erase_again(session, {mac for _, mac in erasures | known})
    waits = select(OutboxMail.id).where(OutboxMail.is_queued, OutboxMail.expires_at > now(session))
    return Restored(rows, erased, len(session.scalars(waits).all()))
