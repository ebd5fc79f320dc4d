"""Detects that mail doesn't move: a mail that has been due for long says that no worker runs."""

from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ..db import now
from ..listing import Listing
from . import inbound
from .delivery import LANES, free
from .models import OutboxMail


def since(session: Session) -> datetime | None:
    """Since when the mail has been due that waits longest for the worker, to go out or to get its place."""
    found = session.execute(select(_outgoing(session).scalar_subquery(), inbound.first_waits.scalar_subquery())).one()
    return min((one for one in found if one is not None and one <= now(session)), default=None)


def outgoing_since(session: Session) -> datetime | None:
    """Since when the mail has been due that waits longest to go out; None where none is due."""
    due_at = session.scalar(_outgoing(session))
    return due_at if due_at is not None and due_at <= now(session) else None


def _outgoing(session: Session) -> Select[datetime]:
    """Find when the mail is due that is to go out first."""
    waiting = select(OutboxMail).where(OutboxMail.is_queued, free(now(session)))
    order = (OutboxMail.due_at, OutboxMail.id)
    first = Listing[OutboxMail](waiting, order, rising=True, each=(OutboxMail.lane, LANES)).select(None, 1)
    return first.with_only_columns(OutboxMail.due_at)
