"""Finds by what somebody could be reached: addresses of mail and of the web, names of accounts, phone numbers, PGP
blocks. Those of a reader never leave the house.

An aid, like `recognise`: what is spelled out ("timur at post"), or written without a sign that says what it is, is
not found.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from ..text.clean import single_line
from .recognise import marks

SHOWN = 80  # characters of a PGP block that a page names it by
FEWEST, MOST = 9, 15  # digits of a phone number; E.164 (ITU) allows 15
SAME = 9  # last digits by which a number with its country's code and one without are the same

# Headers as RFC 9580, section 6.2.1, has them; what follows is a block even where its end was lost.
_PGP = re.compile(r"(?s)BEGIN PGP [A-Z ,/0-9]{4,40}.*?(?:END PGP [A-Z ]{4,40}|\Z)")
_NUMBER = re.compile(rf"\+?\d(?:[ \u00a0()./\-]{{0,3}}\d){{{FEWEST - 1},40}}")
# What is as long and is none: a day, the years of a row, an amount.
_DAY = re.compile(r"(?<!\d)(?:\d{1,2}([./-])\d{1,2}\1\d{4}|\d{4}([./-])\d{1,2}\2\d{1,2})(?!\d)")
_YEARS = re.compile(r"(?:(?:1[0-9]|20)\d\d[ /\-]{0,3})+")
_THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:[ \u00a0.]\d{3})+")


@dataclass(frozen=True)
class Detail:
    """One of them as it stands in the text; however it is written, the same one has the same `key`."""

    kind: str  # email, link, handle, phone, pgp
    text: str
    key: str


def details(text: str) -> Iterator[Detail]:
    """Find every one in a text: the PGP blocks first, phone numbers last."""
    for block in _PGP.finditer(text):
        yield Detail("pgp", single_line(block.group())[:SHOWN], "pgp")
    text = _PGP.sub(" ", text)
    for mark in marks(text, "und"):
        if mark.kind in ("email", "link", "handle"):
            written = text[mark.start : mark.end]
            yield Detail(mark.kind, written, _key(written))
            text = text[: mark.start] + "\0" * len(written) + text[mark.end :]
    for number in _NUMBER.finditer(_DAY.sub(lambda day: "\0" * len(day.group()), text)):
        written = _to_ascii_digits(number.group())
        if not (_YEARS.fullmatch(written) or _THOUSANDS.fullmatch(written)):
            only = re.sub(r"\D", "", written)
            if len(only) <= MOST:
                yield Detail("phone", number.group(), only[-SAME:])


def _key(address: str) -> str:
    return re.sub(r"^(?:https?://)?(?:www\.)?|/$", "", address.casefold())


def _to_ascii_digits(number: str) -> str:
    """Return a number with the digits of any script as those of ASCII."""
    return "".join(str(unicodedata.decimal(char, char)) for char in number)
