"""Translations, and dates in a given language. They need no request, so that mails can use them."""

from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time, get_timezone
from babel.support import NullTranslations, Translations
from persiantools.jdatetime import MONTH_NAMES_FA, JalaliDate

from .languages import N_ as N_  # re-exported for the texts of mails
from .languages import interface_languages, likely_script, script_subtag

TRANSLATIONS = Path(__file__).resolve().parent.parent / "translations"
# British, because most of the world writes "11 November" and "18:00".
ENGLISH = "en-GB"
DESK_LANGUAGES = ("en",)  # readers and experts have `interface_languages`

# Babel formats dates with Latin digits in every language; these numbering systems are what our readers expect.
DIGITS = {"arabext": str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹"), "arab": str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")}

# The Afghan names of the Solar Hijri months; persiantools has the Iranian ones.
AFGHAN_MONTHS = ("حمل", "ثور", "جوزا", "سرطان", "اسد", "سنبله", "میزان", "عقرب", "قوس", "جدی", "دلو", "حوت")


@lru_cache(maxsize=64)
def get_catalogue(language: str) -> NullTranslations:
    """Return the catalogue of a BCP 47 tag, or else of a broader tag, or else an empty one: texts stay in English."""
    return Translations.load(str(TRANSLATIONS), [tag.replace("-", "_") for tag in _fallback_tags(language)], "messages")


@lru_cache(maxsize=64)
def interface_language(language: str) -> str:
    """Return the language of our texts on pages and in mails to readers and experts.

    This is `language` if its catalogue has all of these texts, and English if not: no page is half translated.
    """
    is_complete = any(tag in interface_languages() for tag in _fallback_tags(language))
    return language if is_complete else "en"


def desk_language(language: str) -> str:
    """Return the language of the desk's pages for a person, and of mails to them as a colleague."""
    return language if language in DESK_LANGUAGES else DESK_LANGUAGES[0]


def missing_catalogues() -> list[str]:
    """Return the languages whose catalogue isn't compiled: their pages would be in English, but say otherwise."""
    catalogues = TRANSLATIONS.glob("*/LC_MESSAGES/*.po")
    return sorted(path.parts[-3] for path in catalogues if not path.with_suffix(".mo").is_file())


@lru_cache(maxsize=64)
def locale(language: str) -> Locale:
    """Return the Babel locale of a language, or the English one if CLDR doesn't know it."""
    for tag in _fallback_tags(ENGLISH if language == "en" else language):
        try:
            found = Locale.parse(tag, sep="-")
        except (UnknownLocaleError, ValueError):
            continue
        if script_subtag(tag) in ("", found.script):  # for kk-Latn, Babel returns the Cyrillic kk
            return found
    return Locale.parse(ENGLISH, sep="-")


def localize_digits(babel_locale: Locale, text: str) -> str:
    """Replace the digits of a text with those of the locale's default numbering system."""
    return text.translate(DIGITS.get(str(babel_locale.default_numbering_system), {}))


def format_number(babel_locale: Locale, number: int | str) -> str:
    """Format a number with the locale's digits. If these aren't Latin, commas become "٬"."""
    text = localize_digits(babel_locale, str(number))
    return text.replace(",", "٬") if text != str(number) else text


def localize_integer(babel_locale: Locale, value: Any) -> Any:
    """Return an integer in the locale's digits, and any other value as it is."""
    return format_number(babel_locale, value) if type(value) is int else value  # `isinstance` would include bool


def day(language: str, value: date, zone: str, this_year: int | None = None) -> str:
    """Format a day for a sentence: "Friday 11 November". A datetime is first converted to `zone`.

    With `this_year`, a day of another year includes it: "Monday 20 November 2028".
    """
    local_day = _to_local(value, zone)
    babel_locale = locale(language)
    fallback_pattern = full_pattern(babel_locale, local_day, this_year)
    text = _format_day(babel_locale, local_day, this_year, "MMMMEEEEd", fallback_pattern)
    return add_solar_hijri_date(babel_locale, text, local_day)


def short_day(language: str, value: date, zone: str, this_year: int | None = None) -> str:
    """Format a day for a subject line: "Fri 11 Nov", or "Mon 20 Nov 2028" in a year other than `this_year`."""
    return _format_day(locale(language), _to_local(value, zone), this_year, "MMMEd", "medium")


