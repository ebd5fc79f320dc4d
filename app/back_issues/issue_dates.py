"""Finding dates of editions in text: in digits, or with the month in the edition's language."""

import re
from collections.abc import Iterator
from datetime import date
from functools import cache

from babel.dates import get_month_names
from persiantools.jdatetime import JalaliDate

from ..text.clean import digits

EARLIEST, LATEST = 1995, 2100  # years of plausible dates for a newsletter's edition
# "2022-11-02", also without hyphens.
_ISO = re.compile(r"(?<!\d)(\d{4})[-_./]?(0[1-9]|1[0-2])[-_./]?(0[1-9]|[12]\d|3[01])(?!\d)")
# "2.11.2022" or "11/2/2022".
_NUMBERS = re.compile(r"(?<![\d.])(\d{1,2})([./-])\s?(\d{1,2})\2\s?(\d{4})(?!\d)")
_YEAR = r"(\d{4})"
_DIGITS = re.compile(r"\d+")
# The month names of the Levant and Iraq, which CLDR's plain `ar` lacks.
_MORE_MONTHS = {
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
_JALALI = ("فروردین", "اردیبهشت", "خرداد", "تیر", "مرداد", "شهریور", "مهر", "آبان", "آذر", "دی", "بهمن", "اسفند")
# What is between day, month and year: "2 of November", "2 de mayo".
_BETWEEN_PARTS = r"[\s\u00a0,،.]{1,3}(?:of |de |del |di |de l'|г\. )?"


@cache
def _months(language: str) -> dict[str, int]:
    """Return the number of each month by its names in a language and in English, case-folded."""
    names: dict[str, int] = {}
    for locale in {language, "en"}:
        for width in ("wide", "abbreviated"):
            for context in ("format", "stand-alone"):
                for month, name in get_month_names(width, context, locale=locale).items():
                    names.setdefault(name.casefold().rstrip("."), month)
    names |= {name: number for number, name in enumerate(_MORE_MONTHS.get(language, ()), 1)}
    return {name: month for name, month in names.items() if not name.isdecimal()}


@cache
def _date_pattern(language: str) -> re.Pattern[str]:
    """Return a pattern for dates with a named month: "2. November 2022", "May 2, 2022", "2 de mayo de 2022"."""
    months = "|".join(sorted(map(re.escape, _months(language)), key=len, reverse=True))
    day = r"(\d{1,2})(?:st|nd|rd|th|er|º|\.|-го|-е)?"
    return re.compile(
        rf"(?<!\d){day}{_BETWEEN_PARTS}(?:the |de )?({months})\w{{0,3}}\.?{_BETWEEN_PARTS}{_YEAR}"
        rf"|(?<!\w)({months})\.?[\s\u00a0]{{1,2}}{day}(?!\d),?[\s\u00a0]{_YEAR}",
        re.IGNORECASE,
    )


_JALALI_DATE = re.compile(rf"(?<!\d)(\d{{1,2}})(?:م|ام)?\s+({'|'.join(_JALALI)})(?:\s+ماه)?[\s،,]+(1[34]\d\d)(?!\d)")
_CHINESE = re.compile(r"(\d{4})\s?年\s?(\d{1,2})\s?月\s?(\d{1,2})\s?日")


def _to_ascii_digits(text: str) -> str:
    """Convert the digits of any script to ASCII, and leave everything else."""
    return re.sub(r"[^\W\d_]*\d+", lambda match: _ascii(match[0]), text)


def _ascii(text: str) -> str:
    return "".join(digits(char) if char.isdecimal() else char for char in text)


def dates_in(text: str, language: str) -> Iterator[tuple[date, str]]:
    """Yield each full date in a text with its wording, except those whose day and month could be swapped."""
    plain = _to_ascii_digits(text)
    for match in _ISO.finditer(plain):
        year, month, day = match.groups()
        yield from _valid_date(year, month, day, match[0])
    for match in _JALALI_DATE.finditer(plain):
        day, month_name, year = match.groups()
        try:
            yield _gregorian(int(year), _JALALI.index(month_name) + 1, int(day)), match[0]
        except ValueError:
            continue
    for match in _CHINESE.finditer(plain):
        year, month, day = match.groups()
        yield from _valid_date(year, month, day, match[0])
    for match in _date_pattern(language).finditer(plain):
        if match[1]:  # "2 November 2022"
            day, month_name, year = match[1], match[2], match[3]
        else:  # "November 2, 2022"
            month_name, day, year = match[4], match[5], match[6]
        yield from _valid_date(year, str(_months(language)[month_name.casefold()]), day, match[0])
    for match in _NUMBERS.finditer(plain):
        first, separator, second, year = match.groups()
        is_first_a_day = int(first) == int(second) or int(first) > 12 or separator == "."
        if is_first_a_day or (language != "en" and int(second) <= 12):
            yield from _valid_date(year, second, first, match[0])
        elif int(second) > 12:
            yield from _valid_date(year, first, second, match[0])


def _gregorian(year: int, month: int, day: int) -> date:
    """Convert a date of the Iranian calendar. Raises ValueError if it doesn't exist."""
    gregorian: date = JalaliDate(year, month, day).to_gregorian()  # type: ignore[no-untyped-call]
    return gregorian


def _valid_date(year: str, month: str, day: str, text: str) -> Iterator[tuple[date, str]]:
    try:
        day_of_issue = date(int(year), int(month), int(day))
    except ValueError:
        return
    if EARLIEST <= day_of_issue.year <= LATEST:
        yield day_of_issue, text


def date_in(text: str, language: str = "en") -> date | None:
    """Return the first date in a text, as found by `dates_in`, or None."""
    return next((day for day, _ in dates_in(text, language)), None)


def parse_date_line(text: str, language: str, max_ratio: int = 3) -> date | None:
    """Return the date of a line that says little else: "Issue 12 · 2 November 2022"; None for a sentence with a date.

    The line may be at most `max_ratio` times as long as its date.
    """
    if len(text) > 90 or not _DIGITS.search(text):
        return None
    for day, wording in dates_in(text, language):
        if len(wording) * max_ratio >= len(text):
            return day
    return None
