"""How a migration runs: in one transaction on both databases, and on SQLite without losing rows that hang on others.

SQLite can't change most of a table, so Alembic makes it anew and drops the old one. With foreign keys on, that drop is a
DELETE of every row, and takes all CASCADE children along without a word: keys are off before BEGIN (inside a
transaction the pragma does nothing), and `foreign_key_check` has the last word before COMMIT.
"""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import NullPool

import config as configuration
from app.db import UTCDateTime
from app.matching.models import is_index
from app.models import Base
from app.sqlite import BUSY_TIMEOUT
from migrations.append_only import protect


class Dangling(Exception):
    """Rows would point at rows that are not there; the migration was not kept."""


def address() -> str:
    """From the caller, from `-x url=...`, or from the settings that the app itself uses."""
    given = context.config.attributes.get("url") or context.get_x_argument(as_dictionary=True).get("url")
    return str(given or configuration.load()["DATABASE_URL"])


def plain_types(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    """A migration must run for ever, so it names no type of ours."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UTCDateTime) else False


def described(name: str | None, kind: str, _parents: Any) -> bool:
    """Whether a table is one of the models'; those behind full-text search are made by their migration alone."""
    return kind != "table" or not is_index(name)


def connect(driver_connection: Any, _record: Any) -> None:
    driver_connection.isolation_level = None  # BEGIN is ours: the driver's own does not cover CREATE and DROP
    for pragma in (f"busy_timeout={BUSY_TIMEOUT}", "foreign_keys=OFF", "secure_delete=ON"):
        driver_connection.execute(f"PRAGMA {pragma}")


def begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def check_references(connection: Connection) -> None:
    """Raise `Dangling`, before the commit, when a row of SQLite's points nowhere."""
    if dangling := connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall():
        raise Dangling(", ".join(sorted({f"{table} > {parent}" for table, _, parent, _ in dangling})))


def run(url: str) -> None:
    engine = create_engine(url, poolclass=NullPool)
    is_sqlite = engine.dialect.name == "sqlite"
    if is_sqlite:
        event.listen(engine, "connect", connect)
        event.listen(engine, "begin", begin)
    with engine.begin() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=is_sqlite,
            render_item=plain_types,
            transactional_ddl=True,
            include_name=described,
        )
        context.run_migrations()
        protect(connection)
        if is_sqlite:
            check_references(connection)


run(address())
