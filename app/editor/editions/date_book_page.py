"""The calendar of the desk: three months with their editions, cut-offs, texts that are due and dates to keep."""

from calendar import Calendar
from datetime import date, datetime
from itertools import groupby
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_skeleton, get_day_names
from flask import request, url_for
from flask_babel import get_locale

from ...db.session import now
from ...workflows.overview.calendar_feed import Entry, entries
from ..frame import Desk, at_desk, editor, page

MONTHS = 3
FIRST, LAST = 2000, 2200  # years in which a calendar is of use


def _wanted(typed: str, today: date) -> date:
    """Return the first day of the month that the address names, "2026-12"; of this one where it names none."""
    try:
        wanted = datetime.strptime(typed, "%Y-%m").date()
    except ValueError:
        wanted = today
    return (wanted if FIRST <= wanted.year < LAST else today).replace(day=1)


def _later(month: date, by: int) -> date:
    years, number = divmod(month.year * 12 + month.month - 1 + by, 12)
    return date(years, number + 1, 1)


def _month(first: date, found: dict[date, list[Entry]]) -> dict[str, Any]:
    """Return a month by weeks; a day of another month is None. Weeks begin on Monday (ISO 8601)."""
    weeks = Calendar().monthdatescalendar(first.year, first.month)
    name = format_skeleton("yMMMM", datetime(first.year, first.month, 1), locale=get_locale())
    days = [[(day, found.get(day, [])) if day.month == first.month else None for day in week] for week in weeks]
    has_any = any(first <= day < _later(first, 1) for day in found)
    return {"name": name, "key": f"{first:%Y-%m}", "weeks": days, "is_empty": not has_any}


def _shown(desk: Desk, first: date) -> list[dict[str, Any]]:
    last = date.fromordinal(_later(first, MONTHS).toordinal() - 1)
    by_day = groupby(entries(desk.session, desk.newsletter, first, last), key=attrgetter("day"))
    found = {day: list(group) for day, group in by_day}
    return [_month(_later(first, number), found) for number in range(MONTHS)]


@editor.get("/<slug>/editions/calendar")
def date_book(slug: str) -> str:
    with at_desk(slug) as desk:
        today = now(desk.session).astimezone(ZoneInfo(desk.newsletter.zone)).date()
        first = _wanted(request.args.get("month", ""), today)
        names = get_day_names("abbreviated", locale=get_locale())
        return page(
            desk,
            "editor/editions/date_book.html",
            "edition",
            months=_shown(desk, first),
            weekdays=[names[number] for number in range(7)],
            today=today,
            earlier=url_for("editor.date_book", slug=slug, month=f"{_later(first, -MONTHS):%Y-%m}"),
            later=url_for("editor.date_book", slug=slug, month=f"{_later(first, MONTHS):%Y-%m}"),
        )
