"""Detect stalled mail: a mail that has been due for a long time shows that no worker is running."""

from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ..core.listing import Listing
from ..db.session import now
from . import inbound
from .delivery import LANES, is_unleased
from .models import OutboxMail


def get_stalled_since(session: Session) -> datetime | None:
    """Return since when the oldest mail has waited: an outgoing one since it was due, an inbound one since its arrival.

    None if no mail waits.
    """
    times = (get_outgoing_since(session), inbound.get_waiting_since(session))
    return min((time for time in times if time and time <= now(session)), default=None)


def get_outgoing_since(session: Session) -> datetime | None:
    """Return since when the oldest outgoing mail has been due; None if none is due."""
    due_at = session.scalar(_select_first_due_at(now(session)))
    return due_at if due_at is not None and due_at <= now(session) else None


def _select_first_due_at(now: Any) -> Select[datetime]:
    """Return the query for the earliest `due_at`, which reads one row of the index for each lane."""
    waiting = select(OutboxMail).where(OutboxMail.is_queued, is_unleased(now))
    order = (OutboxMail.due_at, OutboxMail.id)
    first = Listing[OutboxMail](waiting, order, rising=True, split_by=(OutboxMail.lane, LANES)).select(None, 1)
    return first.with_only_columns(OutboxMail.due_at)
