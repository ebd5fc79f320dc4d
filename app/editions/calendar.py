"""The calendar of editions: rules in the newsletter's time zone, their dates, derived times, and the .ics file."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from heapq import merge
from itertools import islice, takewhile
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil.rrule import rrule, rrulestr  # type: ignore[import-untyped]

_TIME_PARTS = ("HOURLY", "MINUTELY", "SECONDLY", "BYHOUR", "BYMINUTE", "BYSECOND")


class CalendarError(ValueError):
    """Raised for a rule, date, time or zone that can't be read, with a sentence that says why."""


@dataclass(frozen=True)
class Rhythm:
    """A newsletter's calendar: a rule, pauses and extra dates.

    `start` is the first day of the rule, and `at` the local time of its editions. `skips` are the first and last days
    of pauses; `extra` are the local times of extra dates, which run even inside a pause.
    """

    rule: str
    start: date
    at: time
    zone: str
    skips: tuple[tuple[date, date], ...] = ()
    extra: tuple[datetime, ...] = ()

    def is_skipped(self, day: date) -> bool:
        return any(first <= day <= last for first, last in self.skips)


@dataclass(frozen=True, order=True)
class EditionDate:
    """One date of the calendar. `local_at` is naive, in the newsletter's zone; `runs_at` is the same time in UTC."""

    rule_date: date
    local_at: datetime
    runs_at: datetime


def zone_of(name: str) -> ZoneInfo:
    """Return a zone by its IANA name. Raises `CalendarError`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise CalendarError(f"{name!r} is not a time zone; write one like Europe/Prague.") from error


def read_day(text: str) -> date:
    """Parse an ISO 8601 date. Raises `CalendarError`."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise CalendarError(f"{text!r} is not a date; write one like 2026-07-01.") from error


def read_time(text: str) -> time:
    """Parse a time of day, "HH:MM". Raises `CalendarError`."""
    try:
        return datetime.strptime(text.strip(), "%H:%M").time()
    except ValueError as error:
        raise CalendarError(f"{text!r} is not a time of day; write one like 09:00.") from error


def read_skip(text: str) -> tuple[date, date]:
    """Parse a day, or a pause as an ISO 8601 interval of days with both ends included: "2026-07-01/2026-08-31".

    Raises `CalendarError`.
    """
    first, _, last = text.partition("/")
    first_day = read_day(first)
    last_day = read_day(last or first)
    if last_day < first_day:
        raise CalendarError(f"The pause {text!r} ends before it begins.")
    return first_day, last_day


def read_extra(text: str, default_time: time) -> datetime:
    """Parse an extra date, which runs at the default time or has its own: "2026-12-23T17:00".

    Raises `CalendarError`.
    """
    day, _, time_of_day = text.partition("T")
    return datetime.combine(read_day(day), read_time(time_of_day) if time_of_day else default_time)


def read_rule(rule: str, start: date) -> rrule:
    """Parse a recurrence rule of days from `start` on (RFC 5545).

    Raises `CalendarError`, also for a rule that never gives a date.
    """
    text = rule.strip().removeprefix("RRULE:")
    if any(part in text.upper() for part in _TIME_PARTS):
        raise CalendarError(f"The rule {rule!r} names hours; the time of day is kept beside the rule.")
    if len(text.split()) > 1:
        raise CalendarError("Write one recurrence rule; pauses and extra dates are kept beside it.")
    try:
        # A positive integer by RFC 5545, section 3.3.10; no newsletter needs more than 999.
        if re.search(r"INTERVAL=(?!0*[1-9]\d{0,2}(?!\d))", text, re.IGNORECASE):
            raise ValueError("INTERVAL")
        parsed = rrulestr(text, dtstart=datetime.combine(start, time()))
        first = next(iter(parsed), None)
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        raise CalendarError(f"{rule!r} is not a recurrence rule; write one like FREQ=MONTHLY;BYDAY=1WE,3WE.") from error
    if first is None:
        raise CalendarError(f"The rule {rule!r} never gives a date.")
    return parsed


