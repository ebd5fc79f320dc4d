"""Bringing a database to the shape of the code: what `flask migrate`, the demo, the tests and the bench call."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from .db import Database

ROOT = Path(__file__).parent.parent


def settings(url: str) -> Config:
    """Alembic's settings for the database at `url`, as the commands of `alembic.command` take them."""
    config = Config(toml_file=ROOT / "pyproject.toml")
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.attributes["url"] = url
    return config


def migrate(url: str, revision: str = "head") -> None:
    """Make or change every table of the database at `url`. What is there already stays as it is."""
    command.upgrade(settings(url), revision)


def undo(url: str, revision: str = "base") -> None:
    """Go back to an older shape; back to `base` nothing is left."""
    command.downgrade(settings(url), revision)


@cache
def _versions() -> tuple[frozenset[str], frozenset[str]]:
    """The newest versions that this code knows, and all of them."""
    known = ScriptDirectory.from_config(settings(""))
    return frozenset(known.get_heads()), frozenset(one.revision for one in known.walk_revisions())


def difference(database: Database) -> str:
    """Return how the database stands to the code: "behind", "ahead of", or "" where they fit."""
    newest, known = _versions()
    with database.reader.connect() as connection:
        there = frozenset(MigrationContext.configure(connection).get_current_heads())
    return "" if there == newest else "behind" if there <= known else "ahead of"
