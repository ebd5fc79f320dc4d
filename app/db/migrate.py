"""Migrating a database to the schema of the code: for `readers-asked migrate`, the demo, the tests and the bench.

All steps run in one transaction on both databases (migrations/env.py), so a failure leaves the database unchanged. On
PostgreSQL a step that waits for a lock blocks everyone behind it, so it only waits a few seconds, and the whole
migration is retried.
"""

import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from .fault_kinds import FaultKind, fault_kind
from .sqlite import make_private

if TYPE_CHECKING:  # Alembic takes ten megabytes, which web and worker don't need
    from alembic.config import Config

ROOT = Path(__file__).parents[2]
LOCK_TIMEOUT = 5  # seconds that a step waits for a locked table (PostgreSQL's lock_timeout)
STATEMENT_TIMEOUT = 15 * 60  # seconds that one statement may take, while all changed tables stay locked
TRIES = 6
PAUSE = 5  # seconds between two tries

Say = Callable[[str], None]


class NotMigrated(Exception):
    """The migration failed and the database is unchanged. The message says why."""


class Unknown(Exception):
    """The database has, or was to get, a revision that this version doesn't know. The message says which."""


def settings(url: str) -> "Config":
    """Return Alembic's configuration for the database at `url`, for the functions of `alembic.command`."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.attributes["url"] = url
    return config


def migrate(url: str, revision: str = "head", say: Say | None = None, tries: int = TRIES, pause: float = PAUSE) -> None:
    """Upgrade the database at `url` to a revision, creating its tables if it is empty.

    `say` is called with each finished step, and with each attempt that failed because a table was in use. There are up
    to `tries` attempts, `pause` seconds apart. Raises `NotMigrated` if the last one fails like this, or `Unknown`;
    other errors of a step propagate. After any error the database is unchanged.
    """
    make_private(url)
    config = settings(url)
    config.attributes["said"] = say
    for left in reversed(range(tries)):
        try:
            return _command("upgrade", config, revision)
        except DBAPIError as error:
            if fault_kind(error) is not FaultKind.LOST_RACE:  # only a lock held by someone else is worth a retry
                raise
            if not left:
                raise NotMigrated("Somebody else kept using a table that a step has to change.") from error
            if say:
                say(f"Somebody else uses a table that this step changes; all is undone and tried again in {pause:g} s.")
        time.sleep(pause)
    return None


def migrate_on(connection: Connection, revision: str = "head") -> None:
    """Upgrade in the transaction of a connection that the caller commits. Raises `Unknown`."""
    config = settings("")
    config.attributes["connection"] = connection
    _command("upgrade", config, revision)


def undo(url: str, revision: str = "base") -> None:
    """Downgrade to an older revision; `base` drops every table. Raises `Unknown`."""
    _command("downgrade", settings(url), revision)


def _command(name: str, config: "Config", revision: str) -> None:
    from alembic import command
    from alembic.util import CommandError

    try:
        getattr(command, name)(config, revision)
    except CommandError as error:  # which has no other cause here
        raise Unknown(str(error)) from error


@cache
def _numbers() -> tuple[str, ...]:
    return tuple(sorted(path.name[:4] for path in (ROOT / "migrations" / "versions").glob("[0-9]*.py")))


def revisions() -> list[str]:
    """Return the revisions that this version knows, oldest first, from the file names of the migrations."""
    return [*_numbers()]


def revision_of(connection: Connection) -> str | None:
    """Return the revision of a database, or None if it was never migrated."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def step_in_words(step: Any) -> str:
    """Describe a step of Alembic for the terminal: its number and the first line of its docstring."""
    script = step.up_revision if step.is_upgrade else step.down_revision
    way = "" if step.is_upgrade else "back from "
    return f"{way}{step.up_revision_id}  {(script or step.up_revision).doc.splitlines()[0].rstrip('.')}"