def read_rhythm(
    rule: str, start: date, run_time: str, zone: str, skips: Iterable[str] = (), extra: Iterable[str] = ()
) -> Rhythm:
    """Parse a newsletter's calendar from its stored settings. Raises `CalendarError`."""
    read_rule(rule, start)
    at = read_time(run_time)
    return Rhythm(
        rule=rule,
        start=start,
        at=at,
        zone=zone_of(zone).key,
        skips=tuple(map(read_skip, skips)),
        extra=tuple(sorted(read_extra(text, at) for text in extra)),
    )


def in_utc(local_at: datetime, zone: str) -> datetime:
    """Convert a naive local time to UTC. Raises `CalendarError` for an unknown zone.

    As in RFC 5545, section 3.3.5, a time in a gap has the UTC offset before the gap, and a repeated time is the first.
    """
    return local_at.replace(tzinfo=zone_of(zone), fold=0).astimezone(UTC)


def _iter_dates(rhythm: Rhythm, first: date) -> Iterator[EditionDate]:
    """Yield the dates from `first` on, in order. An extra date on a day of the rule replaces that day's time."""
    rule = read_rule(rhythm.rule, rhythm.start)
    rule_days = (midnight.date() for midnight in rule.xafter(datetime.combine(first, time()), inc=True))
    extra_by_day = {local_at.date(): local_at for local_at in rhythm.extra if local_at.date() >= first}
    regular_days = (day for day in rule_days if day not in extra_by_day and not rhythm.is_skipped(day))
    for day in merge(regular_days, sorted(extra_by_day)):
        local_at = extra_by_day.get(day) or datetime.combine(day, rhythm.at)
        yield EditionDate(day, local_at, in_utc(local_at, rhythm.zone))


def occurrences(rhythm: Rhythm, start_date: date, end_date: date) -> list[EditionDate]:
    """Return the dates from one day to another, both included. Raises `CalendarError`."""
    return list(takewhile(lambda edition_date: edition_date.rule_date <= end_date, _iter_dates(rhythm, start_date)))


def next_dates(rhythm: Rhythm, after: datetime, count: int) -> list[EditionDate]:
    """Return the next `count` dates that run later than `after`, which is aware. Raises `CalendarError`."""
    # Start a day early: where the clocks skip the time around midnight, an edition of that day may run on the next day.
    first = after.astimezone(zone_of(rhythm.zone)).date() - timedelta(days=1)
    later_dates = (edition_date for edition_date in _iter_dates(rhythm, first) if edition_date.runs_at > after)
    return list(islice(later_dates, count))


def cutoff(local_at: datetime, zone: str, minutes: int) -> datetime:
    """Return the cut-off in UTC, `minutes` before an edition runs.

    Whole days are counted in local time, and the rest exactly (RFC 5545, section 3.3.6): two days before 09:00 it is
    09:00, even if the clocks change in between.
    """
    days, remaining_minutes = divmod(minutes, 24 * 60)
    return in_utc(local_at - timedelta(days=days), zone) - timedelta(minutes=remaining_minutes)


def render_ics(
    name: str, dates: Iterable[EditionDate], uid_domain: str, made_at: datetime, url: str | None = None
) -> bytes:
    """Render an .ics file with an event for each edition. Calendar programs show its times, in UTC, in local time.

    An event's UID consists of `rule_date` and `uid_domain`, so an edition that moves to another hour stays the same
    event in subscribers' calendars. Each newsletter needs its own `uid_domain`. `made_at` is aware.
    """
    from icalendar import Calendar, Event  # imported here as it takes megabytes, which few processes need

    calendar = Calendar()
    calendar.add("prodid", "-//Readers Asked//Editions//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", name)
    for edition_date in dates:
        event = Event()
        event.add("uid", f"{edition_date.rule_date:%Y%m%d}@{uid_domain}")
        event.add("dtstamp", made_at)
        event.add("dtstart", edition_date.runs_at)
        event.add("summary", name)
        event.add("transp", "TRANSPARENT")
        if url:
            event.add("url", url)
        calendar.add_component(event)
    return bytes(calendar.to_ical())
