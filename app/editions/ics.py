"""The coming editions as a calendar that a reader's or an expert's programme subscribes to (RFC 5545)."""

from collections.abc import Iterable
from datetime import datetime

from .calendar import EditionDate


def to_ics(
    name: str, dates: Iterable[EditionDate], uid_domain: str, made_at: datetime, url: str | None = None
) -> bytes:
    """Write an .ics file with a moment for each edition, in UTC, which every programme shows in its reader's own time.

    An event's UID is its date in the rule at `uid_domain`, so an edition that moves to another hour is the same event
    in every subscriber's calendar; `uid_domain` must therefore be the newsletter's alone. `made_at` is aware.
    """
    from icalendar import Calendar, Event  # takes megabytes, which few processes need

    calendar = Calendar()
    calendar.add("prodid", "-//Readers Asked//Editions//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", name)
    for edition in dates:
        event = Event()
        event.add("uid", f"{edition.rule_date:%Y%m%d}@{uid_domain}")
        event.add("dtstamp", made_at)
        event.add("dtstart", edition.runs_at)
        event.add("summary", name)
        event.add("transp", "TRANSPARENT")
        if url:
            event.add("url", url)
        calendar.add_component(event)
    return bytes(calendar.to_ical())
