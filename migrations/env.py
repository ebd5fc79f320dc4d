"""Alembic's environment: migrations run in one transaction on both databases, and on SQLite without losing child rows.

SQLite can't alter most of a table, so Alembic creates a new one and drops the old. With foreign keys on, that drop
deletes every row, and silently all CASCADE children with it. So foreign keys are turned off before BEGIN (the pragma
has no effect inside a transaction), and `foreign_key_check` runs before COMMIT.
"""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection, create_engine, event, make_url
from sqlalchemy.pool import NullPool

import config as configuration
from app.db.encryption import create_sqlite_engine
from app.db.engine import open_database
from app.db.migrate import LOCK_TIMEOUT, STATEMENT_TIMEOUT, describe_step
from app.db.public_version import create_triggers, drop_triggers
from app.db.sqlite import BUSY_TIMEOUT
from app.db.types import UTCDateTime
from app.models import Base
from app.search.models import is_index
from migrations.append_only import protect


class Dangling(Exception):
    """Rows would refer to rows that don't exist, so the migration is rolled back."""


def get_address() -> tuple[str, bytes | None]:
    """Return the database URL and the key of an encrypted file: the caller's, `-x url=...`, or those of the settings."""
    attributes = context.config.attributes
    if url := attributes.get("url") or context.get_x_argument(as_dictionary=True).get("url"):
        return str(url), attributes.get("key")
    database = open_database(configuration.load())
    return database.url, database.file_key


def plain_types(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Render our column types as SQLAlchemy's, so that old migrations don't depend on our code."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UTCDateTime) else False


def described(name: str | None, kind: str, _parents: Any) -> bool:
    """Return whether autogeneration considers an object: the tables of full-text search have no models."""
    return kind != "table" or not is_index(name)


def connect(driver_connection: Any, _record: Any) -> None:
    driver_connection.isolation_level = None  # we begin transactions: the driver's don't include CREATE and DROP
    for pragma in (f"busy_timeout={BUSY_TIMEOUT}", "foreign_keys=OFF", "secure_delete=ON"):
        driver_connection.execute(f"PRAGMA {pragma}")


def begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def check_references(connection: Connection) -> None:
    """Raise `Dangling` if a row in an SQLite database violates a foreign key."""
    if dangling := connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall():
        raise Dangling(", ".join(sorted({f"{table} > {parent}" for table, _, parent, _ in dangling})))


def limit(connection: Connection) -> None:
    """Set PostgreSQL's timeouts, since a step that waits for a lock would block everyone else who needs the table."""
    for setting, seconds in (("lock_timeout", LOCK_TIMEOUT), ("statement_timeout", STATEMENT_TIMEOUT)):
        connection.exec_driver_sql(f"SET LOCAL {setting} = '{seconds}s'")


def tell(*, step: Any, **_more: Any) -> None:
    """Report a finished step to the caller of the migration."""
    if say := context.config.attributes.get("say"):
        say(describe_step(step))


def change(connection: Connection) -> None:
    """Run the migrations in the transaction of a connection."""
    is_sqlite = connection.dialect.name == "sqlite"
    if not is_sqlite:
        limit(connection)
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=is_sqlite,
        render_item=plain_types,
        transactional_ddl=True,
        include_name=described,
        on_version_apply=tell,  # type: ignore[arg-type]
    )
    drop_triggers(connection)
    context.run_migrations()
    protect(connection)
    if {*context.get_context().get_current_heads()} == {*context.script.get_heads()}:  # only this schema is served
        create_triggers(connection)
    if is_sqlite:
        check_references(connection)


def run(url: str, key: bytes | None) -> None:
    if make_url(url).get_backend_name() == "sqlite":
        engine = create_sqlite_engine(url, key, poolclass=NullPool)
        event.listen(engine, "connect", connect)
        event.listen(engine, "begin", begin)
    else:
        engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        change(connection)


if (given := context.config.attributes.get("connection")) is not None:
    change(given)
else:
    run(*get_address())
