"""What ends a command in one sentence: a file that isn't there, a database that doesn't answer or takes nothing."""

import functools
from collections.abc import Callable
from typing import Any

import click
from sqlalchemy.exc import DBAPIError

from config import Unsafe

from .db import Busy, NoRoom
from .seal import Unsealable
from .starting import unanswered

NO_TABLES = ("no such table", "no such column", "undefinedtable", "undefinedcolumn")


def end_in_a_sentence(command: click.Command) -> None:
    """Let a command, or each of a group's, end with a sentence where the machine stands in its way."""
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            end_in_a_sentence(inner)
    elif command.callback is not None:
        command.callback = _in_a_sentence(command.callback)


def _in_a_sentence(do: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(do)
    def told(*arguments: Any, **options: Any) -> Any:
        try:
            return do(*arguments, **options)
        except (OSError, DBAPIError, Busy, Unsafe, Unsealable) as fault:
            if isinstance(fault, BrokenPipeError):  # whoever reads has enough: `| head`
                raise
            raise click.ClickException(_sentence(fault)) from fault

    return told


def _sentence(fault: Exception) -> str:
    if isinstance(fault, Unsafe):
        return str(fault)
    if isinstance(fault, NoRoom):
        return "the database takes no changes: the disk is full, or its file may not be written. Nothing was changed."
    if isinstance(fault, Busy):
        return "the database was busy for too long. Nothing was changed: try again."
    if isinstance(fault, Unsealable):
        return "what is sealed in this database doesn't open with SECRET_KEYS: set the keys that it was sealed with"
    if isinstance(fault, DBAPIError):
        said = f"{type(fault.orig).__name__} {fault.orig}".lower()
        if any(name in said for name in NO_TABLES):
            return "the database is behind this program: run readers-asked migrate"
        return unanswered(fault)
    place = getattr(fault, "filename", None)
    why = getattr(fault, "strerror", None) or str(fault)
    return f"{place}: {why}" if place else why
