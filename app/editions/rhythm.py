"""The form of a newsletter's calendar: weekdays, weekdays of the month, days of the month, or a rule of RFC 5545."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from ..newsletters.models import Newsletter
from ..newsletters.settings import InvalidSettings
from ..text.clean import single_line
from .calendar import (
    CalendarError,
    EditionDate,
    next_dates,
    read_extra,
    read_rhythm,
    read_rule,
    read_skip,
    read_time,
    zone_of,
)

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
# The places of a weekday in its month: "3" as in "the third Wednesday"; "-1" is the last.
PLACES = ("1", "2", "3", "4", "5", "-1")
MAX_RULE_LENGTH = 200  # characters
PREVIEWED_DATES = 6
WEEKS = tuple(str(weeks) for weeks in range(1, 9))  # intervals that the form offers
_WEEKDAY = re.compile(rf"(?P<place>{'|'.join(PLACES)})?(?P<weekday>{'|'.join(WEEKDAYS)})")  # "WE", "3WE" or "-1WE"
_MONTH_DAY = re.compile(r"0?[1-9]|[12]\d|3[01]")  # "1", "01" or "31"


@dataclass(frozen=True)
class Pattern:
    """A rule that can be described in words. It has either weekdays or days of the month.

    - `days`: pairs of a weekday (0 is Monday) and its places in the month (-1 is the last), none in a weekly rule;
    - `month_days`: days of the month;
    - `weeks`: a weekly rule recurs every `weeks` weeks.
    """

    days: tuple[tuple[int, tuple[int, ...]], ...] = ()
    month_days: tuple[int, ...] = ()
    weeks: int = 1


@dataclass(frozen=True)
class Choices:
    """The values of the form for a rule, as text.

    `by` is "weeks" (every `weeks` weeks on `weekdays`), "month" (the `weekdays` in `places`), "days" (`month_days`,
    separated by commas), or "rule" (`rule` as typed).
    """

    by: str
    weeks: str = "1"
    weekdays: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    month_days: str = ""
    rule: str = ""

    def as_rule(self) -> str:
        """Return the chosen rule. Raises `CalendarError` if the choice is incomplete or has a wrong day."""
        if self.by in ("weeks", "month") and not self.weekdays:
            raise CalendarError("Choose a weekday, or several.")
        match self.by:
            case "weeks":
                interval = f"INTERVAL={self.weeks};" if self.weeks != "1" else ""
                return f"FREQ=WEEKLY;{interval}BYDAY={','.join(self.weekdays)}"
            case "month":
                if not self.places:
                    raise CalendarError("Choose which of the month it is: the first, the third, the last.")
                return "FREQ=MONTHLY;BYDAY=" + ",".join(place + day for day in self.weekdays for place in self.places)
            case "days":
                days = [day.strip() for day in self.month_days.split(",")]
                if not all(_MONTH_DAY.fullmatch(day) for day in days):
                    raise CalendarError("The days of the month are numbers from 1 to 31, separated by commas.")
                return "FREQ=MONTHLY;BYMONTHDAY=" + ",".join(str(int(day)) for day in days)
        return self.rule.strip()


def choices_of(rule: str) -> Choices:
    """Return the choices of the form that result in a rule. If there are none, choose the rule as typed."""
    pattern = pattern_of(rule)
    if pattern and pattern.month_days:
        return Choices("days", month_days=", ".join(map(str, pattern.month_days)))
    if pattern is None or "WKST" in rule.upper():  # the form has no field for the start of the week
        return Choices("rule", rule=rule)
    if len({frozenset(places) for _day, places in pattern.days}) != 1:  # the form has one set of places for all days
        return Choices("rule", rule=rule)
    weekdays = tuple(WEEKDAYS[day] for day, _places in sorted(pattern.days))
    _first_day, places = pattern.days[0]
    if places:
        return Choices("month", weekdays=weekdays, places=tuple(place for place in PLACES if int(place) in places))
    if str(pattern.weeks) in WEEKS:
        return Choices("weeks", str(pattern.weeks), weekdays)
    return Choices("rule", rule=rule)


def pattern_of(rule: str) -> Pattern | None:
    """Return the pattern of a rule, or None for a rule that can only be shown as it is."""
    parts: dict[str, str] = {}
    for part in rule.strip().upper().removeprefix("RRULE:").split(";"):
        name, _, value = part.partition("=")
        parts[name] = value
    parts.pop("WKST", None)
    weeks = parts.pop("INTERVAL", "1")
    match sorted(parts.items()):
        case [("BYDAY", value), ("FREQ", "WEEKLY")] if weeks.isdecimal():
            days = _parse_weekdays(value)
            if not days or any(places for _day, places in days):
                return None
            return Pattern(days, weeks=int(weeks))
        case _ if weeks != "1":
            return None
        case [("BYDAY", value), ("FREQ", "MONTHLY")]:
            days = _parse_weekdays(value)
            if not days or not all(places for _day, places in days):
                return None
            return Pattern(days)
        case [("BYDAY", value), ("BYSETPOS", places), ("FREQ", "MONTHLY")] if value in WEEKDAYS:
            return pattern_of("FREQ=MONTHLY;BYDAY=" + ",".join(place + value for place in places.split(",")))
        case [("BYMONTHDAY", value), ("FREQ", "MONTHLY")] if all(map(_MONTH_DAY.fullmatch, value.split(","))):
            return Pattern(month_days=tuple(map(int, value.split(","))))
    return None


def _parse_weekdays(value: str) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """Return each weekday of a BYDAY value with its places, in order, or an empty tuple if a part isn't understood.

    "1WE,3WE,FR" gives ((2, (1, 3)), (4, ())).
    """
    days: dict[int, tuple[int, ...]] = {}
    for match in map(_WEEKDAY.fullmatch, value.split(",")):
        if match is None:
            return ()
        weekday = WEEKDAYS.index(match["weekday"])
        places = days.setdefault(weekday, ())
        if match["place"]:
            days[weekday] = (*places, int(match["place"]))
    return tuple(days.items())


def _build_lines_parser(parse_line: Callable[[str], Any]) -> Callable[[str], list[str]]:
    """Return a parser that validates each line of a text by `parse_line`, and returns the lines as typed."""

    def parse_lines(text: str) -> list[str]:
        lines = list(filter(None, map(single_line, text.splitlines())))
        for line in lines:
            parse_line(line)
        return lines

    return parse_lines


# Parsers of the form's fields, by the newsletter's column.
PARSERS: dict[str, Callable[[str], Any]] = {
    "at": lambda text: f"{read_time(text):%H:%M}",
    "zone": lambda text: zone_of(text.strip()).key,
    "skips": _build_lines_parser(read_skip),
    "extra": _build_lines_parser(lambda text: read_extra(text, time())),
}


def parse_calendar_form(choices: Choices, form: Mapping[str, str], start: date | None) -> dict[str, Any]:
    """Return the newsletter's calendar columns from the form. `start` is None if the first date can't be read.

    Raises `InvalidSettings` with a sentence for each field that can't be read.
    """
    columns: dict[str, Any] = {"rule_start": start}
    faults: dict[str, str] = {}
    parsers = PARSERS | {"rule": lambda _text: _validate_rule(choices.as_rule(), start)}
    for name, parse in parsers.items():
        try:
            columns[name] = parse(form.get(name, ""))
        except CalendarError as error:
            faults[name] = str(error)
    if faults:
        raise InvalidSettings(faults)
    return columns


def _validate_rule(rule: str, start: date | None) -> str:
    read_rule(rule, start or date(2022, 1, 1))  # any date does, to validate the rule
    if len(rule) > MAX_RULE_LENGTH:
        raise CalendarError(f"A rule has {MAX_RULE_LENGTH} characters at most.")
    return rule


def preview_dates(
    newsletter: Newsletter, after: datetime, overrides: Mapping[str, Any] | None = None
) -> list[EditionDate]:
    """Return the next dates by the newsletter's calendar, or by `overrides`, the columns from `parse_calendar_form`.

    Raises `CalendarError`.
    """
    names = ("rule", "rule_start", *PARSERS)  # in the order of the parameters of `read_rhythm`
    columns = overrides or {name: getattr(newsletter, name) for name in names}
    rhythm = read_rhythm(*(columns[name] for name in names))
    return next_dates(rhythm, after, PREVIEWED_DATES)
