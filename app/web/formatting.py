"""The language of the page, and formatting in it: times (in the newsletter's zone), counts and names of languages."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError, parse_locale
from babel.dates import format_date, format_datetime, format_skeleton, format_timedelta
from babel.units import format_unit
from flask import Flask, g
from flask_babel import Domain, gettext
from markupsafe import Markup

from ..core.clock import utc_now
from ..core.listing import COUNT_LIMIT
from ..text import translation
from ..text.clean import group_digits
from ..text.styles import styled_html
from ..text.translation import (
    add_solar_hijri_date,
    format_by_skeleton,
    format_number,
    full_pattern,
    get_catalogue,
    interface_language,
    locale,
    localize_digits,
    localize_integer,
)
from ..typesetting.house_languages import phrases_for
from ..typesetting.renderers import to_styled_text


def language() -> str:
    """Return the language of our own texts on this page: the requested one if it is fully translated, else English."""
    return interface_language(requested_language())


def requested_language() -> str:
    """Return the language that was chosen for this page, for example by the URL or by a person's settings.

    Our own texts may have no translation into this language, but the newsletter's texts can be in it.
    """
    return str(g.get("language", "en"))


class PageDomain(Domain):
    """The domain that Flask-Babel's `gettext` uses in code.

    Flask-Babel's own domain looks up locale and catalogue for each text; a list of forty rows has hundreds of texts.
    """

    def gettext(self, string: str, **values: Any) -> str:
        translation = get_catalogue(language()).gettext(string)
        return with_text_placeholders(translation) % with_digits(values) if values else translation

    def ngettext(self, singular: str, plural: str, num: int, **values: Any) -> str:
        translation = get_catalogue(language()).ngettext(singular, plural, num)
        return with_text_placeholders(translation) % with_digits({"num": num, **values})


def with_digits(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a translation with integers in the digits of the page's language."""
    return {name: localize_integer(_page_locale(), value) for name, value in values.items()}


def with_text_placeholders(translation: str) -> str:
    """Return a translation that takes `with_digits`: "%(num)d" would turn "۱۶۰" back into 160."""
    return _INTEGER_PLACEHOLDER.sub(r"%(\1)s", translation)


_INTEGER_PLACEHOLDER = re.compile(r"%\((\w+)\)d")
DOMAIN = PageDomain()


MINUTES_PER_UNIT = (("day", 1440), ("hour", 60), ("minute", 1))


def _page_locale() -> Locale:
    """Return the Babel locale of the page's language. English is British, as in our mails."""
    return locale(language())


def zone() -> ZoneInfo:
    return ZoneInfo(g.get("zone", "UTC"))


def _to_local(value: datetime) -> datetime:
    return value.astimezone(zone())


def _localize_digits(text: str) -> str:
    return localize_digits(_page_locale(), text)


def day(value: datetime | date, style: str = "long") -> str:
    """Format a day. A day of another year includes the year.

    In the style "long", a day of this year is "Wednesday 18 November", of an earlier year "18 November 2025", of a
    later year "Wednesday 6 January 2027". In the style "short" they are "Wed 18 Nov" and "Wed 18 Nov 2025".
    """
    local_day = _to_local(value).date() if isinstance(value, datetime) else value
    today = utc_now().astimezone(zone()).date()
    return _day(language(), local_day, style, is_another_year=local_day.year != today.year, is_future=local_day > today)


# Babel takes longer to format a date than all the rest of a row, and most dates of a list occur several times. A cached
# function gets everything that its text depends on as an argument.
_cached = lru_cache(maxsize=4096)


@_cached
def _day(page_language: str, local_day: date, style: str, is_another_year: bool, is_future: bool) -> str:
    page_locale = locale(page_language)
    if style == "short":
        return format_by_skeleton(page_locale, "yMMMEd" if is_another_year else "MMMEd", local_day)
    if is_another_year and is_future:
        return translation.day(page_language, local_day, "UTC", this_year=0)  # no day is in year 0: include the year
    if is_another_year:
        return _full_date(page_language, local_day)
    if "MMMMEEEEd" in page_locale.datetime_skeletons:
        midnight = datetime(local_day.year, local_day.month, local_day.day)
        text = format_skeleton("MMMMEEEEd", midnight, locale=page_locale)
    else:
        text = format_date(local_day, full_pattern(page_locale, local_day, local_day.year), locale=page_locale)
    return add_solar_hijri_date(page_locale, localize_digits(page_locale, text), local_day)


def clock_time(value: datetime) -> str:
    return _clock_time(language(), _to_local(value).replace(tzinfo=None, second=0, microsecond=0))


@_cached
def _clock_time(page_language: str, local_time: datetime) -> str:
    page_locale = locale(page_language)
    return localize_digits(page_locale, format_skeleton("Hm", local_time, locale=page_locale))


