"""Restoring of a backup into an empty database, completely or not at all, with the erasures since then repeated."""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, event, inspect, make_url, select, text, update
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from ..audit.models import Erasure
from ..crypto.seal import Keys
from ..db.encryption import create_sqlite_engine
from ..db.engine import Database
from ..db.migrate import list_revisions, migrate_on
from ..db.postgresql import wait_for_older_snapshots
from ..db.public_version import drop_triggers
from ..db.session import now
from ..letters.models import Letter
from ..mail.models import OutboxMail
from ..questions.models import Question
from ..watching.models import Sighting
from ..workflows.retention import forget_order
from .erasing_again import erase_again
from .erasure_list import Line
from .packing import DAMAGED, BackupReader, Identity, UnreadableBackup, unpack
from .rows import BatchInserter, count_rows, reflect_tables

UNFINISHED_SUFFIX = ".restoring"  # of a SQLite file that is being filled
SNAPSHOT_TIMEOUT = 30.0  # seconds to wait for older snapshots before PostgreSQL's tables are rewritten
Progress = Callable[[int], None]  # called with a number of bytes


class NotEmpty(Exception):
    """Raised if the database that should be filled is not empty. The message says what is there."""


@dataclass(frozen=True)
class Source:
    """A backup to restore: its file, the age identities that decrypt it, and the newsroom's keys."""

    path: Path
    identities: list[Identity]
    keyring: Keys


@dataclass(frozen=True)
class Restored:
    """The counts of a restore: rows by table, repeated erasures by kind, and mails that a worker will send."""

    rows: dict[str, int]
    erased: Counter[str]
    waiting_mails: int


def check(source: Source, progress: Progress) -> dict[str, Any]:
    """Read a backup to its end and return its manifest, without writing anything.

    Raises `UnreadableBackup` and OSError.
    """
    reader = BackupReader(lambda *_: None, source.keyring)
    unpack(source.path, source.identities, reader, progress)
    if reader.manifest["revision"] not in list_revisions():
        version = reader.manifest["version"]
        raise UnreadableBackup(f"The file was made by Readers Asked {version}, which is newer. Install that first.")
    return reader.manifest


def restore(
    source: Source, manifest: dict[str, Any], database: Database, erasures: frozenset[Line], progress: Progress
) -> Restored:
    """Fill an empty database with a backup, and repeat the `erasures`. `manifest` is what `check` returned.

    Raises `NotEmpty`, `UnreadableBackup` and errors of the database, which is then as empty as before. Only if
    PostgreSQL fails when it finally rewrites its files, the restored rows stay.
    """
    restore_into = _restore_into_file if database.is_sqlite else _restore_into_server
    return restore_into(
        database,
        lambda connection: _fill(connection, source, manifest, progress),
        lambda session: _erase_and_summarize(session, erasures, manifest["rows"]),
    )


def refuse_unless_empty(database: Database) -> None:
    """Raise `NotEmpty` if the database has a table, even one without rows, or files beside a missing SQLite file."""
    if database.is_sqlite:
        path = _database_path(database)
        has_content = path.exists() and path.stat().st_size > 0
        if not has_content:  # don't connect, since that would create the file
            for suffix in ("-wal", "-journal"):
                if path.with_name(path.name + suffix).exists():
                    raise NotEmpty(f"{path.name}{suffix} is there without its database: move it away first.")
            unfinished = path.with_name(path.name + UNFINISHED_SUFFIX)
            if unfinished.exists():
                raise NotEmpty(_restore_running_message(unfinished))
            return
    with database.reader.connect() as connection, connection.begin():
        _refuse_tables(connection)


def _restore_running_message(path: Path) -> str:
    return f"{path.name} is there: a restore is under way, or one was killed. If none runs, delete that file."


def _refuse_tables(connection: Connection) -> None:
    """Raise `NotEmpty` if the database has any table."""
    names = inspect(connection).get_table_names()
    if not names:
        return
    counts = count_rows(connection, reflect_tables(connection))
    main_tables = ("newsletters", "letters", "questions", "people")
    contents = [f"{counts[name]} {name}" for name in main_tables if counts.get(name)]
    if not contents:
        contents = [f"{sum(counts.values())} rows in {len(names)} tables"]
    raise NotEmpty(f"There is a newsroom already ({', '.join(contents)}). Restore into an empty database.")


def _restore_into_server(
    database: Database, fill: Callable[[Connection], None], finish: Callable[[Session], Restored]
) -> Restored:
    """Restore into PostgreSQL, in one transaction from the first table to the last erasure."""
    with database.writer.begin() as connection:
        _refuse_tables(connection)
        fill(connection)
        with database.session_for(connection) as session, session.begin():
            restored = finish(session)
    # Erased rows stay in the files until those are rewritten. Rows that an older snapshot can still see, even one of
    # autovacuum, would be copied too, so wait for those snapshots to end.
    with database.writer.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        wait_for_older_snapshots(connection, SNAPSHOT_TIMEOUT)
        connection.execute(text("VACUUM (FULL, ANALYZE)"))
    return restored


