"""Days instead of minutes: the most that may be kept of when a reader did something."""

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from ..db import now
from .models import Letter


def day_only(moment: datetime) -> datetime:
    """The day of a moment in UTC, as its midnight.

    A web letter without an address keeps no minute: a log elsewhere could be matched with it. The newsletter's own day
    would not do: in the east it begins before midnight UTC, and what was written then would stand in the future; in the
    west the midnight after it is over before the day is, and a mail that waits for it would leave at once and tell the
    minute.
    """
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def kept_moment(session: Session, letter: Letter) -> datetime:
    """Return when the letter's writer does something now, as far as it may be kept: the day only, of who left no
    address.
    """
    moment = now(session)
    return day_only(moment) if letter.hear_back == "number" else moment
