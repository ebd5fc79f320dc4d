"""The marks that stand in a text, read and paired by sense.

People type what their keyboard gives: straight marks, another language's marks, a closing mark for an opening one. So a
mark's sign is only a hint; what stands on both sides decides. An apostrophe, a foot and an inch look like marks and
aren't. Reading takes time linear in the text.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from unicodedata import category

from ..text.clean import LETTER, SIGN, SPACELESS

# "resumed" begins a quotation that the house opens itself, "dropped" ends one; a "stray" mark has no partner.
Fate = Literal["apostrophe", "prime", "kept", "open", "close", "resumed", "stray", "dropped"]

_FAMILY = {
    sign: family
    for family, signs in {
        "double": '"＂“”„‟«»〝〞〟',
        "single": "'＇‘’‚‛‹›",
        "corner": "「」｢｣",
        "white corner": "『』",
    }.items()
    for sign in signs
}
_MARK_SIGN = re.compile(f"[{''.join(_FAMILY)}]")
_ALWAYS_OPEN, _ALWAYS_CLOSE = "„‚〝「｢『", "〞〟」｣』"
_APOSTROPHES = "'＇‘’‛"
_PRIMES = "'’\"”"
_OPENING = "([{<（［｛＜〈《【〔⟨¿¡"
_DASHES = "-‐‑–—―/"
_WORD = re.compile(rf"(?!{SIGN}|{SPACELESS}|[\uac00-\ud7a3]){LETTER}")
# Nobody quotes so deep; the bound keeps hostile text from costing more than its length.
DEEPEST = 12
_HEBREW = re.compile(r"[\u05d0-\u05ea]")
# 'tis, 'em, the '90s: an apostrophe at the beginning of a word. Words that may as well be quoted ('cause', 'round') are
# not listed: without a closing mark they come out as apostrophes all the same.
ELIDED = re.compile(rf"['’‘](?:tis|twas|twere|twill|twould|tisn|twasn|em|til|n|s|t|\d\ds)(?!{LETTER})", re.IGNORECASE)
_AND = re.compile(r"['’‘]n['’‘]", re.IGNORECASE)
_POSSESSIVE = re.compile(r"(?:[sxz]|[a-z]in)\Z", re.IGNORECASE)
_FEET = re.compile(r"\d['’′][ \u00a0]?\d{1,2}(?:[.,½¼¾]\d*)?\Z")


@dataclass(eq=False)
class Mark:
    """A sign that may be a quotation mark. `before` and `after` are the characters around it, empty at the edges."""

    text: str
    at: int
    before: str
    after: str
    touching: "Mark | None"
    fate: Fate = "stray"
    mate: "Mark | None" = None

    @property
    def sign(self) -> str:
        return self.text[self.at]

    @property
    def family(self) -> str:
        return _FAMILY[self.sign]


def _scan(text: str) -> list[Mark]:
    """Find the signs. What is invisible (ZWNJ, RLM and the like) is looked through, and so are marks on the way
    right."""
    places = [found.start() for found in _MARK_SIGN.finditer(text)]
    afters: dict[int, str] = {}
    for at in reversed(places):
        beside = _find_visible(text, range(at + 1, len(text)))
        afters[at] = afters[beside] if beside in afters else text[beside] if beside is not None else ""
    marks: list[Mark] = []
    for at in places:
        beside = _find_visible(text, range(at - 1, -1, -1))
        before = "" if beside is None else text[beside]
        touching = marks[-1] if marks and before and before == marks[-1].sign else None
        marks.append(Mark(text, at, before, afters[at], touching))
    return marks


def _find_visible(text: str, places: range) -> int | None:
    """Return the first of these places whose character is visible."""
    return next((at for at in places if category(text[at]) != "Cf"), None)


def _is_word_char(char: str) -> bool:
    return bool(char and _WORD.match(char))


def _opens(mark: Mark) -> bool:
    """Return whether the sides look like a quotation's beginning: room on the left, something on the right."""
    if not mark.after or mark.after.isspace():
        return False
    if mark.touching:
        return mark.touching.fate in ("open", "resumed")
    return not mark.before or mark.before.isspace() or mark.before in _OPENING + _DASHES


def _closes(mark: Mark) -> bool:
    """Return whether the sides look like a quotation's end: something on the left, room or punctuation on the right."""
    if not mark.before or mark.before.isspace() or mark.before in _OPENING:
        return False
    if mark.touching and mark.touching.fate in ("open", "resumed"):
        return False
    return not mark.after or mark.after.isspace() or (category(mark.after)[0] == "P" and mark.after not in _OPENING)


def _is_spare(mark: Mark, following: Sequence[Mark], open_count: int) -> bool:
    """Return whether the marks up to the next opening one can close all `open_count` quotations without this mark."""
    for other in following:
        if other.family != mark.family or (_is_word_char(other.before) and _is_word_char(other.after)):
            continue
        if not _closes(other):
            return False
        open_count -= 1
        if open_count <= 0:
            return True
    return False


