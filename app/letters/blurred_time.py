"""The time of a reader's action, stored as a day only where a minute could identify them."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from ..db.session import now
from .models import Letter

# The first second after midnight: its microseconds number the letters of a day that are stored without a minute.
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

    A web letter without an address is stored with its day only: a minute could be matched with somebody else's log. The
    newsletter's own time zone would not do. East of UTC the date changes before midnight UTC, so a letter would be
    dated in the future. West of UTC the next midnight UTC passes before the local day ends, so a mail scheduled for it
    would leave immediately and reveal the minute.
    """
    return timestamp.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def stored_time(session: Session, letter: Letter) -> datetime:
    """Return the time to store for an action of the letter's writer: now, or only the day if they left no address."""
    moment = now(session)
    return truncate_to_day(moment) if letter.hear_back == "number" else moment


def next_slot(session: Session, newsletter_id: int, timestamp: datetime) -> datetime:
    """Return the `received_at` of a new letter that has a random key and is stored with its day only.

    The desk reads today's letters in order of arrival. The order is a counter in the microseconds after midnight; it
    says nothing about the time, and `workflows/retention/forget_order.py` erases it once the day is over.
    `db/drawn_keys.py` says why such letters have random keys.
    """
    day, step = truncate_to_day(timestamp), timedelta(microseconds=1)
    params = {"newsletter_id": newsletter_id, "day": day, "end": day + SLOTS_OF_A_DAY}
    newest = session.connection().scalar(_NEWEST, params)
    return min((newest or day) + step, day + SLOTS_OF_A_DAY - step)
