"""Removing the marks of printed quotations, the inverse of how the house form sets them."""

import re
from collections.abc import Sequence

from ..typesetting.mark_pairing import is_mark, parse
from ..typesetting.quotation import without_wrapping

_SKIPPED = " \t\u00a0\u202f\u200e\u200f*_"
_DASH = "—–-"
_OUTSIDE = re.compile(r"([\s\u00a0\u202f]*[»”“\"’'›」])([.])\Z")


def begins_quoted(text: str) -> bool:
    """Return whether a paragraph begins with a quotation mark."""
    return bool(text.strip(_SKIPPED)) and is_mark(text.strip(_SKIPPED)[0])


def count_quoted_paragraphs(texts: Sequence[str]) -> int | None:
    """Return how many paragraphs a quotation spans that begins with the first character. Return None if there is none,
    or if it ends in the middle of a paragraph, as in a sentence that quotes.
    """
    if not texts or not begins_quoted(texts[0]):
        return None
    pages = parse(texts)
    first = pages[0][0]
    if first.mate is None:
        return None
    for number, page in enumerate(pages):
        if any(mark is first.mate for mark in page):
            rest = texts[number][first.mate.at + 1 :].strip(_SKIPPED + ".,;")
            return None if rest else number + 1
    return None


def find_quotation_end(text: str) -> int | None:
    """Return the index of the mark that closes the quotation at the beginning of a paragraph, or None.

    The paragraph must contain a quotation mark.
    """
    first = parse([text])[0][0]
    return first.mate.at if first.mate else None


def strip_quotation_marks(texts: Sequence[str]) -> list[str]:
    """Remove the marks that wrap paragraphs as one quotation, or the dashes of direct speech."""
    whole = list(texts)
    outside = _OUTSIDE.search(whole[-1]) if whole else None
    if outside and count_quoted_paragraphs(whole) == len(
        whole
    ):  # «The full stop is outside, as in Spanish and Russian».
        whole[-1] = f"{whole[-1][: outside.start()]}{outside[2]}{outside[1]}"
    bare = without_wrapping(whole)
    dashed = [text[:1] in _DASH and text[1:2].isspace() for text in bare]
    if bare and dashed[0] and (all(dashed) or not any(dashed[1:])):
        return [text[1:].lstrip(_SKIPPED) if is_dashed else text for text, is_dashed in zip(bare, dashed, strict=True)]
    return bare
