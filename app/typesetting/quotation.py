"""Setting text as a quotation: the marks inside it are replaced with those of the house form, one level deeper.

A mark without a partner becomes an apostrophe, except at the edges of a quotation, where it is removed. So the editor
still sees it, and the text doesn't claim a quotation whose end is unknown. Only marks, and the spaces on the inner side
of guillemets and of removed marks, are ever changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from unicodedata import category

from .house_languages import Marks, marks_for
from .mark_pairing import ELIDED, QuotationMark, parse

_GUILLEMETS = "«»‹›"  # French has spaces inside them


@dataclass(frozen=True)
class ParagraphChanges:
    """The changes to one paragraph: texts to put before and after it, and replacements for characters, by index."""

    opening: str = ""
    edits: dict[int, str] = field(default_factory=dict)
    closing: str = ""

    def replace_chars(self, text: str) -> list[str]:
        """Return the replaced text by character, without the opening and closing."""
        chars = list(text)
        for index, replacement in self.edits.items():
            chars[index] = replacement
        return chars

    def apply(self, text: str) -> str:
        return self.opening + "".join(self.replace_chars(text)) + self.closing


class _Edges(NamedTuple):
    """The first and last visible characters of a paragraph, each None if it isn't a mark."""

    first: QuotationMark | None
    last: QuotationMark | None


def _get_edges(text: str, marks: list[QuotationMark]) -> _Edges:
    if not marks:
        return _Edges(None, None)
    first, last = marks[0], marks[-1]
    return _Edges(
        first if _is_invisible(text[: first.index]) else None, last if _is_invisible(text[last.index + 1 :]) else None
    )


def _is_invisible(text: str) -> bool:
    return all(char.isspace() or category(char) == "Cf" for char in text)


def _get_unpaired_mark(mark: QuotationMark | None) -> QuotationMark | None:
    """Return the mark if its partner is missing, else None. A single mark without a partner is an apostrophe: None."""
    if mark is None or mark.fate != "stray" or mark.family == "single":
        return None
    return mark


def _set_redundant_fates(texts: Sequence[str], marks_by_text: list[list[QuotationMark]]) -> None:
    """Set the fate of marks that wrap the whole text or each of its paragraphs.

    A mark at the edge of the text without a partner counts as the rest of such a pair.
    """
    edges = [_get_edges(text, marks) for text, marks in zip(texts, marks_by_text, strict=True) if text.strip()]
    if not edges:
        return
    first, last = edges[0].first, edges[-1].last
    if all(pair.first and pair.first.partner and pair.first.partner is pair.last for pair in edges):
        wrapping = edges
    elif first and first.partner and first.partner is last:
        wrapping = [_Edges(first, last)]
    else:
        wrapping = [_Edges(_get_unpaired_mark(first), _get_unpaired_mark(last))]
    for pair in wrapping:
        if pair.first:
            pair.first.fate = "redundant open"
        if pair.last:
            pair.last.fate = "redundant close"


def _find_inner_spaces(mark: QuotationMark, is_opening: bool) -> list[int]:
    """Return the indexes of the spaces between a mark and the text that it encloses."""
    step = 1 if is_opening else -1
    index = mark.index + step
    indexes = []
    while 0 <= index < len(mark.text) and mark.text[index] in " \u00a0\u202f\u2009":
        indexes.append(index)
        index += step
    return indexes


def _get_replacement(mark: QuotationMark, marks: Marks) -> str:
    """Return the replacement for a mark that isn't part of a pair: a straight sign for feet and inches, or the house
    form's apostrophe.

    An opening ‘ that belongs to a word (Uzbek o‘zbek, Arabic ‘Abd) is spelling, and stays if the marks are curly.
    """
    if mark.fate == "prime":
        return '"' if mark.family == "double" else "'"
    if mark.fate == "kept":
        return mark.sign
    is_spelling = mark.sign == "‘" and marks.apostrophe == "’" and not ELIDED.match(mark.text, mark.index)
    return mark.sign if is_spelling else marks.apostrophe


