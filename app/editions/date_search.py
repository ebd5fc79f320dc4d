"""Editions found by the date that somebody types: "2 December", "December 2026", "2026-12-02", "02.12.2026", "60"."""

import re
from functools import cache

from babel.dates import get_month_names
from sqlalchemy import select

from ..core.listing import Listing
from .models import Edition

LANGUAGE = "en"  # whose names of months are understood
SIZES = (("year", 4), ("month", 2), ("day", 2))  # of the parts of a date as it is stored
_PARTS = re.compile(r"[^\W\d_]+|\d+")
_ISO = re.compile(r"(\d{4})-(\d{1,2})(?:-(\d{1,2}))?")


@cache
def _months() -> dict[str, int]:
    names = [
        (name, month)
        for width in ("wide", "abbreviated")
        for month, name in get_month_names(width, locale=LANGUAGE).items()
    ]
    return {name.casefold().rstrip("."): month for name, month in names}


def _parse_date_parts(text: str) -> dict[str, int] | None:
    """Return the year, month and day that were typed, as far as they were; None where it is no date."""
    if iso := _ISO.fullmatch(text.strip()):
        return {name: int(part) for name, part in zip(("year", "month", "day"), iso.groups(), strict=True) if part}
    found: dict[str, int] = {}
    for part in _PARTS.findall(text.casefold()):
        if part in _months():
            name, number = "month", _months()[part]
        elif part.isdecimal() and len(part) == 4:
            name, number = "year", int(part)
        elif part.isdecimal() and len(part) <= 2:
            name, number = ("month" if "day" in found else "day"), int(part)
        else:
            return None
        if name in found:
            return None
        found[name] = number
    return found


def find_editions_by_date(newsletter_id: int, text: str) -> Listing[Edition] | None:
    """Return the editions of the day, month or year that was typed, or of the number, newest first; None where it is
    neither.
    """
    mine = select(Edition).where(Edition.newsletter_id == newsletter_id)
    order = (Edition.runs_at, Edition.id)
    if text.strip().isdecimal() and len(text.strip()) < 4:
        return Listing(mine.where(Edition.number == int(text)), order)
    numbers = _parse_date_parts(text)
    if not numbers or not {"year", "month"} & numbers.keys():
        return None
    shape = "-".join(f"{numbers[name]:0{size}d}" if name in numbers else "_" * size for name, size in SIZES)
    return Listing(mine.where(Edition.local_at.like(f"{shape}T%")), order)
