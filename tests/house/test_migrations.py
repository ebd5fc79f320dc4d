"""Migrations make what the models say, on both databases, up, down and up again, and lose nothing that is there."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import (
    CheckConstraint,
    Connection,
    ForeignKeyConstraint,
    create_engine,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from app.audit import Event
from app.core.actors import Reader
from app.crypto.seal import Keys
from app.db import migrate as migrating
from app.db import sqlite
from app.db.engine import Database
from app.db.migrate import NotMigrated, alembic_config, downgrade, list_revisions, migrate
from app.letters import receive
from app.letters.models import Addition, Contact, Credit, Letter
from app.models import Base
from app.newsletters.models import Newsletter
from app.search.models import is_index
from tests.support.app import BASE_URL, SECRETS
from tests.support.databases import execute_as_admin, postgres_url
from tests.support.required_rows import compare_names
from tests.support.sample_newsroom import create_newsroom

Connect = Callable[[str], Connection]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Connections that are closed at the end, whatever happened."""
    with ExitStack() as stack:
        yield lambda url: stack.enter_context(create_engine(url, poolclass=NullPool).connect())


@pytest.fixture
def of_models(empty_url: str, tmp_path: Path) -> Iterator[str]:
    """A database of the same kind as `empty_url`, made by the models and not by migrations."""
    name = f"models_{uuid4().hex}"
    is_sqlite = empty_url.startswith("sqlite")
    url = f"sqlite:///{tmp_path / name}.db" if is_sqlite else postgres_url(name)
    if not is_sqlite:
        execute_as_admin(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
    engine = create_engine(url)
    Base.metadata.create_all(engine)
    engine.dispose()
    yield url
    if not is_sqlite:
        execute_as_admin(f"DROP DATABASE {name} WITH (FORCE)")


def shape(connection: Connection) -> dict[str, Any]:
    """All that the database itself says of each table, in an order that does not depend on who made it."""
    look = inspect(connection)

    def format_value(value: Any) -> str:
        return str(
            sorted((key, format_value(inner)) for key, inner in value.items()) if isinstance(value, dict) else value
        )

    def format_rows(rows: Any) -> list[str]:
        return sorted(format_value(row) for row in rows)

    return {
        table: {
            "columns": format_rows(look.get_columns(table)),
            "primary key": look.get_pk_constraint(table),
            "foreign keys": format_rows(look.get_foreign_keys(table)),
            "uniques": format_rows(look.get_unique_constraints(table)),
            "checks": format_rows(look.get_check_constraints(table)),
            "indexes": format_rows(look.get_indexes(table)),
        }
        for table in look.get_table_names()
        if table != "alembic_version"
    }


def format_difference(one: Any, other: Any) -> str:
    """What one shape of a table has and the other lacks."""
    return ", ".join(row for row in one if row not in other) if isinstance(one, list) else str(one)


def test_alembic_finds_nothing_to_change(empty_url: str, connect: Connect) -> None:
    migrate(empty_url)
    connection = connect(empty_url)
    compared = {"compare_type": True, "include_name": lambda name, kind, _: kind != "table" or not is_index(name)}
    found = compare_metadata(MigrationContext.configure(connection, opts=compared), Base.metadata)
    assert not found, "The models say what no migration makes; draft one with `make migration`:\n" + "\n".join(
        map(str, found)
    )


def test_every_check_key_and_index_is_as_the_models_say(of_models: str, empty_url: str, connect: Connect) -> None:
    """Alembic does not compare CHECK constraints, so the databases themselves are asked."""
    migrate(empty_url)
    migrated, declared = shape(connect(empty_url)), shape(connect(of_models))
    found = compare_names(
        declared,
        migrated,
        missing="No migration makes the table {name} of the models: draft one with `make migration`.",
        surplus="No model has the table {name} that the migrations make: drop it in a migration, or give it its model.",
    )
    found += [
        f"{table}: models and migrations differ in {what}: write a migration (of CHECKs by `change_checks` from "
        f"migrations/checks.py). Only in the models: {format_difference(said, migrated[table][what])}; only in the migrations: "
        f"{format_difference(migrated[table][what], said)}."
        for table in declared
        if table in migrated
        for what, said in declared[table].items()
        if said != migrated[table][what]
    ]
    assert not found, "\n".join(found)
    checks = sum(len(table["checks"]) for table in declared.values())
    keys = sum(len(table["foreign keys"]) for table in declared.values())
    constraints = [c for table in Base.metadata.tables.values() for c in table.constraints]
    assert checks == sum(isinstance(c, CheckConstraint) for c in constraints)
    assert keys == sum(isinstance(c, ForeignKeyConstraint) for c in constraints)


WITHOUT_AUTOINCREMENT = {
    "questions",
    "answers",
    "outbox_contents",
    "inbound_raw",
    "sealing_keys",
    "chain_links",  # whose numbers follow from one another
    "desk_terms",
    "public_terms",
    "public_versions",  # a newsletter's key is theirs
    "sightings",  # which are named and have no number
}


def test_a_key_is_never_used_twice_on_sqlite(tmp_path: Path, connect: Connect) -> None:
    """SQLAlchemy leaves AUTOINCREMENT out where a key is part of another foreign key. There only the newest key could come
    again, after its row was deleted, and nothing deletes a question or an answer."""
    url = f"sqlite:///{tmp_path / 'newsroom.db'}"
    migrate(url)
    statements = connect(url).execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'table'")).all()
    found = compare_names(
        [name for name, _sql in statements if name in Base.metadata.tables and name not in WITHOUT_AUTOINCREMENT],
        [name for name, sql in statements if "AUTOINCREMENT" in (sql or "")],
        missing="A key of {name} could be given again after its row was deleted: make the table with "
        "`sqlite_autoincrement=True` in its migration, or name it in WITHOUT_AUTOINCREMENT, where nothing deletes "
        "its rows.",
        surplus="{name} never gives a key twice: take it out of WITHOUT_AUTOINCREMENT.",
    )
    assert not found, "\n".join(found)


def test_down_leaves_nothing_and_up_again_makes_the_same(empty_url: str, connect: Connect) -> None:
    migrate(empty_url)
    before = shape(connect(empty_url))
    downgrade(empty_url)
    connection = connect(empty_url)
    assert inspect(connection).get_table_names() == ["alembic_version"]
    if connection.dialect.name == "postgresql":
        assert connection.scalar(text("SELECT count(*) FROM pg_proc WHERE proname LIKE 'audit%'")) == 0
    connection.close()
    migrate(empty_url)
    assert shape(connect(empty_url)) == before


def test_down_works_with_rows_in_the_tables(database: Database) -> None:
    _timur_asks(database)
    database.close()
    downgrade(database.url)
    migrate(database.url)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Letter)) == 0


