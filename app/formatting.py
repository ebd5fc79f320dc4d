"""Times, counts and languages as pages say them: in the page's language, in the newsletter's zone."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_skeleton, format_timedelta
from babel.units import format_unit
from flask import Flask, g
from flask_babel import get_locale, gettext

from .listing import MANY
from .mail.translation import beside, by_skeleton, full, in_digits_of, locale
from .text import group_digits
from .typesetting.house_languages import phrases_for

UNITS = (("day", 1440), ("hour", 60), ("minute", 1))  # of an age, each with its minutes


def _where() -> Locale:
    """Return whose dates and numbers: those of the page's language, in English the ones that our mails use too."""
    return locale(str(get_locale()))


def zone() -> ZoneInfo:
    return ZoneInfo(g.get("zone", "UTC"))


def _local(moment: datetime) -> datetime:
    return moment.astimezone(zone())


def _said(text: str) -> str:
    return in_digits_of(_where(), text)


def day(moment: datetime | date, style: str = "long") -> str:
    """ "Wednesday 18 November", or "18 November 2026" in another year; `short` is "Wed 18 Nov" or "Wed 18 Nov 2026"."""
    local = _local(moment) if isinstance(moment, datetime) else moment
    is_another_year = local.year != datetime.now(zone()).year
    if style == "short":
        return by_skeleton(_where(), "yMMMEd" if is_another_year else "MMMEd", local)
    if is_another_year:
        return full_date(local)
    if "MMMMEEEEd" in _where().datetime_skeletons:
        said = format_skeleton("MMMMEEEEd", _as_datetime(local), locale=_where())
    else:
        said = format_date(local, full(_where(), local, local.year), locale=_where())
    return beside(_where(), _said(said), local)


def _as_datetime(local: datetime | date) -> datetime:
    return local.replace(tzinfo=None) if isinstance(local, datetime) else datetime(local.year, local.month, local.day)


def clock_time(moment: datetime) -> str:
    return _said(format_skeleton("Hm", _as_datetime(_local(moment)), locale=_where()))


def moment(moment: datetime) -> str:
    """The exact time in the newsletter's zone: "Wednesday 18 November, 09:00"."""
    return gettext("%(day)s, %(time)s", day=day(moment), time=clock_time(moment))


def full_date(moment: datetime | date) -> str:
    local = _local(moment) if isinstance(moment, datetime) else moment
    return beside(_where(), _said(format_date(local, "long", locale=_where())), local)


def exact(moment: datetime) -> str:
    return _said(format_datetime(_as_datetime(_local(moment)), "medium", locale=_where()))


def ago(moment: datetime, threshold: float = 0.99) -> str:
    """Return how long ago, or until: "3 days"."""
    passed = max(abs(datetime.now(UTC) - moment), timedelta(minutes=1))
    return _said(format_timedelta(passed, threshold=threshold, locale=_where()))


def age(moment: datetime) -> str:
    """The same, short, for rows: "12 mins", "5 hrs", "41 days"; weeks and months would hide how long somebody waits."""
    minutes = max(1, int(abs(datetime.now(UTC) - moment).total_seconds() // 60))
    number, unit = next((round(minutes / size), unit) for unit, size in UNITS if minutes >= size)
    return _said(format_unit(number, f"duration-{unit}", length="short", locale=_where()))


def left(moment: datetime, length: Literal["short", "long"] = "long") -> str:
    """The time until then, in whole hours or, from two days on, whole days: never more than there is."""
    minutes = max(1, int((moment - datetime.now(UTC)).total_seconds() // 60))
    size, unit = next((size, unit) for unit, size in UNITS if minutes >= size * (2 if unit == "day" else 1))
    return _said(format_unit(minutes // size, f"duration-{unit}", length=length, locale=_where()))


def is_past(moment: datetime) -> bool:
    return moment < datetime.now(UTC)


def count(number: int) -> str:
    """Counts stop at "1,000+"; an empty place has none."""
    return in_digits(f"{MANY:,}+" if number > MANY else number) if number else ""


def in_digits(number: int | str) -> str:
    """A number with the digits of the page's language, and its commas between thousands."""
    said = _said(str(number))
    return said.replace(",", "٬") if said != str(number) else said


def comma(language: str = "") -> str:
    """The comma between two words of a language, or of the page's, with the space that belongs to it."""
    return phrases_for(language or str(get_locale()).replace("_", "-"))["comma"]


def tongue(code: str) -> str:
    """The name of a language in the page's language; an unknown one is not named."""
    if code.split("-")[0] == "und":  # CLDR takes "undetermined" for the likeliest language there is, American English
        return ""
    try:
        return str(Locale.parse(code.replace("-", "_")).get_display_name(get_locale()) or "")
    except (UnknownLocaleError, ValueError):
        return ""


def by_name(codes: Iterable[str]) -> list[tuple[str, str]]:
    """Languages to choose from, as (code, name) in the order of their names; what has no name is left out."""
    return sorted(((code, tongue(code)) for code in {*codes} if tongue(code)), key=lambda one: (one[1], one[0]))


def autonym(code: str) -> str:
    """The name of a language in itself."""
    try:
        locale = Locale.parse(code.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return code
    return str(locale.get_language_name(locale) or code)


def register(app: Flask) -> None:
    of_times = (day, moment, clock_time, full_date, exact, ago, age, is_past)
    words = (*of_times, count, in_digits, tongue, autonym, group_digits)
    app.jinja_env.globals["comma"] = comma
    app.jinja_env.filters.update({word.__name__: word for word in words})