def _restore_into_file(
    database: Database, fill: Callable[[Connection], None], finish: Callable[[Session], Restored]
) -> Restored:
    """Restore into a temporary SQLite file, and rename it once everything is done."""
    path = _database_path(database)
    unfinished = path.with_name(path.name + UNFINISHED_SUFFIX)
    refuse_unless_empty(database)
    try:
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise NotEmpty(_restore_running_message(unfinished)) from None
    try:
        url = make_url(database.url).set(database=str(unfinished))
        engine = create_sqlite_engine(str(url), database.file_key, poolclass=NullPool, hide_parameters=True)
        event.listen(engine, "connect", _disable_foreign_keys)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        with engine.begin() as connection:
            fill(connection)
        filled_database = Database(
            str(url), database.keyring, database.base_url, matcher=database.matcher, file_key=database.file_key
        )
        try:
            restored = filled_database.write(finish)
            with filled_database.writer.connect() as connection:
                connection.exec_driver_sql("COMMIT")  # a checkpoint fails inside a transaction that writes
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            filled_database.close()
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        database.close()
        os.replace(unfinished, path)
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            unfinished.with_name(unfinished.name + suffix).unlink(missing_ok=True)
    return restored


def _disable_foreign_keys(driver_connection: Any, _record: Any) -> None:
    """Configure a connection without checks of foreign keys, since a row may come before the one that it refers to."""
    driver_connection.isolation_level = None  # the listener of "begin" begins transactions
    for pragma in ("foreign_keys=OFF", "secure_delete=ON"):
        driver_connection.execute(f"PRAGMA {pragma}")


def _database_path(database: Database) -> Path:
    return Path(make_url(database.url).database or "")


def _fill(connection: Connection, source: Source, manifest: dict[str, Any], progress: Progress) -> None:
    """Restore the tables, and migrate them to this version."""
    restore_tables(connection, source, manifest, progress)
    migrate_on(connection)
    # The worker fills the indexes: they hold copies, and are left out of backups.
    for model in (Letter, Question):
        connection.execute(update(model).values(indexed_version=0))


def restore_tables(connection: Connection, source: Source, manifest: dict[str, Any], progress: Progress) -> None:
    """Create the tables of the backup's revision, and insert all rows.

    On SQLite the connection must not check foreign keys.
    """
    migrate_on(connection, manifest["revision"])
    drop_triggers(connection)  # the migrations create them again
    add_foreign_keys = _drop_foreign_keys(connection)
    if inspect(connection).has_table(Sighting.__tablename__):  # a new database already has a sighting of itself
        connection.execute(delete(Sighting))
    inserter = BatchInserter(connection)
    reader = BackupReader(inserter.add, source.keyring)
    unpack(source.path, source.identities, reader, progress)
    if reader.manifest != manifest:
        raise UnreadableBackup(DAMAGED)  # somebody has replaced the file since `check` read it
    inserter.flush()
    inserter.set_sequences()
    for statement in add_foreign_keys:
        connection.exec_driver_sql(statement)


def _drop_foreign_keys(connection: Connection) -> list[str]:
    """Drop PostgreSQL's foreign keys, so that rows can be inserted in any order.

    Return the statements that add them again and so check every row.
    """
    if connection.dialect.name != "postgresql":
        return []
    query = text(
        "SELECT conrelid::regclass::text AS table_name, quote_ident(conname) AS name, "
        "pg_get_constraintdef(oid) AS rule FROM pg_constraint "
        "WHERE contype = 'f' AND connamespace = current_schema()::regnamespace ORDER BY conname"
    )
    foreign_keys = connection.execute(query).all()
    for key in foreign_keys:
        connection.exec_driver_sql(f"ALTER TABLE {key.table_name} DROP CONSTRAINT {key.name}")
    return [f"ALTER TABLE {key.table_name} ADD CONSTRAINT {key.name} {key.rule}" for key in foreign_keys]


def _erase_and_summarize(session: Session, erasures: frozenset[Line], rows: dict[str, int]) -> Restored:
    """Record the list of erasures in the database, repeat all recorded ones, and return the counts of the restore."""
    recorded = {(row.key_no, row.mac) for row in session.execute(select(Erasure.key_no, Erasure.mac))}
    session.add_all(Erasure(key_no=number, mac=mac) for number, mac in sorted(erasures - recorded))
    session.flush()
    # The number is the transaction ID up to which rows were rewritten to forget their order of arrival. IDs of another
    # server mean nothing here, and 0 makes the worker rewrite all rows.
    session.execute(update(Sighting).where(Sighting.name == forget_order.SIGHTING_NAME).values(number=0))
    erased = erase_again(session, {mac for _, mac in erasures | recorded})
    waiting_mails = select(OutboxMail.id).where(OutboxMail.is_queued, OutboxMail.expires_at > now(session))
    return Restored(rows, erased, waiting_mails=len(session.scalars(waiting_mails).all()))
