"""Finding dates of editions in text: in digits, or with the name of the month in the edition's language."""

import re
from collections.abc import Iterator
from datetime import date
from functools import cache

from babel.dates import get_month_names
from persiantools.jdatetime import JalaliDate

from ..text.clean import digits

EARLIEST_YEAR, LATEST_YEAR = 1995, 2100  # of an edition; other dates are ignored
MAX_DATE_LINE_LENGTH = 90
# "2022-11-02", also without hyphens.
_ISO_DATE = re.compile(r"(?<!\d)(\d{4})[-_./]?(0[1-9]|1[0-2])[-_./]?(0[1-9]|[12]\d|3[01])(?!\d)")
# "2.11.2022" or "11/2/2022".
_NUMERIC_DATE = re.compile(r"(?<![\d.])(\d{1,2})([./-])\s?(\d{1,2})\2\s?(\d{4})(?!\d)")
_YEAR = r"(\d{4})"
_DIGITS = re.compile(r"\d+")
# Months from January on, by language: those of the Levant and Iraq, which CLDR's plain `ar` lacks.
_ADDITIONAL_MONTHS = {
    "ar": (
        "كانون الثاني",
        "شباط",
        "آذار",
        "نيسان",
        "أيار",
        "حزيران",
        "تموز",
        "آب",
        "أيلول",
        "تشرين الأول",
        "تشرين الثاني",
        "كانون الأول",
    )
}
_JALALI_MONTHS = ("فروردین", "اردیبهشت", "خرداد", "تیر", "مرداد", "شهریور", "مهر", "آبان", "آذر", "دی", "بهمن", "اسفند")
# The text between day, month and year: "2 of November", "2 de mayo".
_BETWEEN_PARTS = r"[\s\u00a0,،.]{1,3}(?:of |de |del |di |de l'|г\. )?"


@cache
def _get_month_numbers(language: str) -> dict[str, int]:
    """Return the number of each month by its names in a language and in English, case-folded."""
    names: dict[str, int] = {}
    for locale in {language, "en"}:
        for width in ("wide", "abbreviated"):
            for context in ("format", "stand-alone"):
                for month, name in get_month_names(width, context, locale=locale).items():
                    names.setdefault(name.casefold().rstrip("."), month)
    names |= {name: number for number, name in enumerate(_ADDITIONAL_MONTHS.get(language, ()), 1)}
    return {name: month for name, month in names.items() if not name.isdecimal()}  # "1" is no name


@cache
def _date_pattern(language: str) -> re.Pattern[str]:
    """Return a pattern for dates with a named month: "2. November 2022", "May 2, 2022", "2 de mayo de 2022"."""
    months = "|".join(sorted(map(re.escape, _get_month_numbers(language)), key=len, reverse=True))
    day = r"(\d{1,2})(?:st|nd|rd|th|er|º|\.|-го|-е)?"
    day_first = rf"(?<!\d){day}{_BETWEEN_PARTS}(?:the |de )?({months})\w{{0,3}}\.?{_BETWEEN_PARTS}{_YEAR}"
    month_first = rf"(?<!\w)({months})\.?[\s\u00a0]{{1,2}}{day}(?!\d),?[\s\u00a0]{_YEAR}"
    return re.compile(f"{day_first}|{month_first}", re.IGNORECASE)


_JALALI_DATE = re.compile(
    rf"(?<!\d)(\d{{1,2}})(?:م|ام)?\s+({'|'.join(_JALALI_MONTHS)})(?:\s+ماه)?[\s،,]+(1[34]\d\d)(?!\d)"
)
_CHINESE_DATE = re.compile(r"(\d{4})\s?年\s?(\d{1,2})\s?月\s?(\d{1,2})\s?日")


def _convert_digits(text: str) -> str:
    """Convert the digits of any script to ASCII, and leave everything else."""
    return "".join(digits(char) if char.isdecimal() else char for char in text)


def dates_in(text: str, language: str) -> Iterator[tuple[date, str]]:
    """Yield each full date in a text with its wording, one notation after the other.

    In English, "3/4/2022" and "3-4-2022" are left out, as either number can be the month.
    """
    plain = _convert_digits(text)
    for match in _ISO_DATE.finditer(plain):
        year, month, day = match.groups()
        yield from _parse_date(year, month, day, match[0])
    for match in _JALALI_DATE.finditer(plain):
        day, month_name, year = match.groups()
        try:
            yield _to_gregorian(int(year), _JALALI_MONTHS.index(month_name) + 1, int(day)), match[0]
        except ValueError:
            continue
    for match in _CHINESE_DATE.finditer(plain):
        year, month, day = match.groups()
        yield from _parse_date(year, month, day, match[0])
    for match in _date_pattern(language).finditer(plain):
        if match[1]:  # "2 November 2022"
            day, month_name, year = match[1], match[2], match[3]
        else:  # "November 2, 2022"
            month_name, day, year = match[4], match[5], match[6]
        yield from _parse_date(year, str(_get_month_numbers(language)[month_name.casefold()]), day, match[0])
    for match in _NUMERIC_DATE.finditer(plain):
        first, separator, second, year = match.groups()
        is_day_first = int(first) == int(second) or int(first) > 12 or separator == "."
        if is_day_first or (language != "en" and int(second) <= 12):
            yield from _parse_date(year, second, first, match[0])
        elif int(second) > 12:
            yield from _parse_date(year, first, second, match[0])


def _to_gregorian(year: int, month: int, day: int) -> date:
    """Convert a date of the Iranian calendar. Raises ValueError if it doesn't exist."""
    gregorian: date = JalaliDate(year, month, day).to_gregorian()  # type: ignore[no-untyped-call]
    return gregorian


def _parse_date(year: str, month: str, day: str, wording: str) -> Iterator[tuple[date, str]]:
    """Yield the date with its wording, or nothing if it doesn't exist or isn't plausible for an edition."""
    try:
        edition_date = date(int(year), int(month), int(day))
    except ValueError:
        return
    if EARLIEST_YEAR <= edition_date.year <= LATEST_YEAR:
        yield edition_date, wording


def date_in(text: str, language: str = "en") -> date | None:
    """Return the first date that `dates_in` finds in a text, or None."""
    return next((day for day, _wording in dates_in(text, language)), None)


def parse_date_line(text: str, language: str, max_ratio: int = 3) -> date | None:
    """Return the date of a line that says little else: "Issue 12 · 2 November 2022"; None for a sentence with a date.

    The line may be at most `max_ratio` times as long as its date.
    """
    if len(text) > MAX_DATE_LINE_LENGTH or not _DIGITS.search(text):
        return None
    for day, wording in dates_in(text, language):
        if len(wording) * max_ratio >= len(text):
            return day
    return None
