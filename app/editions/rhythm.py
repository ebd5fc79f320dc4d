"""A newsletter's calendar as an editor types it: in words or as an RFC 5545 rule, with pauses and extra dates."""

from datetime import date, datetime
from typing import Any

from ..newsletters.models import Newsletter
from ..newsletters.settings import Faulty
from .calendar import CalendarError, EditionDate, next_dates, read_extra, read_rhythm, read_skip, read_time
from .planning import rhythm_of
from .rhythm_words import english, from_words, in_words


def as_typed(newsletter: Newsletter) -> str:
    """The rhythm as its field shows it: in words where they can say it, else as the rule."""
    words = in_words(newsletter.rule, read_time(newsletter.at), newsletter.zone)
    return english(words) if words else f"{newsletter.rule}, {newsletter.at}, {newsletter.zone}"


def read_typed(said: str, start: date, skips: list[str], extra: list[str]) -> dict[str, Any]:
    """What was typed as the newsletter's columns. Raises `Faulty` with a sentence for each field that can't be read."""
    faults: dict[str, str] = {}
    columns: dict[str, Any] = {"rule_start": start, "skips": skips, "extra": extra}
    try:
        if "FREQ=" in said.upper():
            rule, at, zone = (part.strip() for part in ("," * (2 - said.count(",")) + said).rsplit(",", 2))
            rhythm = read_rhythm(rule, start, at, zone)
        else:
            rhythm = from_words(said, start)
        columns |= {"rule": rhythm.rule, "at": f"{rhythm.at:%H:%M}", "zone": rhythm.zone}
    except CalendarError as error:
        faults["rhythm"] = str(error)
    for name, lines, read in (
        ("skips", skips, read_skip),
        ("extra", extra, lambda text: read_extra(text, read_time("00:00"))),
    ):
        try:
            for line in lines:
                read(line)
        except CalendarError as error:
            faults[name] = str(error)
    if faults:
        raise Faulty(faults)
    return columns


def next_six(newsletter: Newsletter, after: datetime) -> list[EditionDate]:
    return next_dates(rhythm_of(newsletter), after, 6)
