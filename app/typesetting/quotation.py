"""Setting text as a quotation: the marks inside it are replaced with those of the house form, one level deeper.

A mark without a partner becomes an apostrophe: the editor still sees it, and the text doesn't claim a quotation whose
end is unknown. Only marks, and spaces on the inner side of guillemets, are ever changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from unicodedata import category

from .house_languages import Marks, marks_for
from .mark_pairing import ELIDED, Mark, parse

_SPACED = "«»‹›"


@dataclass(frozen=True)
class Setting:
    """The changes to one paragraph: what to put before and after it, and replacements for characters, by index."""

    opening: str = ""
    edits: dict[int, str] = field(default_factory=dict)
    closing: str = ""

    def edited(self, text: str) -> list[str]:
        """Return the replaced text by character, without the opening and closing."""
        done = list(text)
        for at, new in self.edits.items():
            done[at] = new
        return done

    def apply(self, text: str) -> str:
        return self.opening + "".join(self.edited(text)) + self.closing


def _edges(text: str, marks: list[Mark]) -> tuple[Mark | None, Mark | None]:
    """Return the marks that are the first and last visible characters of a paragraph, or None for each."""
    if not marks:
        return None, None
    first, last = marks[0], marks[-1]
    is_first, is_last = _is_empty(text[: first.at]), _is_empty(text[last.at + 1 :])
    return first if is_first else None, last if is_last else None


def _is_empty(text: str) -> bool:
    return all(char.isspace() or category(char) == "Cf" for char in text)


def _get_unpaired_mark(mark: Mark | None) -> Mark | None:
    """Return the mark if its partner is missing; None for a single mark, which is an apostrophe then."""
    return mark if mark and mark.fate == "stray" and mark.family != "single" else None


def _unwrap(texts: Sequence[str], pages: list[list[Mark]]) -> None:
    """Mark for removal what wraps the whole text or each of its paragraphs, or is left over from such a pair."""
    edges = [_edges(text, marks) for text, marks in zip(texts, pages, strict=True) if text.strip()]
    if not edges:
        return
    first, last = edges[0][0], edges[-1][1]
    if all(one and one.mate and one.mate is other for one, other in edges):
        wrapping = edges
    elif first and first.mate and first.mate is last:
        wrapping = [(first, last)]
    else:
        wrapping = [(_get_unpaired_mark(first), _get_unpaired_mark(last))]
    for opening, closing in wrapping:
        if opening:
            opening.fate = "resumed"
        if closing:
            closing.fate = "dropped"


def _spaces_inside(mark: Mark, opening: bool) -> list[int]:
    """Return the indexes of the spaces between a mark and the text that it encloses."""
    step, places, at = (1, [], mark.at + 1) if opening else (-1, [], mark.at - 1)
    while 0 <= at < len(mark.text) and mark.text[at] in " \u00a0\u202f\u2009":
        places.append(at)
        at += step
    return places


def _replacement(mark: Mark, marks: Marks) -> str:
    """Return the replacement for a character that is no quotation mark: a straight sign for feet and inches, or the
    house form's apostrophe.

    An opening ‘ that belongs to a word (Uzbek o‘zbek, Arabic ‘Abd) is spelling, and stays if the marks are curly.
    """
    if mark.fate == "prime":
        return '"' if mark.family == "double" else "'"
    if mark.fate == "kept":
        return mark.sign
    spelling = mark.sign == "‘" and marks.apostrophe == "’" and not ELIDED.match(mark.text, mark.at)
    return mark.sign if spelling else marks.apostrophe


def _edit(mark: Mark, depths: list[int], marks: Marks, base: int, edits: dict[int, str]) -> None:
    """Add the replacement of one mark to `edits`, and update `depths`, the depths of the open quotations."""
    if mark.fate not in ("open", "close", "resumed", "dropped"):
        edits[mark.at] = _replacement(mark, marks)
        return
    new = ""
    if mark.fate == "open":
        depths.append(base + len(depths))
        new = marks.pair(depths[-1])[0]
    elif mark.fate == "close":
        new = marks.pair(depths.pop())[1]
    edits[mark.at] = new
    if not new or mark.sign in _SPACED or new.strip() != new:
        edits.update(dict.fromkeys(_spaces_inside(mark, mark.fate in ("open", "resumed")), ""))


def set_quotation(texts: Sequence[str], marks: Marks, continues: Sequence[bool] = ()) -> list[Setting]:
    """Set paragraphs as one quotation. `continues` says for each whether it begins with a mark if the quotation
    continues (list items don't); by default all do.

    The quotation gets the outermost marks, and those inside are one level deeper. Marks that already wrap the whole
    text are not doubled.
    """
    pages = parse(texts)
    _unwrap(texts, pages)
    settings: list[Setting] = []
    depths: list[int] = []
    for number, page in enumerate(pages):
        shown = not continues or continues[number]
        opening = "".join(map(marks.resumed, [0, *depths])) if shown else ""
        edits: dict[int, str] = {}
        for mark in page:
            _edit(mark, depths, marks, 1, edits)
        outer = marks.pair(0)
        closing = outer[1] if number == len(pages) - 1 else ""
        settings.append(Setting(outer[0] if number == 0 else opening, edits, closing))
    return settings


def set_plain(text: str, marks: Marks) -> str:
    """Set the marks of a line that is not a quotation itself, such as a headline or lead-in.

    English headlines take single marks (AP Stylebook) and credit lines double ones, so the outermost marks stay single
    or double, as typed.
    """
    (page,) = parse([text])
    first = next((mark for mark in page if mark.fate == "open"), None)
    edits: dict[int, str] = {}
    depths: list[int] = []
    for mark in page:
        _edit(mark, depths, marks, 1 if first and first.family == "single" else 0, edits)
    return Setting(edits=edits).apply(text)


def quote(texts: Sequence[str], language: str, style: str) -> list[str]:
    """Set plain paragraphs as one quotation with the marks of a language; return the texts."""
    settings = set_quotation(texts, marks_for(language, style))
    return [setting.apply(text) for setting, text in zip(settings, texts, strict=True)]


def without_wrapping(texts: Sequence[str]) -> list[str]:
    """Remove the marks that make paragraphs one quotation, and change nothing else.

    This is the inverse of `set_quotation`, except that the marks inside keep the level they were printed in.
    """
    pages = parse(texts)
    begins = next((mark for mark in (_edges(text, marks)[0] for text, marks in zip(texts, pages, strict=True))), None)
    _unwrap(texts, pages)
    if begins is None or begins.fate != "resumed":
        return list(texts)
    done = []
    for text, page in zip(texts, pages, strict=True):
        gone = {mark.at for mark in page if mark.fate in ("resumed", "dropped")}
        gone.update(at for mark in page if mark.at in gone for at in _spaces_inside(mark, mark.fate == "resumed"))
        done.append("".join(char for at, char in enumerate(text) if at not in gone).strip())
    return done
