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
from app.db.migrate import LOCK_TIMEOUT, STATEMENT_TIMEOUT, step_in_words
from app.db.public_version import unwatch, watch
from app.db.sqlite import BUSY_TIMEOUT
from app.db.types import UTCDateTime
from app.models import Base
from app.search.models import is_index
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


def limit(connection: Connection) -> None:
    """Let no step of PostgreSQL's hold up a newsroom that is at work: one that waits for a lock keeps all others waiting."""
    for setting, seconds in (("lock_timeout", LOCK_TIMEOUT), ("statement_timeout", STATEMENT_TIMEOUT)):
        connection.exec_driver_sql(f"SET LOCAL {setting} = '{seconds}s'")


def tell(*, step: Any, **_more: Any) -> None:
    """Tell whoever called that a step is made."""
    if said := context.config.attributes.get("said"):
        said(step_in_words(step))


def change(connection: Connection) -> None:
    """Make the steps in the transaction of a connection."""
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
    unwatch(connection)
    context.run_migrations()
    protect(connection)
    if {*context.get_context().get_current_heads()} == {*context.script.get_heads()}:  # no older database is served
        watch(connection)
    if is_sqlite:
        check_references(connection)


def run(url: str) -> None:
    engine = create_engine(url, poolclass=NullPool)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", connect)
        event.listen(engine, "begin", begin)
    with engine.begin() as connection:
        change(connection)


if (given := context.config.attributes.get("connection")) is not None:
    change(given)
else:
    run(address())