def moment(value: datetime) -> str:
    """Format a day and time in the newsletter's zone: "Wednesday 18 November, 09:00"."""
    return gettext("%(day)s, %(time)s", day=day(value), time=clock_time(value))


def full_date(value: datetime | date) -> str:
    """Format a day with its year: "18 November 2026"."""
    return _full_date(language(), _to_local(value).date() if isinstance(value, datetime) else value)


@_cached
def _full_date(page_language: str, local_day: date) -> str:
    page_locale = locale(page_language)
    text = localize_digits(page_locale, format_date(local_day, "long", locale=page_locale))
    return add_solar_hijri_date(page_locale, text, local_day)


def exact(value: datetime) -> str:
    """Format a time to the second: "18 Nov 2026, 09:00:07"."""
    return _exact(language(), _to_local(value).replace(tzinfo=None, microsecond=0))


@_cached
def _exact(page_language: str, local_time: datetime) -> str:
    page_locale = locale(page_language)
    return localize_digits(page_locale, format_datetime(local_time, "medium", locale=page_locale))


def ago(value: datetime, threshold: float = 0.99) -> str:
    """Format the time since, or until, a moment: "3 days".

    A unit is used once its number reaches `threshold` (see `babel.dates.format_timedelta`).
    """
    distance = max(abs(utc_now() - value), timedelta(minutes=1))
    return _localize_digits(format_timedelta(distance, threshold=threshold, locale=_page_locale()))


def age(value: datetime) -> str:
    """Format an age for a list: "12 mins", "5 hrs", "41 days". Weeks and months would be less exact."""
    minutes = max(1, int(abs(utc_now() - value).total_seconds() // 60))
    unit, size = next((unit, size) for unit, size in MINUTES_PER_UNIT if minutes >= size)
    return _format_duration(language(), round(minutes / size), unit, "short")


def format_time_left(deadline: datetime, length: Literal["short", "long"] = "long") -> str:
    """Format the time until a deadline in minutes, hours, or, from two days on, days.

    It is rounded down, but is at least a minute, even if the deadline has passed.
    """
    minutes = max(1, int((deadline - utc_now()).total_seconds() // 60))
    for unit, size in MINUTES_PER_UNIT:
        min_number = 2 if unit == "day" else 1  # one day and five hours are "29 hours"
        if minutes >= min_number * size:
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
    return in_digits(f"{COUNT_LIMIT:,}+" if number > COUNT_LIMIT else f"{number:,}")


def in_digits(number: int | str) -> str:
    """Format a number with the digits of the page's language."""
    return format_number(_page_locale(), number)


def comma(code: str = "") -> str:
    """Return the comma and space between two words in a language, by default the page's."""
    return phrases_for(code or language())["comma"]


def format_language(code: str) -> str:
    """Return the name of a language in the page's language, or "" if it is unknown."""
    return _format_language(language(), code)


@_cached
def _format_language(page_language: str, code: str) -> str:
    if code.split("-")[0] == "und":  # CLDR resolves "undetermined" to the likeliest language, American English
        return ""
    page_locale = locale(page_language)
    try:
        return str(Locale.parse(code, sep="-").get_display_name(page_locale) or "")
    except UnknownLocaleError:  # CLDR has names for more languages than it has locales, Avar and Ingush among them
        base_code, _territory, script, *_rest = parse_locale(code, sep="-")
        name = page_locale.languages.get(base_code, "")
        return f"{name} ({page_locale.scripts.get(script, script)})" if name and script else name
    except ValueError:
        return ""


def by_name(codes: Iterable[str]) -> list[tuple[str, str]]:
    """Return languages to choose from, as (code, name), sorted by name. Those without a name are left out."""
    return list(_by_name(language(), frozenset(codes)))


@_cached
def _by_name(page_language: str, codes: frozenset[str]) -> Sequence[tuple[str, str]]:
    names = {code: _format_language(page_language, code) for code in codes}
    return sorted(((code, name) for code, name in names.items() if name), key=lambda pair: (pair[1], pair[0]))


def autonym(code: str) -> str:
    """Return the name of a language in that language, or the code if CLDR doesn't know it."""
    try:
        locale = Locale.parse(code.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return code
    return str(locale.get_language_name(locale) or code)


def style_html(text: str) -> Markup:
    """Return a text with styles (see `text.styles`) as HTML, with its bold and italics."""
    return Markup(styled_html(text))  # noqa: S704 - it escapes the text


def answer_paragraphs(markdown: str) -> list[Markup]:
    """Return the paragraphs of an answer as HTML, with its bold and italics."""
    return [style_html(paragraph) for paragraph in to_styled_text(markdown).split("\n\n")]


def register(app: Flask) -> None:
    time_filters = (day, moment, clock_time, full_date, exact, ago, age, is_past)
    filters = (*time_filters, count, in_digits, format_language, autonym, group_digits, style_html, answer_paragraphs)
    app.jinja_env.globals["comma"] = comma
    app.jinja_env.filters.update({function.__name__: function for function in filters})
