"""The language of the page, and formatting of times (in the newsletter's zone), counts and names of languages."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_skeleton, format_timedelta
from babel.units import format_unit
from flask import Flask, g
from flask_babel import Domain, gettext

from ..core.clock import utc_now
from ..core.listing import COUNT_LIMIT
from ..text import translation
from ..text.clean import group_digits
from ..text.translation import (
    add_solar_hijri_date,
    format_by_skeleton,
    full_pattern,
    interface_language,
    locale,
    localize_digits,
    say,
)
from ..typesetting.house_languages import phrases_for


def language() -> str:
    """Return the interface language of this page: the one the door chose, such as from the URL or a person's settings,
    if our translation of it is complete, else English.
    """
    return interface_language(requested_language())


def requested_language() -> str:
    """Return the language that the door chose for this page, even one without our translation: a newsletter's own
    texts may be in it.
    """
    return str(g.get("language", "en"))


class PageWords(Domain):
    """The domain that Flask-Babel's `gettext` uses in code. The extension's own looks up locale and catalogue anew for
    each text, and a list of forty rows has hundreds of them."""

    def gettext(self, string: str, **values: Any) -> str:
        translation = say(language()).gettext(string)
        return translation % values if values else translation

    def ngettext(self, singular: str, plural: str, num: int, **values: Any) -> str:
        return say(language()).ngettext(singular, plural, num) % {"num": num, **values}


WORDS = PageWords()


MINUTES_PER_UNIT = (("day", 1440), ("hour", 60), ("minute", 1))


def _page_locale() -> Locale:
    """Return the Babel locale of the page's language, which is British for English, as in our mails."""
    return locale(language())


def zone() -> ZoneInfo:
    return ZoneInfo(g.get("zone", "UTC"))


def _local(value: datetime) -> datetime:
    return value.astimezone(zone())


def _localize_digits(text: str) -> str:
    return localize_digits(_page_locale(), text)


def day(value: datetime | date, style: str = "long") -> str:
    """Format a day: "Wednesday 18 November"; in another year, "18 November 2025" in the past or "Wednesday 6 January
    2027" in the future. The style `short` is "Wed 18 Nov", or "Wed 18 Nov 2025".
    """
    local_day = _local(value).date() if isinstance(value, datetime) else value
    today = utc_now().astimezone(zone()).date()
    return _day(language(), local_day, style, is_another_year=local_day.year != today.year, is_future=local_day > today)


# Babel takes longer to format a date than the rest of a row takes, and the rows of a list repeat most dates.
_cached = lru_cache(maxsize=4096)


@_cached
def _day(page_language: str, local: date, style: str, is_another_year: bool, is_future: bool) -> str:
    page_locale = locale(page_language)
    if style == "short":
        return format_by_skeleton(page_locale, "yMMMEd" if is_another_year else "MMMEd", local)
    if is_another_year:
        if is_future:
            return translation.day(page_language, local, "UTC", this_year=0)
        return _full_date(page_language, local)
    if "MMMMEEEEd" in page_locale.datetime_skeletons:
        text = format_skeleton("MMMMEEEEd", datetime(local.year, local.month, local.day), locale=page_locale)
    else:
        text = format_date(local, full_pattern(page_locale, local, local.year), locale=page_locale)
    return add_solar_hijri_date(page_locale, localize_digits(page_locale, text), local)


def clock_time(value: datetime) -> str:
    return _clock_time(language(), _local(value).replace(tzinfo=None, second=0, microsecond=0))


@_cached
def _clock_time(page_language: str, local: datetime) -> str:
    return localize_digits(locale(page_language), format_skeleton("Hm", local, locale=locale(page_language)))


def moment(value: datetime) -> str:
    """Format a day and time in the newsletter's zone: "Wednesday 18 November, 09:00"."""
    return gettext("%(day)s, %(time)s", day=day(value), time=clock_time(value))


def full_date(value: datetime | date) -> str:
    return _full_date(language(), _local(value).date() if isinstance(value, datetime) else value)


