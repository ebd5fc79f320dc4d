"""Expected errors that end a command with a message: a missing file, a database that doesn't answer or is full."""

import functools
from collections.abc import Callable
from typing import Any

import click
from sqlalchemy.exc import DBAPIError

from config import Unsafe

from ..crypto.seal import Unsealable
from ..db import migrate
from ..db.fault_kinds import SCHEMA_MISMATCH, Busy, FaultKind, NoRoom, fault_kind
from ..server.startup_checks import describe_no_response

FAULTS = (OSError, DBAPIError, Busy, Unsafe, Unsealable, migrate.UnknownRevision)  # the errors with a message
NO_ROOM = "the database can't be written to: the disk is full, or its file is read-only. Nothing was changed."
BUSY = "the database was busy for too long. Nothing was changed: try again."


def has_its_sentence(fault: Exception) -> bool:
    """Return whether a migration failed for a reason outside of its steps: the machine, the URL or another version."""
    if isinstance(fault, DBAPIError):
        return fault.statement is None or fault_kind(fault) is FaultKind.NO_ROOM  # no statement: no connection
    return isinstance(fault, OSError | NoRoom | Unsafe | migrate.UnknownRevision)


def end_in_a_sentence(command: click.Command) -> None:
    """Make a command, or each command of a group, report expected errors as a message instead of a traceback."""
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
        except BrokenPipeError:  # the reader of a pipe has closed it, such as `| head`
            raise
        except FAULTS as fault:
            if (said := sentence(fault)) is None:
                raise
            raise click.ClickException(said) from fault

    return run


def sentence(fault: Exception) -> str | None:
    """Return a message that describes an error and what to do, or None for a bug.

    It never quotes readers or secrets.
    """
    if isinstance(fault, Unsafe):
        return str(fault)
    if isinstance(fault, Busy):
        cause = fault.__cause__
        without_cause = NO_ROOM if isinstance(fault, NoRoom) else BUSY
        return _database_sentence(cause) if isinstance(cause, DBAPIError) else without_cause
    if isinstance(fault, Unsealable):
        return "SECRET_KEYS can't open what is sealed in this database: set the keys that it was sealed with"
    if isinstance(fault, DBAPIError):
        return _database_sentence(fault)
    if isinstance(fault, migrate.UnknownRevision):
        return f"the database is of a newer version than this program: install that version ({fault})"
    place = getattr(fault, "filename", None)
    why = getattr(fault, "strerror", None) or str(fault)
    return f"{place}: {why}" if place else why


def _database_sentence(fault: DBAPIError) -> str | None:
    kind = fault_kind(fault)
    if kind is FaultKind.UNAVAILABLE or (kind is FaultKind.UNKNOWN and fault.statement is None):
        return describe_no_response(fault)  # without a statement there was no connection
    return {FaultKind.NO_ROOM: NO_ROOM, FaultKind.LOST_RACE: BUSY, FaultKind.SCHEMA_MISMATCH: SCHEMA_MISMATCH}.get(kind)
