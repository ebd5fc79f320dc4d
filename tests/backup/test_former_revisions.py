"""A newsroom of each former revision, with what was in it, comes to this version whole."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, event, select, text
from sqlalchemy.pool import NullPool

from app.backup.packing import BackupReader, unpack
from app.backup.restoring import Source, check, restore_tables
from app.backup.rows import _encode_value, reflect_tables
from app.crypto.seal import Keys
from app.db.migrate import list_revisions, migrate
from tests.support.app import SECRETS
from tests.support.former_newsroom import BACKUP_FOLDER, backup_path

RING = Keys(SECRETS)
FORMERLY = list_revisions()[:-1]
# What was there differs by revision and what is done with it by database: PostgreSQL is asked for every fourth and the newest.
ON_POSTGRESQL = [*FORMERLY[:-3:4], *FORMERLY[-3:]]


def source(revision: str) -> Source:
    return Source(backup_path(revision), [], RING)


def read_rows(revision: str) -> dict[str, list[dict[str, Any]]]:
    """The rows of a backup as they stand in its lines."""
    rows: dict[str, list[dict[str, Any]]] = {}

    def take(table: str, columns: list[str], one: bytes) -> None:
        rows.setdefault(table, []).append(dict(zip(columns, json.loads(one), strict=True)))

    unpack(source(revision).path, [], BackupReader(take, RING), lambda _: None)
    return rows


@pytest.fixture(scope="module")
def former_schemas(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An SQLite file without a newsroom at each former revision, each migrated from the one before."""
    folder = tmp_path_factory.mktemp("schemas")
    newest, files = folder / "newest.db", {}
    for revision in FORMERLY:
        migrate(f"sqlite:///{newest}", revision)
        files[revision] = Path(shutil.copy(newest, folder / f"{revision}.db"))
    return files


@pytest.fixture
def former_url(request: pytest.FixtureRequest, empty_url: str, revision: str) -> str:
    """The URL of a database into which a backup of the revision can be restored.

    On PostgreSQL it is empty, and the restore migrates it to that revision. On SQLite this has been done.
    """
    if empty_url.startswith("sqlite"):
        files: dict[str, Path] = request.getfixturevalue("former_schemas")
        shutil.copy(files[revision], empty_url.removeprefix("sqlite:///"))
    return empty_url


@pytest.fixture
def engine(former_url: str) -> Iterator[Any]:
    made = create_engine(former_url, poolclass=NullPool)
    if former_url.startswith("sqlite"):
        event.listen(made, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys=OFF"))
    yield made
    made.dispose()


def compare_values(connection: Connection, was: dict[str, list[dict[str, Any]]]) -> Iterator[tuple[str, str, Any, Any]]:
    """Each value that was there beside the one that stands there now, of the columns that there still are."""
    for name, table in reflect_tables(connection).items():
        now = {row.id if "id" in table.c else row[0]: row._mapping for row in connection.execute(select(table))}
        keys = [row["id"] if "id" in row else next(iter(row.values())) for row in was.get(name, [])]
        assert sorted(now) == sorted(keys) or name not in was, f"{name} has other rows than it had"
        for key, row in zip(keys, was.get(name, []), strict=True):
            yield from ((name, column, value, now[key][column]) for column, value in row.items() if column in table.c)


def test_there_is_a_newsroom_of_each_former_revision() -> None:
    """Whoever adds a migration adds the newsroom that it finds."""
    there = sorted(path.stem for path in BACKUP_FOLDER.glob("*.backup"))
    missing = [one for one in FORMERLY if one not in there]
    assert not missing, f"make them: python -m tests.support.former_newsroom {' '.join(missing)}"
    surplus = [one for one in there if one not in FORMERLY]
    assert not surplus, f"No migration leads on from these: delete them from tests/support/former: {surplus}"


@pytest.mark.parametrize(
    ("empty_url", "revision"),
    [*(("sqlite", one) for one in FORMERLY), *(("postgresql", one) for one in ON_POSTGRESQL)],
    indirect=["empty_url"],
)
def test_all_that_was_there_stands(revision: str, former_url: str, engine: Any) -> None:
    manifest = check(source(revision), lambda _: None)
    with engine.begin() as connection:
        restore_tables(connection, source(revision), manifest, lambda _: None)
    steps: list[str] = []
    migrate(former_url, say=steps.append)
    known = [*list_revisions()]
    assert [step.split()[0] for step in steps] == known[known.index(revision) + 1 :]
    was = read_rows(revision)
    assert len(was["letters"]) > 5 and len(was["outbox_contents"]) > 5
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == known[-1]
        moved = {
            (table, column)
            for table, column, before, after in compare_values(connection, was)
            if _encode_value(after) != before
        }
    assert moved == set()
