"""Faults that end a command in one sentence: a missing file, a database that doesn't answer or takes nothing."""

import functools
from collections.abc import Callable
from typing import Any

import click
from sqlalchemy.exc import DBAPIError

from config import Unsafe

from . import migrate
from .db_faults import Busy, NoRoom, lost_race, takes_nothing
from .seal import Unsealable
from .starting import unanswered

FAULTS = (OSError, DBAPIError, Busy, Unsafe, Unsealable, migrate.Unknown)  # what has a sentence
NO_TABLES = ("no such table", "no such column", "undefinedtable", "undefinedcolumn")


def has_its_sentence(fault: Exception) -> bool:
    """Return whether a migration failed for a reason outside of its steps: machine, address, another version."""
    if isinstance(fault, DBAPIError):
        return fault.statement is None or takes_nothing(fault)  # without a statement nobody was reached
    return isinstance(fault, OSError | NoRoom | Unsafe | migrate.Unknown)


def end_in_a_sentence(command: click.Command) -> None:
    """Let a command, or each of a group's, end with a sentence where the machine stands in its way."""
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            end_in_a_sentence(inner)
    elif command.callback is not None:
        command.callback = _in_a_sentence(command.callback)


def _in_a_sentence(do: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(do)
    def run(*arguments: Any, **options: Any) -> Any:
        try:
            return do(*arguments, **options)
        except BrokenPipeError:  # whoever reads has enough: `| head`
            raise
        except FAULTS as fault:
            raise click.ClickException(sentence(fault)) from fault

    return run


def sentence(fault: Exception) -> str:
    """Say what stands in the way, and what mends it. Nothing in it was typed by a reader or is a secret."""
    if isinstance(fault, Unsafe):
        return str(fault)
    if isinstance(fault, NoRoom) or (isinstance(fault, DBAPIError) and takes_nothing(fault)):
        return "the database takes no changes: the disk is full, or its file may not be written. Nothing was changed."
    if isinstance(fault, Busy):
        cause = fault.__cause__
        if isinstance(cause, DBAPIError) and not lost_race(cause):
            return sentence(cause)
        return "the database was busy for too long. Nothing was changed: try again."
    if isinstance(fault, Unsealable):
        return "what is sealed in this database doesn't open with SECRET_KEYS: set the keys that it was sealed with"
    if isinstance(fault, DBAPIError):
        said = f"{type(fault.orig).__name__} {fault.orig}".lower()
        if any(name in said for name in NO_TABLES):
            return "the database is behind this program: run readers-asked migrate"
        return unanswered(fault)
    if isinstance(fault, migrate.Unknown):
        return f"the database is of a newer version than this program: install that version ({fault})"
    place = getattr(fault, "filename", None)
    why = getattr(fault, "strerror", None) or str(fault)
    return f"{place}: {why}" if place else why
