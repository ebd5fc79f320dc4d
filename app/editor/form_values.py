"""Values in the fields of the desk's forms: the newsletter's local times, days, the address or number of a question."""

import re
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from flask_babel import lazy_gettext as _l

from ..core.state_machine import TooLong
from ..db.ids import CROCKFORD

TOO_LONG = _l("This is too long: %(most)d characters are the most.")
PUBLIC_ID = re.compile(rf"\b[{CROCKFORD}]{{12}}\b")


def parse_local_time(text: str, zone: str) -> datetime | None:
    """Return what a field for date and time holds ("2026-11-14T12:00"), as a moment in the newsletter's zone."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except (ValueError, OverflowError):  # the first and the last day that there are don't lie in every zone
        return None


def format_local_time(value: datetime | None, zone: str) -> str:
    return value.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M") if value else ""


def parse_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def too_long(error: TooLong) -> str:
    """Return what is said at the field whose text is too long."""
    return str(TOO_LONG) % {"most": error.most}


def parse_number(text: str) -> int:
    """Read a whole number; -1, which is no version and no number of slots, where there is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


def parse_public_id(text: str) -> str:
    """Read the number of a row, typed by itself or pasted as a page's address; what holds none finds no row either."""
    found = PUBLIC_ID.search(text.upper())
    return found.group() if found else ""
