"""Bringing a database to the shape of the code: what `flask migrate`, the demo, the tests and the bench call."""

from pathlib import Path

from alembic import command
from alembic.config import Config

from .sqlite import make_private

ROOT = Path(__file__).parent.parent


def settings(url: str) -> Config:
    """Alembic's settings for the database at `url`, as the commands of `alembic.command` take them."""
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.attributes["url"] = url
    return config


def migrate(url: str, revision: str = "head") -> None:
    """Make or change every table of the database at `url`. What is there already stays as it is."""
    make_private(url)
    command.upgrade(settings(url), revision)


def undo(url: str, revision: str = "base") -> None:
    """Go back to an older shape; back to `base` nothing is left."""
    command.downgrade(settings(url), revision)
