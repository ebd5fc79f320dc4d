"""Removing the marks of printed quotations, the inverse of how the house form sets them."""

import re
from collections.abc import Sequence

from ..typesetting.mark_pairing import is_mark, parse
from ..typesetting.quotation import remove_wrapping

_SKIPPED = " \t\u00a0\u202f\u200e\u200f*_"  # may surround quotation marks and dashes
_DASHES = "—–-"
# A full stop after the closing mark: "…»."
_FULL_STOP_AFTER_MARK = re.compile(r"([\s\u00a0\u202f]*[»”“\"’'›」])([.])\Z")


def begins_quoted(text: str) -> bool:
    """Return whether a paragraph begins with a quotation mark."""
    visible = text.strip(_SKIPPED)
    return bool(visible) and is_mark(visible[0])


def count_quoted_paragraphs(texts: Sequence[str]) -> int | None:
    """Return how many paragraphs belong to the quotation with which the first of them begins.

    Return None if there is no such quotation, or if it ends in the middle of a paragraph.
    """
    if not texts or not begins_quoted(texts[0]):
        return None
    marks_by_text = parse(texts)
    closing = marks_by_text[0][0].partner
    if closing is None:
        return None
    for count, (text, marks) in enumerate(zip(texts, marks_by_text, strict=True), 1):
        if closing in marks:
            rest = text[closing.index + 1 :].strip(_SKIPPED + ".,;")
            return None if rest else count
    return None


def find_quotation_end(text: str) -> int | None:
    """Return the index of the mark that closes the quotation at the beginning of a paragraph, or None.

    The paragraph must contain a quotation mark.
    """
    opening = parse([text])[0][0]
    return opening.partner.index if opening.partner else None


def strip_quotation_marks(texts: Sequence[str]) -> list[str]:
    """Remove the quotation marks that enclose all paragraphs as one quotation, or the dashes of direct speech."""
    texts = list(texts)
    end = _FULL_STOP_AFTER_MARK.search(texts[-1]) if texts else None
    if end and count_quoted_paragraphs(texts) == len(texts):
        # In Spanish and Russian, the full stop is outside. Swap them, so that the marks enclose all of the text.
        mark, full_stop = end.groups()
        texts[-1] = texts[-1][: end.start()] + full_stop + mark
    unquoted = remove_wrapping(texts)
    has_dash = [text[:1] in _DASHES and text[1:2].isspace() for text in unquoted]
    if not unquoted or not has_dash[0]:
        return unquoted
    if any(has_dash[1:]) and not all(has_dash):
        return unquoted  # only some paragraphs have a dash, as in a dialogue
    return [text[1:].lstrip(_SKIPPED) if dashed else text for text, dashed in zip(unquoted, has_dash, strict=True)]