def test_migrating_again_changes_nothing(database: Database) -> None:
    _timur_asks(database)
    before = _counts(database)
    migrate(database.url)
    assert _counts(database) == before


@pytest.mark.threat("rogue admin", "rewritten trail")
@pytest.mark.parametrize("change", ["UPDATE audit SET action = 'nothing'", "DELETE FROM audit", "TRUNCATE audit"])
def test_the_trail_is_append_only(database: Database, change: str) -> None:
    if database.is_sqlite and change.startswith("TRUNCATE"):
        change = "REPLACE INTO audit SELECT * FROM audit LIMIT 1"
    _timur_asks(database)
    with database.read() as session:
        trail = [(event.id, event.action) for event in session.scalars(select(Event).order_by(Event.id))]
    assert trail
    with pytest.raises(DBAPIError, match="append-only"), database.writer.begin() as connection:
        connection.execute(text(change))
    with database.read() as session:
        assert [(event.id, event.action) for event in session.scalars(select(Event).order_by(Event.id))] == trail


REBUILD = """\"\"\"Two tables are made anew.\"\"\"

import sqlalchemy as sa
from alembic import op

revision, down_revision = "rebuild", "{head}"
REBUILT = {{"recreate": "{recreate}", "table_kwargs": {{"sqlite_autoincrement": True}}}}


def upgrade() -> None:
    for table in ("letters", "audit"):
        with op.batch_alter_table(table, **REBUILT) as batch:
            batch.add_column(sa.Column("colour", sa.String(20)))
    op.execute("{then}")


def downgrade() -> None:
    for table in ("letters", "audit"):
        with op.batch_alter_table(table, **REBUILT) as batch:
            batch.drop_column("colour")
"""


def _a_later_migration(url: str, folder: Path, then: str = "SELECT 1") -> Any:
    """A revision of tomorrow, after those that are there, that rebuilds two tables."""
    config, recreate = alembic_config(url), "always" if url.startswith("sqlite") else "never"
    head = ScriptDirectory.from_config(config).get_current_head()
    (folder / "rebuild.py").write_text(REBUILD.format(head=head, then=then, recreate=recreate))
    versions = Path(__file__).parent.parent.parent / "migrations" / "versions"
    config.set_main_option("version_locations", f"{versions} {folder}")
    config.set_main_option("path_separator", "space")
    return config


