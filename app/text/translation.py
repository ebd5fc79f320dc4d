"""Translations and dates in a given language, for mails, which are written outside of any request."""

from datetime import date, datetime
from functools import lru_cache
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time, get_timezone
from babel.support import NullTranslations, Translations
from persiantools.jdatetime import MONTH_NAMES_FA, JalaliDate

from .languages import N_ as N_  # re-exported for the texts of mails
from .languages import own_script, spoken_outside, usual_script

TRANSLATIONS = Path(__file__).resolve().parent.parent / "translations"
# Day before month and a 24-hour clock, as newsrooms that write English outside America do.
ENGLISH = "en-GB"

# Babel formats dates with Latin digits in every language; these numbering systems are what our readers expect.
DIGITS = {"arabext": str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹"), "arab": str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")}

# The Afghan names of the Solar Hijri months; persiantools has the Iranian ones.
AFGHAN_MONTHS = ("حمل", "ثور", "جوزا", "سرطان", "اسد", "سنبله", "میزان", "عقرب", "قوس", "جدی", "دلو", "حوت")

Words = NullTranslations


@lru_cache(maxsize=64)
def say(language: str) -> Words:
    """Return the catalogue of a BCP 47 language, or of a broader tag; without one, texts stay in English."""
    return Translations.load(str(TRANSLATIONS), [tag.replace("-", "_") for tag in _fallback_tags(language)], "messages")


@lru_cache(maxsize=64)
def interface_language(language: str) -> str:
    """Return the language to show readers and experts our texts in: theirs if its catalogue is complete for what they
    see, else English, so that no page is half translated.
    """
    return language if not spoken_outside().isdisjoint(_fallback_tags(language)) else "en"


def missing_catalogues() -> list[str]:
    """Return the languages whose catalogue is not compiled; their pages would be in English and claim otherwise."""
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
        if own_script(tag) in ("", found.script):  # for kk-Latn, Babel returns the Cyrillic kk
            return found
    return Locale.parse(ENGLISH, sep="-")


def localize_digits(babel_locale: Locale, text: str) -> str:
    """Replace the digits of a text with those of the locale's default numbering system."""
    return text.translate(DIGITS.get(str(babel_locale.default_numbering_system), {}))


def day(language: str, value: date, zone: str, this_year: int | None = None) -> str:
    """Format a day for a sentence: "Friday 11 November". A datetime is first converted to `zone`.

    With `this_year`, a day of another year includes it: "Monday 20 November 2028".
    """
    local = _local(value, zone)
    where = locale(language)
    return add_solar_hijri_date(
        where, _day(language, local, this_year, "MMMMEEEEd", full_pattern(where, local, this_year)), local
    )


def short_day(language: str, value: date, zone: str, this_year: int | None = None) -> str:
    """Format a day for a subject line: "Fri 11 Nov", or "Mon 20 Nov 2028" in a year other than `this_year`."""
    return _day(language, _local(value, zone), this_year, "MMMEd", "medium")


def moment(language: str, value: datetime, zone: str, this_year: int | None = None) -> str:
    """Format a time with the city of its zone, so that it isn't taken for local time: "Friday 11 November, 18:00 Prague
    time"."""
    return say(language).gettext("%(day)s, %(hour)s %(city)s time") % {
        "day": day(language, value, zone, this_year),
        "hour": hour(language, value, zone),
        "city": city(language, zone),
    }


def hour(language: str, value: datetime, zone: str) -> str:
    where = locale(language)
    return localize_digits(where, format_time(value, "short", tzinfo=get_timezone(zone), locale=where))


def city(language: str, zone: str) -> str:
    """Return the city of a time zone in a language, or as the zone's name has it if CLDR has no translation."""
    named = locale(language).time_zones.get(zone, {}).get("city")
    return str(named or zone.rpartition("/")[2].replace("_", " "))


def tongue(language: str, tag: str) -> str:
    """Return the name, in `language`, of the language of a tag; the tag itself if CLDR doesn't know it."""
    try:
        return str(Locale.parse(tag, sep="-").get_display_name(locale(language)) or tag)
    except (UnknownLocaleError, ValueError):
        return tag


def full_pattern(babel_locale: Locale, local: date, this_year: int | None) -> str:
    """Return the date pattern for a locale that lacks one without the year: CLDR's full one, in Persian one of our own
    for days of `this_year`."""
    return "EEEE d MMMM" if babel_locale.language == "fa" and this_year in (None, local.year) else "full"


def add_solar_hijri_date(babel_locale: Locale, text: str, local: date) -> str:
    """Append the date in the Solar Hijri calendar to a Persian date, with its year if `text` has one.

    Texts in other languages are returned unchanged.
    """
    if babel_locale.language != "fa":
        return text
    solar = JalaliDate(date(local.year, local.month, local.day))  # type: ignore[no-untyped-call]
    month = AFGHAN_MONTHS[solar.month - 1] if babel_locale.territory == "AF" else MONTH_NAMES_FA[solar.month]
    year = f" {solar.year}" if localize_digits(babel_locale, str(local.year)) in text else ""
    return localize_digits(babel_locale, f"{text} ({solar.day} {month}{year})")


def _local(value: date, zone: str) -> date:
    return value.astimezone(get_timezone(zone)) if isinstance(value, datetime) else value


def _day(language: str, local: date, this_year: int | None, skeleton: str, otherwise: str) -> str:
    where = locale(language)
    if this_year not in (None, local.year):
        skeleton = f"y{skeleton}"
    if skeleton in where.datetime_skeletons:
        return format_by_skeleton(where, skeleton, local)
    return localize_digits(where, format_date(local, otherwise, locale=where))


def format_by_skeleton(babel_locale: Locale, skeleton: str, local: date) -> str:
    """Format a day by a CLDR skeleton, such as "yMMMEd"."""
    # Babel converts an aware datetime to UTC and takes a plain date for midnight UTC, so pass a naive midnight.
    midnight = datetime(local.year, local.month, local.day)
    text = format_skeleton(skeleton, midnight, locale=babel_locale)
    # In English, CLDR has a comma after the weekday only if a year follows, so one day would have two forms.
    return localize_digits(babel_locale, text.replace(",", {"en": "", "fa": "،"}.get(babel_locale.language, ",")))


def _fallback_tags(language: str) -> list[str]:
    """Return the tag and broader ones, never in another script: a reader of kk-Arab may not read Cyrillic kk."""
    parts = language.replace("_", "-").split("-")
    tags = ["-".join(parts[:length]) for length in range(len(parts), 0, -1)]
    script = own_script(language)
    if script in ("", usual_script(parts[0])):
        return tags
    return [tag for tag in tags if script == own_script(tag)]
