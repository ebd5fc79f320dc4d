"""What may be kept of when a reader did something."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from ..db import now
from ..newsletters.models import Newsletter
from .models import Letter


def day_only(newsletter: Newsletter, moment: datetime) -> datetime:
    """The newsletter's day of a moment, as midnight UTC; the day before where that midnight is still to come.

    A web letter without an address keeps no minute: a log elsewhere could be matched with it. East of Greenwich the new day
    begins before midnight UTC, and a letter that came later than now would stand above those that came after it.
    """
    day = min(moment.astimezone(ZoneInfo(newsletter.zone)).date(), moment.astimezone(UTC).date())
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def kept_moment(session: Session, letter: Letter) -> datetime:
    """When the letter's writer does something now, as far as it may be kept: the day only, of who left no address."""
    if letter.hear_back != "number":
        return now(session)
    return day_only(session.get_one(Newsletter, letter.newsletter_id), now(session))