def _word_sign(mark: Mark, following: Sequence[Mark], stack: list[Mark]) -> Fate | None:
    """Tell apostrophes, feet, inches and the Hebrew gershayim from quotation marks; None if it may be a mark."""
    depth = sum(open_mark.family == mark.family for open_mark in stack)
    inside = _is_word_char(mark.before) and _is_word_char(mark.after)
    if mark.sign in _PRIMES and mark.before.isdigit():
        inch = mark.family == "double"
        if (
            inch
            and (inside or _FEET.search(mark.text, max(0, mark.at - 12), mark.at))
            or inside
            and mark.after.isdigit()
        ):
            return "prime"
        if not inside and (not depth or _is_spare(mark, following, depth)):
            return "prime"
    if mark.sign == '"' and _HEBREW.match(mark.before) and _HEBREW.match(mark.after):
        return "kept"
    if mark.sign not in _APOSTROPHES:
        return None
    if inside or (mark.touching and mark.touching.fate == "close" and _is_word_char(mark.after)):
        return "apostrophe"
    if _AND.match(mark.text, mark.at) or (mark.at >= 2 and _AND.match(mark.text, mark.at - 2)):
        return "apostrophe"
    if not _is_word_char(mark.before) and ELIDED.match(mark.text, mark.at):
        return "apostrophe"
    if depth and _POSSESSIVE.search(mark.text, max(0, mark.at - 3), mark.at) and _is_spare(mark, following, depth):
        return "apostrophe"
    return None


def _direction(mark: Mark, open_sign: str) -> Literal["open", "close"]:
    """Decide which way a mark faces; `open_sign` began the innermost open quotation of its family, if there is one."""
    sign, opens, closes = mark.sign, _opens(mark), _closes(mark)
    if sign in _ALWAYS_OPEN:
        facing = True
    elif sign in _ALWAYS_CLOSE:
        facing = False
    elif sign in "«‹":  # »German and Danish books turn them round«
        facing = open_sign not in ("»", "›")
    elif sign in "»›":
        facing = opens and open_sign not in ("«", "‹")
    elif sign in "“‘‟‛":  # „a German closes with the English opening mark“
        facing = opens or not (open_sign and closes)
    elif sign in "”’":  # ”a Swede opens with the English closing mark”
        facing = opens and not open_sign
    else:
        facing = opens if opens != closes else not open_sign
    return "open" if facing else "close"


def _settle(mark: Mark, following: Sequence[Mark], stack: list[Mark], counts: Counter[str]) -> None:
    """Give one mark its fate and keep the stack of open quotations."""
    fate = _word_sign(mark, following, stack)
    if fate:
        mark.fate = fate
        return
    count = counts[mark.family]
    open_sign = next(m.sign for m in reversed(stack) if m.family == mark.family) if count else ""
    if _direction(mark, open_sign) == "open":
        if len(stack) == DEEPEST or (mark.sign in _APOSTROPHES and _is_word_char(mark.before)):
            mark.fate = "apostrophe"
            return
        mark.fate = "open"
        stack.append(mark)
        counts[mark.family] += 1
    elif count and (mark.family != "single" or stack[-1].family == "single"):
        while True:  # A stronger mark closes over weaker ones that never closed: those were apostrophes.
            opened = stack.pop()
            counts[opened.family] -= 1
            if opened.family == mark.family:
                break
            opened.fate = "stray"
        mark.fate, mark.mate, opened.mate = "close", opened, mark


def _resume(marks: list[Mark], stack: list[Mark], resuming: bool) -> int:
    """Take a paragraph's first marks as the repetition of what is open; answer how many they are.

    A single mark left open is carried over a paragraph's end only where it is repeated under a double one: alone it is
    far more often an apostrophe.
    """
    count = 0
    for opened, mark in zip(stack, marks, strict=False):
        leading = not mark.text[: mark.at].strip(" \u00a0\u202f\u200e\u200f" + "".join(_FAMILY))
        if not (resuming and leading and opened.family == mark.family and (count or opened.family != "single")):
            break
        mark.fate = "resumed"
        count += 1
    for opened in stack[count:]:
        if opened.family == "single":
            opened.fate = "stray"
    stack[:] = stack[:count] + [opened for opened in stack[count:] if opened.family != "single"]
    return count


def _read(texts: Sequence[str], resuming: bool) -> list[list[Mark]]:
    pages = [_scan(text) for text in texts]
    stack: list[Mark] = []
    for marks in pages:
        start = _resume(marks, stack, resuming)
        if start == len(marks):
            continue
        counts = Counter(opened.family for opened in stack)
        for number, mark in enumerate(marks[start:], start + 1):
            _settle(mark, marks[number : number + 64], stack, counts)
    for opened in stack:
        opened.fate = "stray"
    return pages


def _strays(pages: list[list[Mark]]) -> int:
    return sum(mark.fate == "stray" and mark.family != "single" for marks in pages for mark in marks)


def parse(texts: Sequence[str]) -> list[list[Mark]]:
    """Read the marks of a quotation's paragraphs, where a paragraph's first mark may repeat an open one or begin anew.

    Whichever reading leaves fewer marks without a partner is the right one.
    """
    resumed = _read(texts, resuming=True)
    if not _strays(resumed):
        return resumed
    anew = _read(texts, resuming=False)
    return anew if _strays(anew) < _strays(resumed) else resumed


def is_mark(char: str) -> bool:
    """Return whether a character is one of the signs that people quote with."""
    return char in _FAMILY
