"""Text goes into a quotation: the marks that stand in it are set again in the house's kind, one step further in.

A mark without a partner is set as an apostrophe: it stays visible to the editor, and nothing claims who was quoted to
where. Only marks, and spaces on the inner side of guillemets, are ever changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from unicodedata import category

from .house_languages import Marks, marks_for
from .mark_pairing import ELIDED, Mark, parse

_SPACED = "«»‹›"


@dataclass(frozen=True)
class Setting:
    """The setting of one paragraph: what goes before and after it, and what replaces the characters at some places."""

    opening: str = ""
    edits: dict[int, str] = field(default_factory=dict)
    closing: str = ""

    def edited(self, text: str) -> list[str]:
        """Return what stands for each character of the paragraph, without what goes before and after it."""
        done = list(text)
        for at, new in self.edits.items():
            done[at] = new
        return done

    def apply(self, text: str) -> str:
        return self.opening + "".join(self.edited(text)) + self.closing


def _edges(text: str, marks: list[Mark]) -> tuple[Mark | None, Mark | None]:
    """The marks that are a paragraph's very first and very last characters."""
    if not marks:
        return None, None
    first, last = marks[0], marks[-1]
    is_first, is_last = _is_empty(text[: first.at]), _is_empty(text[last.at + 1 :])
    return first if is_first else None, last if is_last else None


def _is_empty(text: str) -> bool:
    return all(char.isspace() or category(char) == "Cf" for char in text)


def _get_unpaired_mark(mark: Mark | None) -> Mark | None:
    """A mark at the text's edge whose partner was forgotten; a single one there is an apostrophe."""
    return mark if mark and mark.fate == "stray" and mark.family != "single" else None


def _unwrap(texts: Sequence[str], pages: list[list[Mark]]) -> None:
    """Take away the marks that wrap the whole text, or each paragraph of it, or are left over from such a pair."""
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
    """The places of the spaces between a mark and what it encloses."""
    step, places, at = (1, [], mark.at + 1) if opening else (-1, [], mark.at - 1)
    while 0 <= at < len(mark.text) and mark.text[at] in " \u00a0\u202f\u2009":
        places.append(at)
        at += step
    return places


def _replacement(mark: Mark, marks: Marks) -> str:
    """Return what stands for a sign that is no quotation mark: straight feet and inches, the house's apostrophe.

    An opening ‘ that a word carries (Uzbek o‘zbek, Arabic ‘Abd) is spelling, and stays where the house sets curly
    marks.
    """
    if mark.fate == "prime":
        return '"' if mark.family == "double" else "'"
    if mark.fate == "kept":
        return mark.sign
    spelling = mark.sign == "‘" and marks.apostrophe == "’" and not ELIDED.match(mark.text, mark.at)
    return mark.sign if spelling else marks.apostrophe


def _edit(mark: Mark, depths: list[int], marks: Marks, base: int, edits: dict[int, str]) -> None:
    """Write down what becomes of one mark; `depths` holds the depths of the quotations that are open there."""
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
    """Set paragraphs as one quotation. `continues` says of each whether it shows that the quotation goes on (a list's
    items don't); by default all do.

    The paragraphs come out in the outermost marks, those inside one step further in; marks that already wrap the whole
    are the outermost and are not doubled.
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
    """Set the marks of a line that is not a quotation itself: a headline, a lead-in.

    English headlines take single marks (AP Stylebook), credit lines double ones, so the outermost kind is the one that
    was typed.
    """
    (page,) = parse([text])
    first = next((mark for mark in page if mark.fate == "open"), None)
    edits: dict[int, str] = {}
    depths: list[int] = []
    for mark in page:
        _edit(mark, depths, marks, 1 if first and first.family == "single" else 0, edits)
    return Setting(edits=edits).apply(text)


def quote(texts: Sequence[str], language: str, style: str) -> list[str]:
    """Set plain paragraphs as one quotation in a language's marks."""
    settings = set_quotation(texts, marks_for(language, style))
    return [setting.apply(text) for setting, text in zip(settings, texts, strict=True)]


def without_wrapping(texts: Sequence[str]) -> list[str]:
    """Return paragraphs without the marks that make them one quotation; all else stays as it is printed.

    It is the inverse of `set_quotation`, but for the marks inside, which keep the kind that they were set in.
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
