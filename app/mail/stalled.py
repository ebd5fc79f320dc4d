"""Detects that mail doesn't move: a mail that has been due for long says that no worker runs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from ..db import now
from ..listing import Listing
from . import inbound
from .delivery import LANES, free
from .models import OutboxMail


def firsts(at: Any) -> dict[str, ColumnElement[datetime]]:
    """Return since when each of the two has been due that waits longest for the worker at a moment, a mail that is to
    go out and one that is to get its place, as columns of a statement."""
    return {"first out": _outgoing(at).scalar_subquery(), "first in": inbound.first_waits.scalar_subquery()}


def since_of(found: Mapping[str, datetime | None], at: datetime) -> datetime | None:
    """Return by what `firsts` found since when mail has not moved."""
    return min((one for name in ("first out", "first in") if (one := found[name]) and one <= at), default=None)


def since(session: Session) -> datetime | None:
    """Since when the mail has been due that waits longest for the worker, to go out or to get its place."""
    columns = firsts(now(session))
    found = session.execute(select(*columns.values())).one()
    return since_of(dict(zip(columns, found, strict=True)), now(session))


def outgoing_since(session: Session) -> datetime | None:
    """Since when the mail has been due that waits longest to go out; None where none is due."""
    due_at = session.scalar(_outgoing(now(session)))
    return due_at if due_at is not None and due_at <= now(session) else None


def _outgoing(at: Any) -> Select[datetime]:
    """Find when the mail is due that is to go out first."""
    waiting = select(OutboxMail).where(OutboxMail.is_queued, free(at))
    order = (OutboxMail.due_at, OutboxMail.id)
    first = Listing[OutboxMail](waiting, order, rising=True, each=(OutboxMail.lane, LANES)).select(None, 1)
    return first.with_only_columns(OutboxMail.due_at)
