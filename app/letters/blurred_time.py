"""The stored time of a reader's action: only the day if the exact time could identify them."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from ..db.session import now
from .models import Letter

# The microseconds of the first second after midnight number the letters of a day that are stored without a minute.
SLOTS_OF_A_DAY = timedelta(seconds=1)
_ROW = Letter.__table__.c
# Built once, with named parameters: building it for each letter takes several times as long as running it.
_NEWEST = select(func.max(_ROW.received_at)).where(
    _ROW.newsletter_id == bindparam("newsletter_id"),
    _ROW.received_at >= bindparam("day"),
    _ROW.received_at < bindparam("end"),
)


def truncate_to_day(timestamp: datetime) -> datetime:
    """Return midnight UTC of the day of `timestamp`.

    A web letter without an address is stored with its day only: a minute could be matched with somebody else's log.
    The day can't be that of the newsletter's time zone. East of UTC the local date changes before midnight UTC, so a
    letter would be dated in the future. West of UTC the next midnight UTC passes before the local day ends, so a mail
    scheduled for it would be sent immediately and reveal the minute.
    """
    return timestamp.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def keeps_only_day(timestamp: datetime) -> bool:
    """Return whether a stored time says no more than its day, which is that of UTC.

    That is so for the first second of a day, which an exact time hits once in 86,400 times.
    """
    return timestamp - truncate_to_day(timestamp) < SLOTS_OF_A_DAY


def stored_time(session: Session, letter: Letter) -> datetime:
    """Return the time to store for an action of the letter's writer: now, or only the day if they left no address."""
    current_time = now(session)
    return truncate_to_day(current_time) if letter.hear_back == "number" else current_time


def next_slot(session: Session, newsletter_id: int, timestamp: datetime) -> datetime:
    """Return the `received_at` of a new letter that is stored with its day only.

    Such letters have random keys (see `db/drawn_keys.py`), which give no order, but the desk reads today's letters in
    order of arrival. So the microseconds after midnight count the letters of the day. They say nothing about the time,
    and `workflows/retention/forget_order.py` erases them once the day is over.
    """
    day = truncate_to_day(timestamp)
    end = day + SLOTS_OF_A_DAY
    newest = session.connection().scalar(_NEWEST, {"newsletter_id": newsletter_id, "day": day, "end": end})
    step = timedelta(microseconds=1)
    return min((newest or day) + step, end - step)
