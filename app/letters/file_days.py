"""The days of a column in a file: ISO dates, or numbers in an order that the whole column has to tell.

Only the day is read, as the file writes it; the time and its zone are dropped.
"""

import re
from collections.abc import Iterable
from datetime import date

DAY_FIRST, MONTH_FIRST = "day", "month"
ORDERS = (DAY_FIRST, MONTH_FIRST)
MIN_YEAR = 2000  # an earlier one is a mistake, or of another calendar
_END = r"(?!\d|[./-]\d)"
_YEAR_FIRST = re.compile(rf"(\d{{4}})\s?([-/.])\s?(\d{{1,2}})\s?\2\s?(\d{{1,2}}){_END}")
_YEAR_LAST = re.compile(rf"(\d{{1,2}})\s?([-/.])\s?(\d{{1,2}})\s?\2\s?(\d{{4}}|\d\d){_END}")


def parse_file_day(text: str, order: str) -> date | None:
    """Return the day with which a cell begins, or None. `order` is one of `ORDERS`, for cells that end with the year.

    Digits may be of any script. Points separate day, month and year in this order only.
    """
    text = text.strip()
    if match := _YEAR_FIRST.match(text):
        return _build_day(match[1], match[3], match[4])
    match = _YEAR_LAST.match(text)
    if match is None or (order == MONTH_FIRST and match[2] == "."):
        return None
    year = match[4] if len(match[4]) == 4 else f"20{match[4]}"
    if order == MONTH_FIRST:
        return _build_day(year, match[1], match[3])
    return _build_day(year, match[3], match[1])


def _build_day(year: str, month: str, day: str) -> date | None:
    try:
        built = date(int(year), int(month), int(day))
    except ValueError:
        return None
    return built if built.year >= MIN_YEAR else None


def list_possible_orders(texts: Iterable[str]) -> list[str]:
    """Return the orders in which the days of a column can be read: both only if nothing in it decides.

    If the orders differ in none of its cells, or no order fits all of them, the first one is returned.
    """
    readings = {tuple(parse_file_day(text, order) for order in ORDERS) for text in texts if text.strip()}
    differing = [reading for reading in readings if reading[0] != reading[1]]
    possible = [order for index, order in enumerate(ORDERS) if all(reading[index] for reading in differing)]
    return possible if possible and differing else [DAY_FIRST]
