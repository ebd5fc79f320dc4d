"""The types that checks work with: the findings that they yield, and the context that they are given."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

from flask import Flask, current_app
from sqlalchemy.orm import Session

from ..db.engine import Database
from ..mail import sending
from ..mail.delivery import Undelivered

FAULT = "fault"  # needs attention
NOT_CHECKED = "not made"  # could not be checked
NOTE = "note"  # as configured, but worth knowing
FINE = "fine"
WORST_FIRST = (FAULT, NOT_CHECKED, NOTE, FINE)
PATIENCE = 5.0  # seconds to wait for another server


@dataclass(frozen=True)
class Finding:
    """A sentence for the operator. It holds no reader's text, and no address except the installation's own."""

    state: str
    message: str


def fault(message: str) -> Finding:
    return Finding(FAULT, message)


def not_checked(message: str) -> Finding:
    return Finding(NOT_CHECKED, message)


def note(message: str) -> Finding:
    return Finding(NOTE, message)


def fine(message: str) -> Finding:
    return Finding(FINE, message)


def format_duration(duration: timedelta) -> str:
    """Return a duration in words, in minutes, hours or days."""
    minutes = int(duration.total_seconds()) // 60
    if minutes < 2 * 60:
        return f"{minutes} minutes"
    if minutes < 2 * 24 * 60:
        return f"{minutes // 60} hours"
    return f"{duration.days} days"


class CheckContext:
    """The installation that is checked. The mail server is contacted once, even if several checks need it.

    `nameservers` are addresses of name servers, `host` or `host#port`; without any, those of the system are used.
    """

    def __init__(self, database: Database, config: Mapping[str, Any], nameservers: Sequence[str] = ()) -> None:
        self.database, self.config, self.nameservers = database, config, nameservers

    @contextmanager
    def read(self) -> Iterator[Session]:
        with self.database.read() as session:
            yield session

    @property
    def writes_to_folder(self) -> bool:
        """Return whether mails are written to a folder, so that no mail server or domain is involved."""
        return bool(self.config["MAIL_TRANSPORT"] == "folder")

    @cached_property
    def mail_server(self) -> sending.Greeting | Undelivered:
        """The mail server's greeting, or the reason why connecting or signing in failed."""
        app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
        try:
            return sending.greet(app, PATIENCE)
        except Undelivered as undelivered:
            return undelivered
