"""Setting text as a quotation: the marks inside it are replaced with those of the house form, one level deeper.

A mark without a partner becomes an apostrophe: the editor still sees it, and the text doesn't claim a quotation whose
end is unknown. Only marks, and spaces on the inner side of guillemets, are ever changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from unicodedata import category

from .house_languages import Marks, marks_for
from .mark_pairing import ELIDED, QuotationMark, parse

_SPACED = "«»‹›"


@dataclass(frozen=True)
class ParagraphChanges:
    """The changes to one paragraph: what to put before and after it, and replacements for characters, by index."""

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


def _edges(text: str, marks: list[QuotationMark]) -> tuple[QuotationMark | None, QuotationMark | None]:
    """Return the marks that are the first and last visible characters of a paragraph, or None for each."""
    if not marks:
        return None, None
    first, last = marks[0], marks[-1]
    is_first = _is_empty(text[: first.index])
    is_last = _is_empty(text[last.index + 1 :])
    return first if is_first else None, last if is_last else None


def _is_empty(text: str) -> bool:
    return all(char.isspace() or category(char) == "Cf" for char in text)


def _get_unpaired_mark(mark: QuotationMark | None) -> QuotationMark | None:
    """Return the mark if its partner is missing; None for a single mark, which is an apostrophe then."""
    if mark is None or mark.fate != "stray" or mark.family == "single":
        return None
    return mark


def _unwrap(texts: Sequence[str], marks_by_text: list[list[QuotationMark]]) -> None:
    """Mark for removal what wraps the whole text or each of its paragraphs, or is left over from such a pair."""
    edges = [_edges(text, marks) for text, marks in zip(texts, marks_by_text, strict=True) if text.strip()]
    if not edges:
        return
    first, last = edges[0][0], edges[-1][1]
    if all(opening and opening.partner and opening.partner is closing for opening, closing in edges):
        wrapping = edges
    elif first and first.partner and first.partner is last:
        wrapping = [(first, last)]
    else:
        wrapping = [(_get_unpaired_mark(first), _get_unpaired_mark(last))]
    for opening, closing in wrapping:
        if opening:
            opening.fate = "resumed"
        if closing:
            closing.fate = "dropped"


def _spaces_inside(mark: QuotationMark, opening: bool) -> list[int]:
    """Return the indexes of the spaces between a mark and the text that it encloses."""
    step = 1 if opening else -1
    index = mark.index + step
    indexes = []
    while 0 <= index < len(mark.text) and mark.text[index] in " \u00a0\u202f\u2009":
        indexes.append(index)
        index += step
    return indexes


def _get_replacement(mark: QuotationMark, marks: Marks) -> str:
    """Return the replacement for a character that is no quotation mark: a straight sign for feet and inches, or the
    house form's apostrophe.

    An opening ‘ that belongs to a word (Uzbek o‘zbek, Arabic ‘Abd) is spelling, and stays if the marks are curly.
    """
    if mark.fate == "prime":
        return '"' if mark.family == "double" else "'"
    if mark.fate == "kept":
        return mark.sign
    is_spelling = mark.sign == "‘" and marks.apostrophe == "’" and not ELIDED.match(mark.text, mark.index)
    return mark.sign if is_spelling else marks.apostrophe


def _add_edit(mark: QuotationMark, depths: list[int], marks: Marks, base: int, edits: dict[int, str]) -> None:
    """Add the replacement of one mark to `edits`, and update `depths`, the depths of the open quotations."""
    if mark.fate not in ("open", "close", "resumed", "dropped"):
        edits[mark.index] = _get_replacement(mark, marks)
        return
    replacement = ""
    if mark.fate == "open":
        depths.append(base + len(depths))
        replacement = marks.pair(depths[-1])[0]
    elif mark.fate == "close":
        replacement = marks.pair(depths.pop())[1]
    edits[mark.index] = replacement
    has_spaces = mark.sign in _SPACED or replacement.strip() != replacement
    if has_spaces or not replacement:
        edits.update(dict.fromkeys(_spaces_inside(mark, mark.fate in ("open", "resumed")), ""))


def set_quotation(texts: Sequence[str], marks: Marks, continues: Sequence[bool] = ()) -> list[ParagraphChanges]:
    """Set paragraphs as one quotation. `continues` says for each whether it begins with a mark if the quotation
    continues (list items don't); by default all do.

    The quotation gets the outermost marks, and those inside are one level deeper. Marks that already wrap the whole
    text are not doubled.
    """
    marks_by_text = parse(texts)
    _unwrap(texts, marks_by_text)
    settings: list[ParagraphChanges] = []
    depths: list[int] = []
    outer_opening, outer_closing = marks.pair(0)
    for number, marks_of_text in enumerate(marks_by_text):
        opening = ""
        if number == 0:
            opening = outer_opening
        elif not continues or continues[number]:
            opening = "".join(map(marks.resumed, [0, *depths]))
        edits: dict[int, str] = {}
        for mark in marks_of_text:
            _add_edit(mark, depths, marks, base=1, edits=edits)
        is_last = number == len(marks_by_text) - 1
        settings.append(ParagraphChanges(opening, edits, outer_closing if is_last else ""))
    return settings


def set_plain(text: str, marks: Marks) -> str:
    """Set the marks of a line that is not a quotation itself, such as a headline or lead-in.

    English headlines take single marks (AP Stylebook) and credit lines double ones, so the outermost marks stay single
    or double, as typed.
    """
    (marks_of_text,) = parse([text])
    opening = next((mark for mark in marks_of_text if mark.fate == "open"), None)
    base = 1 if opening and opening.family == "single" else 0
    edits: dict[int, str] = {}
    depths: list[int] = []
    for mark in marks_of_text:
        _add_edit(mark, depths, marks, base, edits)
    return ParagraphChanges(edits=edits).apply(text)


def quote(texts: Sequence[str], language: str, style: str) -> list[str]:
    """Set plain paragraphs as one quotation with the marks of a language; return the texts."""
    settings = set_quotation(texts, marks_for(language, style))
    return [setting.apply(text) for setting, text in zip(settings, texts, strict=True)]


def without_wrapping(texts: Sequence[str]) -> list[str]:
    """Remove the marks that make paragraphs one quotation, and change nothing else.

    This is the inverse of `set_quotation`, except that the marks inside keep the level they were printed in.
    """
    marks_by_text = parse(texts)
    first = _edges(texts[0], marks_by_text[0])[0] if texts else None
    _unwrap(texts, marks_by_text)
    if first is None or first.fate != "resumed":
        return list(texts)
    return [_remove_wrapping(text, marks) for text, marks in zip(texts, marks_by_text, strict=True)]


def _remove_wrapping(text: str, marks: list[QuotationMark]) -> str:
    """Remove the marks that wrap a text, and the spaces inside them."""
    removed: set[int] = set()
    for mark in marks:
        if mark.fate in ("resumed", "dropped"):
            removed.add(mark.index)
            removed.update(_spaces_inside(mark, mark.fate == "resumed"))
    return "".join(char for index, char in enumerate(text) if index not in removed).strip()
