"""Detects that mail doesn't move: a mail that has been due for long says that no worker runs."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..db import now
from ..listing import Listing
from . import inbound
from .delivery import LANES, free
from .models import OutboxMail


def since(session: Session) -> datetime | None:
    """Since when the mail has been due that waits longest for the worker, to go out or to get its place."""
    found = (outgoing_since(session), inbound.waits_since(session))
    return min((one for one in found if one is not None and one <= now(session)), default=None)


def outgoing_since(session: Session) -> datetime | None:
    """Since when the mail has been due that waits longest to go out; None where none is due."""
    at = now(session)
    waiting = select(OutboxMail).where(OutboxMail.is_queued, free(at))
    order = (OutboxMail.due_at, OutboxMail.id)
    first = Listing[OutboxMail](waiting, order, rising=True, each=(OutboxMail.lane, LANES)).page(session, None, 1)
    return next((mail.due_at for mail in first if mail.due_at <= at), None)
