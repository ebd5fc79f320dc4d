"""Faults that end a command in one sentence: a missing file, a database that doesn't answer or takes nothing."""

import functools
from collections.abc import Callable
from typing import Any

import click
from sqlalchemy.exc import DBAPIError

from config import Unsafe

from ..crypto.seal import Unsealable
from ..db import migrate
from ..db.fault_kinds import SCHEMA_MISMATCH, Busy, FaultKind, NoRoom, fault_kind
from ..server.startup_checks import unanswered

FAULTS = (OSError, DBAPIError, Busy, Unsafe, Unsealable, migrate.Unknown)  # what has a sentence
NO_ROOM = "the database takes no changes: the disk is full, or its file may not be written. Nothing was changed."
BUSY = "the database was busy for too long. Nothing was changed: try again."


def has_its_sentence(fault: Exception) -> bool:
    """Return whether a migration failed for a reason outside of its steps: machine, address, another version."""
    if isinstance(fault, DBAPIError):
        return fault.statement is None or fault_kind(fault) is FaultKind.NO_ROOM  # no statement: nobody was reached
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
            if (said := sentence(fault)) is None:
                raise
            raise click.ClickException(said) from fault

    return run


def sentence(fault: Exception) -> str | None:
    """Say what stands in the way, and what mends it; None for a fault of the program.

    Nothing in it was typed by a reader or is a secret.
    """
    if isinstance(fault, Unsafe):
        return str(fault)
    if isinstance(fault, Busy):
        cause = fault.__cause__
        without_cause = NO_ROOM if isinstance(fault, NoRoom) else BUSY
        return _database_sentence(cause) if isinstance(cause, DBAPIError) else without_cause
    if isinstance(fault, Unsealable):
        return "what is sealed in this database doesn't open with SECRET_KEYS: set the keys that it was sealed with"
    if isinstance(fault, DBAPIError):
        return _database_sentence(fault)
    if isinstance(fault, migrate.Unknown):
        return f"the database is of a newer version than this program: install that version ({fault})"
    place = getattr(fault, "filename", None)
    why = getattr(fault, "strerror", None) or str(fault)
    return f"{place}: {why}" if place else why


def _database_sentence(fault: DBAPIError) -> str | None:
    kind = fault_kind(fault)
    if kind is FaultKind.UNAVAILABLE or (kind is FaultKind.UNKNOWN and fault.statement is None):
        return unanswered(fault)  # without a statement nobody was reached
    return {FaultKind.NO_ROOM: NO_ROOM, FaultKind.LOST_RACE: BUSY, FaultKind.SCHEMA_MISMATCH: SCHEMA_MISMATCH}.get(kind)
