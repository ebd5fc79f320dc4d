"""Bringing a database to the shape of the code: what `flask migrate`, the demo, the tests and the bench call.

All steps are one transaction on both databases (migrations/env.py): they are made together, or the database stays as it
was. On PostgreSQL a step that waits for somebody's lock holds up everybody behind it, so it waits for seconds only, and
the whole is tried again.
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

if TYPE_CHECKING:  # whoever serves or works migrates nothing, and Alembic takes ten megabytes
    from alembic.config import Config

ROOT = Path(__file__).parents[2]
LOCK_TIMEOUT = 5  # seconds that a step waits for a table that somebody holds (PostgreSQL's lock_timeout)
STATEMENT_TIMEOUT = 15 * 60  # seconds that one statement may take, with all tables held meanwhile
TRIES = 6
PAUSE = 5  # seconds between two tries

Say = Callable[[str], None]


class NotMigrated(Exception):
    """The database could not be brought to another shape and is as it was; `str` says why."""


class Unknown(Exception):
    """The database has a revision that this version doesn't know, or is asked for one; `str` says which."""


def settings(url: str) -> "Config":
    """Alembic's settings for the database at `url`, as the commands of `alembic.command` take them."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.attributes["url"] = url
    return config


def migrate(url: str, revision: str = "head", say: Say | None = None, tries: int = TRIES, pause: float = PAUSE) -> None:
    """Make or change every table of the database at `url`. What is there already stays as it is.

    `say` hears of each step once it is made, and of each try that failed because somebody else used a table. Raises
    `NotMigrated` where it stays so, and `Unknown`; any other error of a step as it is. Nothing was changed then.
    """
    make_private(url)
    config = settings(url)
    config.attributes["said"] = say
    for left in reversed(range(tries)):
        try:
            return _command("upgrade", config, revision)
        except DBAPIError as error:
            if fault_kind(error) is not FaultKind.LOST_RACE:  # with nobody else there it would have gone through
                raise
            if not left:
                raise NotMigrated("Somebody else kept using a table that a step has to change.") from error
            if say:
                say(f"Somebody else uses a table that this step changes; all is undone and tried again in {pause:g} s.")
        time.sleep(pause)
    return None


def migrate_on(connection: Connection, revision: str = "head") -> None:
    """Do the same in the transaction of a connection that the caller commits."""
    config = settings("")
    config.attributes["connection"] = connection
    _command("upgrade", config, revision)


def undo(url: str, revision: str = "base") -> None:
    """Go back to an older shape; back to `base` nothing is left."""
    _command("downgrade", settings(url), revision)


def _command(name: str, config: "Config", revision: str) -> None:
    from alembic import command
    from alembic.util import CommandError

    try:
        getattr(command, name)(config, revision)
    except CommandError as error:  # its one cause here
        raise Unknown(str(error)) from error


@cache
def _numbers() -> tuple[str, ...]:
    return tuple(sorted(path.name[:4] for path in (ROOT / "migrations" / "versions").glob("[0-9]*.py")))


def revisions() -> list[str]:
    """Return the revisions that this version knows, the oldest first. Each file's name begins with its own."""
    return [*_numbers()]


def revision_of(connection: Connection) -> str | None:
    """Return the revision of a database; None for one without tables."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def step_in_words(step: Any) -> str:
    """Return a step of Alembic's as it is said to a person: its number and what it is for."""
    script = step.up_revision if step.is_upgrade else step.down_revision
    way = "" if step.is_upgrade else "back from "
    return f"{way}{step.up_revision_id}  {(script or step.up_revision).doc.splitlines()[0].rstrip('.')}"
