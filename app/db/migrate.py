"""Migration of a database to the schema of the code, with Alembic.

On both databases all steps run in one transaction (migrations/env.py), so a failure leaves the database unchanged. On
PostgreSQL a step that waits for a lock blocks everyone else who needs the table. So a step only waits a few seconds;
then the whole migration is undone and retried.
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
TRIES = 6  # attempts to migrate while others use a table
PAUSE = 5  # seconds between two attempts

Say = Callable[[str], None]


class NotMigrated(Exception):
    """Raised if other processes kept using a table, so that no step was applied. The message says so."""


class UnknownRevision(Exception):
    """Raised if the database has, or should get, a revision that this version doesn't know. The message says which."""


def alembic_config(url: str, key: bytes | None = None) -> "Config":
    """Return the configuration that the functions of `alembic.command` need; `key` is that of an encrypted file."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.attributes["url"], config.attributes["key"] = url, key
    return config


def migrate(
    url: str,
    revision: str = "head",
    say: Say | None = None,
    tries: int = TRIES,
    pause: float = PAUSE,
    key: bytes | None = None,
) -> None:
    """Upgrade the database at `url` to a revision, creating its tables if it is empty.

    `say` is called with a line for each finished step, and for each attempt that failed because a table was in use.
    There are up to `tries` attempts, `pause` seconds apart. `key` is that of an encrypted SQLite file. Raises
    `NotMigrated` if even the last one finds a table in use, and `UnknownRevision`; other errors of a step propagate.
    After any error the database is unchanged.
    """
    make_private(url)
    config = alembic_config(url, key)
    config.attributes["say"] = say
    for attempt in range(1, tries + 1):
        try:
            return _run_command("upgrade", config, revision)
        except DBAPIError as error:
            if fault_kind(error) is not FaultKind.LOST_RACE:  # only a lock held by someone else is worth a retry
                raise
            if attempt == tries:
                raise NotMigrated("Somebody else kept using a table that a step has to change.") from error
            if say:
                say(f"Somebody else uses a table that this step changes; all is undone and tried again in {pause:g} s.")
        time.sleep(pause)
    return None


def migrate_on(connection: Connection, revision: str = "head") -> None:
    """Upgrade in the transaction of a connection, which the caller commits. Raises `UnknownRevision`."""
    config = alembic_config("")
    config.attributes["connection"] = connection
    _run_command("upgrade", config, revision)


def downgrade(url: str, revision: str = "base") -> None:
    """Downgrade to an older revision; `base` drops every table. Raises `UnknownRevision`."""
    _run_command("downgrade", alembic_config(url), revision)


def _run_command(name: str, config: "Config", revision: str) -> None:
    from alembic import command
    from alembic.util import CommandError

    try:
        getattr(command, name)(config, revision)
    except CommandError as error:  # these commands raise it only for an unknown revision
        raise UnknownRevision(str(error)) from error


@cache
def list_revisions() -> tuple[str, ...]:
    """Return the revisions that this version knows, oldest first."""
    files = (ROOT / "migrations" / "versions").glob("[0-9]*.py")
    return tuple(sorted(path.name[:4] for path in files))  # a file's name begins with its revision


def get_revision(connection: Connection) -> str | None:
    """Return the revision of a database, or None if it was never migrated."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def describe_step(step: Any) -> str:
    """Describe an Alembic step for the terminal: its number, and the first line of a migration's docstring.

    For a downgrade, that is the docstring of the migration to which it leads.
    """
    script = step.up_revision if step.is_upgrade else (step.down_revision or step.up_revision)
    prefix = "" if step.is_upgrade else "back from "
    title = script.doc.splitlines()[0].rstrip(".")
    return f"{prefix}{step.up_revision_id}  {title}"
