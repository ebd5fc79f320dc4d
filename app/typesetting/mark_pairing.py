"""Recognising and pairing the quotation marks in a text.

People type what their keyboard offers: straight marks, marks of another language, a closing mark for an opening one. So
the character itself is only a hint, and its neighbours decide. Apostrophes, feet and inches look like marks but aren't.
Parsing takes time linear in the text.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from unicodedata import category

from ..text.clean import LETTER, SPACELESS
from ..text.clean import SIGN as HAN_OR_KANA

# What becomes of a character: "open" and "close" are quotation marks; "resumed" and "dropped" ones too, but of a
# quotation whose marks the house form adds itself. A "stray" mark has no partner. "prime" is a sign for feet or inches,
# and a "kept" character stays as it is.
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
_WORD = re.compile(rf"(?!{HAN_OR_KANA}|{SPACELESS}|[\uac00-\ud7a3]){LETTER}")
# Nobody nests quotations so deep; the limit keeps the time linear for hostile texts.
DEEPEST = 12
_HEBREW = re.compile(r"[\u05d0-\u05ea]")
# 'tis, 'em, the '90s: an apostrophe at the beginning of a word. Words that could also be quoted ('cause', 'round') are
# not listed: without a closing mark they become apostrophes anyway.
ELIDED = re.compile(rf"['’‘](?:tis|twas|twere|twill|twould|tisn|twasn|em|til|n|s|t|\d\ds)(?!{LETTER})", re.IGNORECASE)
_AND = re.compile(r"['’‘]n['’‘]", re.IGNORECASE)
# The end of a word that takes only an apostrophe as its genitive: "readers'", "Jansens'".
_POSSESSIVE = re.compile(r"(?:[sxz]|[a-z]in)\Z", re.IGNORECASE)
# 6'2: the inch sign follows.
_FEET = re.compile(r"\d['’′][ \u00a0]?\d{1,2}(?:[.,½¼¾]\d*)?\Z")


@dataclass(eq=False)
class QuotationMark:
    """A character that may be a quotation mark.

    - text, index: the paragraph, and the character's place in it.
    - before, after: the visible characters next to it, "" at the edges.
    - touching: the mark directly before it.
    - partner: the mark that closes or opens the same quotation.
    """

    text: str
    index: int
    before: str
    after: str
    touching: "QuotationMark | None"
    fate: Fate = "stray"
    partner: "QuotationMark | None" = None

    @property
    def sign(self) -> str:
        return self.text[self.index]

    @property
    def family(self) -> str:
        return _FAMILY[self.sign]


def _scan(text: str) -> list[QuotationMark]:
    """Find all candidates in a text. Invisible characters (ZWNJ, RLM and the like) don't count as neighbours, nor do
    marks on the right."""
    indexes = [match.start() for match in _MARK_SIGN.finditer(text)]
    afters: dict[int, str] = {}  # by index; from the right, so that marks on the right can be skipped
    for index in reversed(indexes):
        neighbour = _find_visible(text, range(index + 1, len(text)))
        if neighbour is None:
            afters[index] = ""
        else:
            afters[index] = afters.get(neighbour, text[neighbour])
    marks: list[QuotationMark] = []
    for index in indexes:
        neighbour = _find_visible(text, range(index - 1, -1, -1))
        before = "" if neighbour is None else text[neighbour]
        touching = marks[-1] if marks and before == marks[-1].sign else None
        marks.append(QuotationMark(text, index, before, afters[index], touching))
    return marks


def _find_visible(text: str, indexes: range) -> int | None:
    """Return the first of the indexes whose character isn't invisible."""
    for index in indexes:
        if category(text[index]) != "Cf":
            return index
    return None


def _is_word_char(char: str) -> bool:
    return bool(char and _WORD.match(char))


def _opens(mark: QuotationMark) -> bool:
    """Return whether a mark could open a quotation by its neighbours: a space on the left, something on the right."""
    if not mark.after or mark.after.isspace():
        return False
    if mark.touching:
        return mark.touching.fate in ("open", "resumed")
    return not mark.before or mark.before.isspace() or mark.before in _OPENING + _DASHES


def _closes(mark: QuotationMark) -> bool:
    """Return whether a mark could close a quotation: something on the left, a space or punctuation on the right."""
    if not mark.before or mark.before.isspace() or mark.before in _OPENING:
        return False
    if mark.touching and mark.touching.fate in ("open", "resumed"):
        return False
    return not mark.after or mark.after.isspace() or (category(mark.after)[0] == "P" and mark.after not in _OPENING)


def _is_spare(mark: QuotationMark, following: Sequence[QuotationMark], open_count: int) -> bool:
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


def _is_prime(mark: QuotationMark, inside: bool, following: Sequence[QuotationMark], depth: int) -> bool:
    """Return whether a mark is a sign for feet or inches: 6'2", 12" wide."""
    if mark.sign not in _PRIMES or not mark.before.isdigit():
        return False
    if not inside:
        if mark.family == "double" and _FEET.search(mark.text, max(0, mark.index - 12), mark.index):
            return True
        return depth == 0 or _is_spare(mark, following, depth)
    return mark.family == "double" or mark.after.isdigit()