def test_a_rebuilt_table_keeps_its_children_triggers_and_autoincrement(database: Database, tmp_path: Path) -> None:
    _timur_asks(database)
    before = _counts(database)
    assert before == {"letters": 1, "contacts": 1, "credits": 1, "additions": 1}
    database.close()
    config = _a_later_migration(database.url, tmp_path)
    command.upgrade(config, "rebuild")
    assert _counts(database) == before
    with pytest.raises(DBAPIError, match="append-only"), database.writer.begin() as connection:
        connection.execute(text("DELETE FROM audit"))
    if database.is_sqlite:
        with database.writer.begin() as connection:
            made = connection.scalar(text("SELECT sql FROM sqlite_master WHERE name = 'letters'"))
        assert made.count("AUTOINCREMENT") == 1
    database.close()
    command.downgrade(config, "-1")
    assert _counts(database) == before


def test_a_migration_that_leaves_rows_dangling_is_not_kept(database: Database, tmp_path: Path) -> None:
    _timur_asks(database)
    before = _counts(database)
    database.close()
    with pytest.raises(Exception, match="newsletters"):
        command.upgrade(_a_later_migration(database.url, tmp_path, then="DELETE FROM newsletters"), "rebuild")
    assert _counts(database) == before
    with database.writer.begin() as connection:
        columns = {column["name"] for column in inspect(connection).get_columns("letters")}
    assert columns == set(Base.metadata.tables["letters"].columns.keys())


def test_each_step_is_told(empty_url: str) -> None:
    steps: list[str] = []
    migrate(empty_url, "0003", say=steps.append)
    assert [step.split("  ")[0] for step in steps] == ["0001", "0002", "0003"]
    assert steps[0] == "0001  All tables of the main job"
    migrate(empty_url, say=steps.append)
    assert [step.split("  ")[0] for step in steps] == [*list_revisions()]
    migrate(empty_url, say=steps.append)
    assert len(steps) == len(list_revisions())


def test_a_step_that_somebody_keeps_waiting_is_undone_and_tried_again(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A newsroom that works on is not held up: on PostgreSQL whoever comes after a step that waits would wait as well."""
    _timur_asks(database)
    database.close()
    later, head = _a_later_migration(database.url, tmp_path), list_revisions()[-1]
    monkeypatch.setattr(migrating, "alembic_config", lambda _url, _key: later)
    monkeypatch.setattr(migrating, "LOCK_TIMEOUT", 0.1)
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 100)
    said: list[str] = []
    with database.writer.begin() as somebody:
        somebody.execute(text("SELECT id FROM letters"))
        with pytest.raises(NotMigrated):
            migrate(database.url, say=said.append, tries=2, pause=0)
    assert len(said) == 1 and "all is undone and tried again" in said[0]
    with database.writer.begin() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == head
    database.close()
    migrate(database.url, say=said.append, tries=1)
    assert said[-1].split("  ")[0] == "rebuild"


def test_a_step_that_fails_is_said_with_how_things_stand(
    app: Flask, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _timur_asks(database)
    before = _counts(database)
    database.close()
    later = _a_later_migration(database.url, tmp_path, then="DELETE FROM newsletters")
    monkeypatch.setattr(migrating, "alembic_config", lambda _url, _key: later)
    said = app.test_cli_runner().invoke(args=["migrate"])
    assert said.exit_code == 1 and "The database is unchanged: no migration was applied." in said.output
    assert _counts(database) == before


def test_the_database_refuses_a_key_that_points_nowhere(database: Database) -> None:
    newsroom = database.write(create_newsroom)
    row = {"newsletter_id": newsroom.newsletter_id + 1, "slug": "x", "name": "x"}
    with pytest.raises(DBAPIError), database.writer.begin() as connection:
        connection.execute(insert(Base.metadata.tables["topics"]), row)


def _timur_asks(database: Database) -> None:
    """One letter with everything that can hang on it."""
    opened = Database(database.url, Keys(SECRETS), BASE_URL)
    newsroom = opened.write(create_newsroom)

    def ask(session: Any) -> None:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        wish = receive.Submission(
            "Who measures the salt in the orchards?", hear_back="while", email="timur@post.example",
            credit="first", name="Timur", place="Osh", consent="You may print it.",
        )  # fmt: skip
        letter = receive.send(session, Reader(), newsletter, wish, form=receive.FormToken("timur's form", 1))
        session.add(Addition(letter_id=letter.id, body="And who pays for it?", added_at=letter.received_at))

    opened.write(ask)
    opened.close()


def _counts(database: Database) -> dict[str, int]:
    with database.read() as session:
        return {
            model.__tablename__: session.scalar(select(func.count()).select_from(model)) or 0
            for model in (Letter, Contact, Credit, Addition)
        }
