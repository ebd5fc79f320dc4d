"""Detects that mail doesn't move: a mail that has been due for long says that no worker runs."""

from datetime import datetime

from sqlalchemy import func, or_, select, union_all
from sqlalchemy.orm import Session

from ..db import now
from . import inbound
from .models import OutboxMail

LANES = (0, 1, 2)


def since(session: Session) -> datetime | None:
    """Since when the mail has been due that waits longest for the worker, to go out or to get its place."""
    free = or_(OutboxMail.leased_until.is_(None), OutboxMail.leased_until <= now(session))
    walks = [
        select(OutboxMail.due_at)
        .where(OutboxMail.is_queued, OutboxMail.lane == lane, free)
        .order_by(OutboxMail.due_at)
        .limit(1)
        .subquery()
        for lane in LANES
    ]
    due = union_all(*(select(walk.c.due_at) for walk in walks)).subquery()
    found = [session.scalar(select(func.min(due.c.due_at))), inbound.waits_since(session)]
    return min((one for one in found if one is not None and one <= now(session)), default=None)
