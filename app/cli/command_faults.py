"""Messages for expected errors of commands, such as a missing file, a full disk or a database that doesn't answer."""

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
from ..web.current import db

EXPECTED_ERRORS = (OSError, DBAPIError, Busy, Unsafe, Unsealable, migrate.UnknownRevision)
NO_ROOM = "the database can't be written to: the disk is full, or its file is read-only. Nothing was changed."
BUSY = "the database was busy for too long. Nothing was changed: try again."


def require_settings() -> None:
    """Raise ClickException with the faults if the settings can't be used. For commands that need the database."""
    db.url  # noqa: B018 - without valid settings, any access raises that exception (`commands.UnusableSettings`)


def report_expected_errors(command: click.Command) -> None:
    """Make a command, or each command of a group, report expected errors as a message instead of a traceback."""
    if isinstance(command, click.Group):
        for subcommand in command.commands.values():
            report_expected_errors(subcommand)
    elif command.callback is not None:
        command.callback = _with_messages(command.callback)


def _with_messages(callback: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(callback)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return callback(*args, **kwargs)
        except BrokenPipeError:  # the next command has closed the pipe, as `| head` does; click ends quietly
            raise
        except EXPECTED_ERRORS as error:
            message = describe_error(error)
            if message is None:
                raise
            raise click.ClickException(message) from error

    return wrapper


def describe_error(error: Exception) -> str | None:
    """Return a message that says what is wrong and what to do, or None if the error is a bug.

    The message never quotes readers or secrets.
    """
    if isinstance(error, Unsafe):
        return str(error)
    if isinstance(error, Busy):
        if isinstance(error.__cause__, DBAPIError):
            return _describe_database_error(error.__cause__)
        return NO_ROOM if isinstance(error, NoRoom) else BUSY
    if isinstance(error, Unsealable):
        return "SECRET_KEYS can't open what is sealed in this database: set the keys that it was sealed with"
    if isinstance(error, DBAPIError):
        return _describe_database_error(error)
    if isinstance(error, migrate.UnknownRevision):
        return f"the database is of a newer version than this program: install that version ({error})"
    filename = getattr(error, "filename", None)
    reason = getattr(error, "strerror", None) or str(error)
    return f"{filename}: {reason}" if filename else reason


def _describe_database_error(error: DBAPIError) -> str | None:
    kind = fault_kind(error)
    if kind is FaultKind.UNAVAILABLE or (kind is FaultKind.UNKNOWN and _is_connection_error(error)):
        return describe_no_response(error)
    messages = {FaultKind.NO_ROOM: NO_ROOM, FaultKind.LOST_RACE: BUSY, FaultKind.SCHEMA_MISMATCH: SCHEMA_MISMATCH}
    return messages.get(kind)


def _is_connection_error(error: DBAPIError) -> bool:
    return error.statement is None


def is_setup_error(error: Exception) -> bool:
    """Return whether a migration failed because of the machine, the URL or the version, and not in one of its steps.

    `describe_error` has a message for each of these errors.
    """
    if isinstance(error, DBAPIError):
        return _is_connection_error(error) or fault_kind(error) is FaultKind.NO_ROOM
    return isinstance(error, OSError | NoRoom | Unsafe | migrate.UnknownRevision)