def _recognise_word_sign(
    mark: QuotationMark, following: Sequence[QuotationMark], stack: list[QuotationMark]
) -> Fate | None:
    """Recognise an apostrophe, foot or inch sign, or Hebrew gershayim; return None if it may be a quotation mark."""
    depth = sum(open_mark.family == mark.family for open_mark in stack)
    inside = _is_word_char(mark.before) and _is_word_char(mark.after)
    if _is_prime(mark, inside, following, depth):
        return "prime"
    if mark.sign == '"' and _HEBREW.match(mark.before) and _HEBREW.match(mark.after):
        return "kept"
    if mark.sign not in _APOSTROPHES:
        return None
    if inside or (mark.touching and mark.touching.fate == "close" and _is_word_char(mark.after)):
        return "apostrophe"
    if _AND.match(mark.text, mark.index) or (mark.index >= 2 and _AND.match(mark.text, mark.index - 2)):
        return "apostrophe"
    if not _is_word_char(mark.before) and ELIDED.match(mark.text, mark.index):
        return "apostrophe"
    if (
        depth
        and _POSSESSIVE.search(mark.text, max(0, mark.index - 3), mark.index)
        and _is_spare(mark, following, depth)
    ):
        return "apostrophe"
    return None


def _direction(mark: QuotationMark, open_sign: str) -> Literal["open", "close"]:
    """Decide whether a mark opens or closes. `open_sign` opened the innermost quotation of its family, or is ""."""
    sign = mark.sign
    opens = _opens(mark)
    closes = _closes(mark)
    if sign in _ALWAYS_OPEN:
        is_opening = True
    elif sign in _ALWAYS_CLOSE:
        is_opening = False
    elif sign in "«‹":  # »German and Danish books turn them round«
        is_opening = open_sign not in ("»", "›")
    elif sign in "»›":
        is_opening = opens and open_sign not in ("«", "‹")
    elif sign in "“‘‟‛":  # „a German closes with the English opening mark“
        is_opening = opens or not (open_sign and closes)
    elif sign in "”’":  # ”a Swede opens with the English closing mark”
        is_opening = opens and not open_sign
    elif opens != closes:
        is_opening = opens
    else:
        is_opening = not open_sign
    return "open" if is_opening else "close"


def _set_fate(
    mark: QuotationMark, following: Sequence[QuotationMark], stack: list[QuotationMark], counts: Counter[str]
) -> None:
    """Set the fate of one mark, and update the stack of open quotations and its counts by family."""
    fate = _recognise_word_sign(mark, following, stack)
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
        while True:  # weaker marks inside that were never closed were apostrophes
            opened = stack.pop()
            counts[opened.family] -= 1
            if opened.family == mark.family:
                break
            opened.fate = "stray"
        mark.fate = "close"
        mark.partner = opened
        opened.partner = mark


def _match_resumed(marks: list[QuotationMark], stack: list[QuotationMark], resuming: bool) -> int:
    """Match a paragraph's first marks with the quotations still open, which they repeat; return how many do.

    An open single mark is carried over to the next paragraph only if it is repeated there after a double one, as alone
    it is far more often an apostrophe.
    """
    count = 0
    for opened, mark in zip(stack, marks, strict=False):
        is_at_start = not mark.text[: mark.index].strip(" \u00a0\u202f\u200e\u200f" + "".join(_FAMILY))
        if not resuming or not is_at_start or opened.family != mark.family:
            break
        if opened.family == "single" and count == 0:
            break
        mark.fate = "resumed"
        count += 1
    for opened in stack[count:]:
        if opened.family == "single":
            opened.fate = "stray"
    stack[:] = stack[:count] + [opened for opened in stack[count:] if opened.family != "single"]
    return count


def _pair_marks(texts: Sequence[str], resuming: bool) -> list[list[QuotationMark]]:
    """Pair the marks; with `resuming`, the first marks of a paragraph repeat those still open."""
    marks_by_text = [_scan(text) for text in texts]
    stack: list[QuotationMark] = []
    for marks in marks_by_text:
        start = _match_resumed(marks, stack, resuming)
        if start == len(marks):
            continue
        counts = Counter(opened.family for opened in stack)
        for number, mark in enumerate(marks[start:], start + 1):
            _set_fate(mark, marks[number : number + 64], stack, counts)
    for opened in stack:
        opened.fate = "stray"
    return marks_by_text


def _count_strays(marks_by_text: list[list[QuotationMark]]) -> int:
    """Return how many marks have no partner, without single ones, which are apostrophes then."""
    return sum(mark.fate == "stray" and mark.family != "single" for marks in marks_by_text for mark in marks)


def parse(texts: Sequence[str]) -> list[list[QuotationMark]]:
    """Find and pair the marks of a quotation's paragraphs.

    The first mark of a paragraph may repeat an open one or open a new quotation. Of these two interpretations, the one
    with fewer unpaired marks is chosen.
    """
    resumed = _pair_marks(texts, resuming=True)
    if not _count_strays(resumed):
        return resumed
    separate = _pair_marks(texts, resuming=False)
    return separate if _count_strays(separate) < _count_strays(resumed) else resumed


def is_mark(char: str) -> bool:
    """Return whether a character can be a quotation mark."""
    return char in _FAMILY
