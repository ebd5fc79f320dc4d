"""Days instead of minutes: the most that may be kept of when a reader did something."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from ..db.session import now
from .models import Letter

# Behind a day's midnight: in its microseconds, letters that keep no minute are counted until the day is over.
SLOTS_OF_A_DAY = timedelta(seconds=1)
_ROW = Letter.__table__.c
# Built once, with named parameters: building it for each letter costs several times what running it does.
_NEWEST = select(func.max(_ROW.received_at)).where(
    _ROW.newsletter_id == bindparam("newsletter_id"),
    _ROW.received_at >= bindparam("day"),
    _ROW.received_at < bindparam("end"),
)


def truncate_to_day(timestamp: datetime) -> datetime:
    """The day of a moment in UTC, as its midnight.

    A web letter without an address keeps no minute: a log elsewhere could be matched with it. The newsletter's own day
    would not do: in the east it begins before midnight UTC, and what was written then would stand in the future; in the
    west the midnight after it is over before the day is, and a mail that waits for it would leave at once and tell the
    minute.
    """
    return timestamp.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def stored_time(session: Session, letter: Letter) -> datetime:
    """Return when the letter's writer does something now, as far as it may be kept: the day only, of who left no
    address.
    """
    moment = now(session)
    return truncate_to_day(moment) if letter.hear_back == "number" else moment


def next_slot(session: Session, newsletter_id: int, timestamp: datetime) -> datetime:
    """Return the time of arrival of a new letter of which only the day is kept, as its key is drawn (`drawn_keys`).

    The desk reads the letters of today in the order in which they came. It is counted among themselves alone, beside no
    time, and `forget_order.py` forgets it once the day is over.
    """
    day, step = truncate_to_day(timestamp), timedelta(microseconds=1)
    params = {"newsletter_id": newsletter_id, "day": day, "end": day + SLOTS_OF_A_DAY}
    newest = session.connection().scalar(_NEWEST, params)
    return min((newest or day) + step, day + SLOTS_OF_A_DAY - step)