def moment(language: str, value: datetime, zone: str, this_year: int | None = None) -> str:
    """Format a day and time with whose time it is: "Friday 11 November, 18:00 Prague time".

    The clock tells recipients elsewhere that it isn't their local time.
    """
    return get_catalogue(language).gettext("%(day)s, %(hour)s %(clock)s") % {
        "day": day(language, value, zone, this_year),
        "hour": hour(language, value, zone),
        "clock": clock(language, zone),
    }


def hour(language: str, value: datetime, zone: str) -> str:
    babel_locale = locale(language)
    return localize_digits(babel_locale, format_time(value, "short", tzinfo=get_timezone(zone), locale=babel_locale))


def city(language: str, zone: str) -> str:
    """Return the city of a time zone in a language, or the English name from the zone's key if CLDR has none."""
    translated_city = locale(language).time_zones.get(zone, {}).get("city")
    return str(translated_city or zone.rpartition("/")[2].replace("_", " "))


def clock(language: str, zone: str) -> str:
    """Return whose time a zone has: "Prague time". An abbreviation such as UTC says so by itself."""
    name = city(language, zone)
    return name if name.isupper() else get_catalogue(language).gettext("%(city)s time") % {"city": name}


def get_language_name(language: str, tag: str) -> str:
    """Return the name that the language of `tag` has in `language`, or the tag itself if CLDR doesn't know it."""
    try:
        return str(Locale.parse(tag, sep="-").get_display_name(locale(language)) or tag)
    except (UnknownLocaleError, ValueError):
        return tag


def full_pattern(babel_locale: Locale, local_day: date, this_year: int | None) -> str:
    """Return the pattern of a date with weekday, for a locale without a CLDR skeleton for such dates without a year.

    This is CLDR's full pattern, which has the year. Only Persian gets a pattern without the year, for days of
    `this_year` and if `this_year` is None.
    """
    return "EEEE d MMMM" if babel_locale.language == "fa" and this_year in (None, local_day.year) else "full"


def add_solar_hijri_date(babel_locale: Locale, text: str, local_day: date) -> str:
    """Append the Solar Hijri date to the Persian date `text`, with its year if `text` has one.

    Texts in other languages are returned unchanged.
    """
    if babel_locale.language != "fa":
        return text
    solar = JalaliDate(date(local_day.year, local_day.month, local_day.day))  # type: ignore[no-untyped-call]
    # The list of persiantools begins with None.
    month = AFGHAN_MONTHS[solar.month - 1] if babel_locale.territory == "AF" else MONTH_NAMES_FA[solar.month]
    has_year = localize_digits(babel_locale, str(local_day.year)) in text
    year = f" {solar.year}" if has_year else ""
    return localize_digits(babel_locale, f"{text} ({solar.day} {month}{year})")


def _to_local(value: date, zone: str) -> date:
    return value.astimezone(get_timezone(zone)) if isinstance(value, datetime) else value


def _format_day(
    babel_locale: Locale, local_day: date, this_year: int | None, skeleton: str, fallback_pattern: str
) -> str:
    """Format a day by a CLDR skeleton, or by the pattern if the locale has no such skeleton.

    With `this_year`, the skeleton of a day of another year includes the year.
    """
    if this_year not in (None, local_day.year):
        skeleton = f"y{skeleton}"
    if skeleton in babel_locale.datetime_skeletons:
        return format_by_skeleton(babel_locale, skeleton, local_day)
    return localize_digits(babel_locale, format_date(local_day, fallback_pattern, locale=babel_locale))


def format_by_skeleton(babel_locale: Locale, skeleton: str, local_day: date) -> str:
    """Format a day by a CLDR skeleton, such as "yMMMEd"."""
    # Babel converts an aware datetime to UTC and takes a plain date for midnight UTC, so pass a naive midnight.
    midnight = datetime(local_day.year, local_day.month, local_day.day)
    text = format_skeleton(skeleton, midnight, locale=babel_locale)
    # In English, CLDR has a comma after the weekday only if a year follows. Drop it, so that all dates look alike.
    # Persian has a comma of its own.
    comma = {"en": "", "fa": "،"}.get(babel_locale.language, ",")
    return localize_digits(babel_locale, text.replace(",", comma))


def _fallback_tags(language: str) -> list[str]:
    """Return the tag and broader ones of the same script: a reader of kk-Arab may not read kk, which is Cyrillic."""
    parts = language.replace("_", "-").split("-")
    tags = ["-".join(parts[:length]) for length in range(len(parts), 0, -1)]
    script = script_subtag(language)
    if script in ("", likely_script(parts[0])):
        return tags
    return [tag for tag in tags if script == script_subtag(tag)]
