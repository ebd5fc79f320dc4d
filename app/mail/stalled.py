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
    at = now(session)
    waiting = select(OutboxMail).where(OutboxMail.is_queued, free(at))
    order = (OutboxMail.due_at, OutboxMail.id)
    first = Listing[OutboxMail](waiting, order, rising=True, each=(OutboxMail.lane, LANES)).page(session, None, 1)
    found = [*(mail.due_at for mail in first), inbound.waits_since(session)]
    return min((one for one in found if one is not None and one <= at), default=None)
