"""The list of all editions, and a calendar of three months."""

from calendar import Calendar
from datetime import date, datetime
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_skeleton, get_day_names
from flask import request, url_for
from flask_babel import get_locale

from ...db.session import now
from ...editions import archive
from ...editions import queries as editions
from ...editions.history import unsent
from ...editions.slots import count_filled_slots
from ...web.setup import get_cursor_row, paginate
from ...workflows.overview.calendar_feed import CalendarEntry, list_entries
from ..frame import RequestContext, editor, page, read_context
from ..rhythm_form import format_dates, format_rhythm

PAGE_SIZE = 30


@editor.get("/<slug>/editions")
def all_editions(slug: str) -> str:
    with read_context(slug) as desk:
        last_shown = get_cursor_row(lambda key: editions.load(desk.session, desk.actor, key))
        get_url = partial(url_for, "editor.all_editions", slug=slug)
        sent_page = paginate(desk.session, archive.sent_editions(desk.newsletter), PAGE_SIZE, last_shown, get_url)
        upcoming = [] if last_shown else unsent(desk.session, desk.newsletter.id, PAGE_SIZE)
        return page(
            desk,
            "editor/editions/editions.html",
            "edition",
            rhythm=format_rhythm(desk.newsletter),
            skips=[format_dates(date_text) for date_text in desk.newsletter.skips],
            extra=[format_dates(date_text) for date_text in desk.newsletter.extra],
            upcoming_editions=upcoming,
            filled_counts=count_filled_slots(desk.session, upcoming),
            sent_editions=sent_page.rows,
            items_by_edition=archive.items(desk.session, sent_page.rows),
            page_urls=sent_page.page_urls,
        )


SHOWN_MONTHS = 3
MIN_YEAR, MAX_YEAR = 2000, 2199  # the calendar shows no others


def _parse_month(text: str, today: date) -> date:
    """Return the first day of a month such as "2026-12", or of the current month if the text is no month in range."""
    try:
        month = datetime.strptime(text, "%Y-%m").date()
    except ValueError:
        month = today
    return (month if MIN_YEAR <= month.year <= MAX_YEAR else today).replace(day=1)


def _add_months(month: date, count: int) -> date:
    years, number = divmod(month.year * 12 + month.month - 1 + count, 12)
    return date(years, number + 1, 1)


def _build_month(first: date, entries_by_day: dict[date, list[CalendarEntry]]) -> dict[str, Any]:
    """Return a month by weeks that begin on Monday (ISO 8601). Days of other months are None."""
    weeks = Calendar().monthdatescalendar(first.year, first.month)
    name = format_skeleton("yMMMM", datetime(first.year, first.month, 1), locale=get_locale())
    weeks_with_entries = [
        [(day, entries_by_day.get(day, [])) if day.month == first.month else None for day in week] for week in weeks
    ]
    has_entries = any(first <= day < _add_months(first, 1) for day in entries_by_day)
    return {"name": name, "key": f"{first:%Y-%m}", "weeks": weeks_with_entries, "is_empty": not has_entries}


def _list_months(desk: RequestContext, first: date) -> list[dict[str, Any]]:
    last = date.fromordinal(_add_months(first, SHOWN_MONTHS).toordinal() - 1)
    groups = groupby(list_entries(desk.session, desk.newsletter, first, last), key=attrgetter("day"))
    entries_by_day = {day: list(group) for day, group in groups}
    return [_build_month(_add_months(first, number), entries_by_day) for number in range(SHOWN_MONTHS)]


@editor.get("/<slug>/editions/calendar")
def date_book(slug: str) -> str:
    with read_context(slug) as desk:
        today = now(desk.session).astimezone(ZoneInfo(desk.newsletter.zone)).date()
        first = _parse_month(request.args.get("month", ""), today)
        names = get_day_names("abbreviated", locale=get_locale())
        return page(
            desk,
            "editor/editions/date_book.html",
            "edition",
            months=_list_months(desk, first),
            weekdays=[names[number] for number in range(7)],
            today=today,
            earlier_url=url_for("editor.date_book", slug=slug, month=f"{_add_months(first, -SHOWN_MONTHS):%Y-%m}"),
            later_url=url_for("editor.date_book", slug=slug, month=f"{_add_months(first, SHOWN_MONTHS):%Y-%m}"),
        )