@_cached
def _full_date(page_language: str, local: date) -> str:
    page_locale = locale(page_language)
    text = localize_digits(page_locale, format_date(local, "long", locale=page_locale))
    return add_solar_hijri_date(page_locale, text, local)


def exact(value: datetime) -> str:
    return _exact(language(), _local(value).replace(tzinfo=None, microsecond=0))


@_cached
def _exact(page_language: str, local: datetime) -> str:
    return localize_digits(locale(page_language), format_datetime(local, "medium", locale=locale(page_language)))


def ago(value: datetime, threshold: float = 0.99) -> str:
    """Format the time since, or until, a moment: "3 days"."""
    passed = max(abs(utc_now() - value), timedelta(minutes=1))
    return _localize_digits(format_timedelta(passed, threshold=threshold, locale=_page_locale()))


def age(value: datetime) -> str:
    """Format an age for a list: "12 mins", "5 hrs", "41 days"; weeks and months would hide how long someone waits."""
    minutes = max(1, int(abs(utc_now() - value).total_seconds() // 60))
    unit, size = next((unit, size) for unit, size in MINUTES_PER_UNIT if minutes >= size)
    return _format_duration(language(), round(minutes / size), unit, "short")


def format_time_left(deadline: datetime, length: Literal["short", "long"] = "long") -> str:
    """Format the time until a deadline, rounded down, in minutes, hours, or, from two days on, days."""
    minutes = max(1, int((deadline - utc_now()).total_seconds() // 60))
    for unit, size in MINUTES_PER_UNIT:
        least_number = 2 if unit == "day" else 1  # one day and five hours are "29 hours"
        if minutes >= least_number * size:
            break
    return _format_duration(language(), minutes // size, unit, length)


@_cached
def _format_duration(page_language: str, number: int, unit: str, length: Literal["short", "long"]) -> str:
    return localize_digits(
        locale(page_language), format_unit(number, f"duration-{unit}", length=length, locale=locale(page_language))
    )


def is_past(value: datetime) -> bool:
    return value < utc_now()


def count(number: int) -> str:
    """Format a capped count: "1,000+" above `COUNT_LIMIT`, and "" for none."""
    if not number:
        return ""
    return in_digits(f"{COUNT_LIMIT:,}+" if number > COUNT_LIMIT else number)


def in_digits(number: int | str) -> str:
    """Format a number with the digits of the page's language and, if these aren't Latin, its thousands separator."""
    text = _localize_digits(str(number))
    return text.replace(",", "٬") if text != str(number) else text


def comma(code: str = "") -> str:
    """Return the comma between two words in a language, by default the page's, with its space."""
    return phrases_for(code or language())["comma"]


def tongue(code: str) -> str:
    """Return the name of a language in the page's language, or "" if it is unknown."""
    return _tongue(language(), code)


@_cached
def _tongue(page_language: str, code: str) -> str:
    if code.split("-")[0] == "und":  # CLDR resolves "undetermined" to the likeliest language, American English
        return ""
    try:
        return str(Locale.parse(code.replace("-", "_")).get_display_name(locale(page_language)) or "")
    except (UnknownLocaleError, ValueError):
        return ""


def by_name(codes: Iterable[str]) -> list[tuple[str, str]]:
    """Return languages to choose from, as (code, name), sorted by name, without those that have no name."""
    return list(_by_name(language(), frozenset(codes)))


@_cached
def _by_name(page_language: str, codes: frozenset[str]) -> Sequence[tuple[str, str]]:
    names = {code: _tongue(page_language, code) for code in codes}
    return sorted(((code, name) for code, name in names.items() if name), key=lambda pair: (pair[1], pair[0]))


def autonym(code: str) -> str:
    """Return the name of a language in that language, or the code if CLDR doesn't know it."""
    try:
        locale = Locale.parse(code.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return code
    return str(locale.get_language_name(locale) or code)


def register(app: Flask) -> None:
    time_filters = (day, moment, clock_time, full_date, exact, ago, age, is_past)
    filters = (*time_filters, count, in_digits, tongue, autonym, group_digits)
    app.jinja_env.globals["comma"] = comma
    app.jinja_env.filters.update({function.__name__: function for function in filters})