def _add_edit(mark: QuotationMark, depths: list[int], marks: Marks, base_depth: int, edits: dict[int, str]) -> None:
    """Add the replacement of one mark to `edits`, and update `depths`, the stack of the open quotations' depths."""
    if mark.fate not in ("open", "close", "redundant open", "redundant close"):
        edits[mark.index] = _get_replacement(mark, marks)
        return
    replacement = ""
    if mark.fate == "open":
        depths.append(base_depth + len(depths))
        replacement = marks.pair(depths[-1])[0]
    elif mark.fate == "close":
        replacement = marks.pair(depths.pop())[1]
    edits[mark.index] = replacement
    has_spaces = mark.sign in _GUILLEMETS or replacement.strip() != replacement
    if has_spaces or not replacement:
        is_opening = mark.fate in ("open", "redundant open")
        edits.update(dict.fromkeys(_find_inner_spaces(mark, is_opening), ""))


def set_quotation(texts: Sequence[str], marks: Marks, continues: Sequence[bool] = ()) -> list[ParagraphChanges]:
    """Set paragraphs as one quotation.

    `continues` says for each paragraph after the first whether the marks of the open quotations are repeated at its
    beginning, which they aren't at list items. By default, all paragraphs repeat them.

    The quotation gets the outermost marks, and marks inside it are one level deeper. Marks that already wrap the whole
    text are not doubled.
    """
    marks_by_text = parse(texts)
    _set_redundant_fates(texts, marks_by_text)
    changes: list[ParagraphChanges] = []
    depths: list[int] = []
    outer_opening, outer_closing = marks.pair(0)
    for index, marks_of_text in enumerate(marks_by_text):
        opening = ""
        if index == 0:
            opening = outer_opening
        elif not continues or continues[index]:
            opening = "".join(map(marks.resumed, [0, *depths]))
        edits: dict[int, str] = {}
        for mark in marks_of_text:
            _add_edit(mark, depths, marks, base_depth=1, edits=edits)
        is_last = index == len(marks_by_text) - 1
        changes.append(ParagraphChanges(opening, edits, outer_closing if is_last else ""))
    return changes


def set_plain(text: str, marks: Marks) -> str:
    """Set the marks of a line that is not a quotation itself, such as a headline or lead-in.

    Its outermost marks stay single or double as typed, since English headlines take single marks (AP Stylebook), and
    credit lines double ones.
    """
    (marks_of_text,) = parse([text])
    first_opening = next((mark for mark in marks_of_text if mark.fate == "open"), None)
    base_depth = 1 if first_opening and first_opening.family == "single" else 0
    edits: dict[int, str] = {}
    depths: list[int] = []
    for mark in marks_of_text:
        _add_edit(mark, depths, marks, base_depth, edits)
    return ParagraphChanges(edits=edits).apply(text)


def quote(texts: Sequence[str], language: str, style: str) -> list[str]:
    """Set plain paragraphs as one quotation with the marks of a language; return the texts."""
    changes = set_quotation(texts, marks_for(language, style))
    return [paragraph_changes.apply(text) for paragraph_changes, text in zip(changes, texts, strict=True)]


def remove_wrapping(texts: Sequence[str]) -> list[str]:
    """Remove the marks that make paragraphs one quotation, and change nothing else.

    This is the inverse of `set_quotation`, except that the marks inside keep the level they were printed in.
    """
    marks_by_text = parse(texts)
    first = _get_edges(texts[0], marks_by_text[0]).first if texts else None
    _set_redundant_fates(texts, marks_by_text)
    if first is None or first.fate != "redundant open":
        return list(texts)
    return [_remove_redundant_marks(text, marks) for text, marks in zip(texts, marks_by_text, strict=True)]


def _remove_redundant_marks(text: str, marks: list[QuotationMark]) -> str:
    """Remove the redundant marks of a paragraph, and the spaces on their inner side."""
    removed: set[int] = set()
    for mark in marks:
        if mark.fate in ("redundant open", "redundant close"):
            removed.add(mark.index)
            removed.update(_find_inner_spaces(mark, is_opening=mark.fate == "redundant open"))
    return "".join(char for index, char in enumerate(text) if index not in removed).strip()
