"""The product's words and dates in a person's language, for mails: no request stands behind a mail that tells which."""

from datetime import date, datetime
from functools import lru_cache
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time, get_timezone
from babel.support import NullTranslations, Translations
from persiantools.jdatetime import MONTH_NAMES_FA, JalaliDate

from .languages import N_ as N_  # where the mails' texts look for it
from .languages import own_script, spoken_outside, usual_script

TRANSLATIONS = Path(__file__).resolve().parent.parent / "translations"
# British order and the 24-hour clock, as the newsrooms that write English outside America set dates.
ENGLISH = "en-GB"

# Babel writes Latin digits in every language's dates; these are the numbering systems that readers of ours expect.
DIGITS = {"arabext": str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹"), "arab": str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")}

# The Solar Hijri months as Afghanistan calls them; those of Iran come with the calendar.
AFGHAN_MONTHS = ("حمل", "ثور", "جوزا", "سرطان", "اسد", "سنبله", "میزان", "عقرب", "قوس", "جدی", "دلو", "حوت")

Words = NullTranslations


@lru_cache(maxsize=64)
def say(language: str) -> Words:
    """The catalogue of a BCP 47 language or of the wider one it belongs to; else English, as it is written."""
    return Translations.load(str(TRANSLATIONS), [tag.replace("-", "_") for tag in _fallback_tags(language)], "messages")


@lru_cache(maxsize=64)
def interface_language(language: str) -> str:
    """Return the language in which readers and experts are shown our words: theirs where its catalogue says everything
    that they see, else English, as nobody should read half of a page.
    """
    return language if not spoken_outside().isdisjoint(_fallback_tags(language)) else "en"


def missing_catalogues() -> list[str]:
    """Return the languages whose catalogue was not compiled: pages would claim to speak them, and speak English."""
    catalogues = TRANSLATIONS.glob("*/LC_MESSAGES/*.po")
    return sorted(path.parts[-3] for path in catalogues if not path.with_suffix(".mo").is_file())


@lru_cache(maxsize=64)
def locale(language: str) -> Locale:
    """The dates and numbers of a language; English ones where the tables of CLDR don't know it."""
    for tag in _fallback_tags(ENGLISH if language == "en" else language):
        try:
            found = Locale.parse(tag, sep="-")
        except (UnknownLocaleError, ValueError):
            continue
        if own_script(tag) in ("", found.script):  # Babel answers kk-Latn with Cyrillic kk
            return found
    return Locale.parse(ENGLISH, sep="-")


def localize_digits(babel_locale: Locale, text: str) -> str:
    """The text with its digits as the language writes them."""
    return text.translate(DIGITS.get(str(babel_locale.default_numbering_system), {}))


def day(language: str, value: date, zone: str, this_year: int | None = None) -> str:
    """A day as it is said in a sentence: "Friday 11 November". A time is first moved to `zone`.

    Where `this_year` is known, a day of another one says which: "Monday 20 November 2028".
    """
    local = _local(value, zone)
    where = locale(language)
    return add_solar_hijri_date(
        where, _day(language, local, this_year, "MMMMEEEEd", full_pattern(where, local, this_year)), local
    )


def short_day(language: str, value: date, zone: str, this_year: int | None = None) -> str:
    """A day for a subject line: "Fri 11 Nov", or "Mon 20 Nov 2028"."""
    return _day(language, _local(value, zone), this_year, "MMMEd", "medium")


def moment(language: str, value: datetime, zone: str, this_year: int | None = None) -> str:
    """A time that nobody can take for their own: "Friday 11 November, 18:00 Prague time"."""
    return say(language).gettext("%(day)s, %(hour)s %(city)s time") % {
        "day": day(language, value, zone, this_year),
        "hour": hour(language, value, zone),
        "city": city(language, zone),
    }


def hour(language: str, value: datetime, zone: str) -> str:
    where = locale(language)
    return localize_digits(where, format_time(value, "short", tzinfo=get_timezone(zone), locale=where))


def city(language: str, zone: str) -> str:
    """The city of a zone in the language, where CLDR has it, else as the zone's name writes it."""
    named = locale(language).time_zones.get(zone, {}).get("city")
    return str(named or zone.rpartition("/")[2].replace("_", " "))


def tongue(language: str, tag: str) -> str:
    """The name of the language of a tag, in another one; the tag itself where CLDR doesn't know it."""
    try:
        return str(Locale.parse(tag, sep="-").get_display_name(locale(language)) or tag)
    except (UnknownLocaleError, ValueError):
        return tag


def full_pattern(babel_locale: Locale, local: date, this_year: int | None) -> str:
    """The pattern of a whole day where CLDR's tables lack one without the year: theirs with it, in Persian our own."""
    return "EEEE d MMMM" if babel_locale.language == "fa" and this_year in (None, local.year) else "full"


def add_solar_hijri_date(babel_locale: Locale, text: str, local: date) -> str:
    """A Persian day with, in brackets, that of the Solar Hijri calendar; it has a year where the day itself has one."""
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
    """A day by a skeleton of CLDR, such as "yMMMEd"."""
    # Babel moves a time to UTC unless it is told the zone again, and takes a bare date for midnight UTC.
    midnight = datetime(local.year, local.month, local.day)
    text = format_skeleton(skeleton, midnight, locale=babel_locale)
    # In English CLDR sets a comma behind the weekday only where a year follows: one day would read two ways.
    return localize_digits(babel_locale, text.replace(",", {"en": "", "fa": "،"}.get(babel_locale.language, ",")))


def _fallback_tags(language: str) -> list[str]:
    """The tag and what it falls back on, never into another script: who reads kk-Arab may not read Cyrillic kk."""
    parts = language.replace("_", "-").split("-")
    tags = ["-".join(parts[:length]) for length in range(len(parts), 0, -1)]
    script = own_script(language)
    if script in ("", usual_script(parts[0])):
        return tags
    return [tag for tag in tags if script == own_script(tag)]
