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

# What a character turns out to be:
# - "open", "close": a quotation mark;
# - "redundant open", "redundant close": a quotation mark that is removed, as the house form adds its own;
# - "stray": a quotation mark without a partner;
# - "apostrophe";
# - "prime": a sign for feet or inches;
# - "kept": any other sign, which stays as it is.
Fate = Literal["open", "close", "redundant open", "redundant close", "stray", "apostrophe", "prime", "kept"]

# Only marks of the same family make a pair.
_FAMILIES = {"double": '"＂“”„‟«»〝〞〟', "single": "'＇‘’‚‛‹›", "corner": "「」｢｣", "white corner": "『』"}
_FAMILY_BY_SIGN = {sign: family for family, signs in _FAMILIES.items() for sign in signs}
_SIGNS = "".join(_FAMILY_BY_SIGN)
_MARK_SIGN = re.compile(f"[{_SIGNS}]")
_ALWAYS_OPEN, _ALWAYS_CLOSE = "„‚〝「｢『", "〞〟」｣』"
_APOSTROPHES = "'＇‘’‛"
_PRIMES = "'’\"”"
_OPENING_PUNCTUATION = "([{<（［｛＜〈《【〔⟨¿¡"
_DASHES = "-‐‑–—―/"
_WORD = re.compile(rf"(?!{HAN_OR_KANA}|{SPACELESS}|[\uac00-\ud7a3]){LETTER}")
# Limits that keep the time linear for hostile texts. Real quotations stay far below them.
MAX_DEPTH = 12  # quotations inside one another
MAX_FOLLOWING = 64  # marks after a mark that may decide its fate
_HEBREW = re.compile(r"[\u05d0-\u05ea]")
# 'tis, 'em, the '90s: an apostrophe at the beginning of a word. Words that could also be quoted ('cause', 'round') are
# not listed: without a closing mark they become apostrophes anyway.
ELIDED = re.compile(rf"['’‘](?:tis|twas|twere|twill|twould|tisn|twasn|em|til|n|s|t|\d\ds)(?!{LETTER})", re.IGNORECASE)
# rock 'n' roll
_ELIDED_AND = re.compile(r"['’‘]n['’‘]", re.IGNORECASE)
# The end of a word to which the genitive only adds an apostrophe: "readers'", "Jansens'".
_POSSESSIVE = re.compile(r"(?:[sxz]|[a-z]in)\Z", re.IGNORECASE)
MAX_POSSESSIVE_LENGTH = 3  # characters before the apostrophe that can match
# The feet before an inch sign: "6'2" in 6'2".
_FEET = re.compile(r"\d['’′][ \u00a0]?\d{1,2}(?:[.,½¼¾]\d*)?\Z")
MAX_FEET_LENGTH = 12  # characters before the inch sign that are searched


@dataclass(eq=False)
class QuotationMark:
    """A character that may be a quotation mark.

    - `text`, `index`: the paragraph, and the index of the character in it;
    - `before`: the visible character before it, "" at the beginning of the paragraph;
    - `after`: the next visible character after it that isn't such a mark, "" at the end;
    - `preceding_mark`: the mark directly before it, if there is one;
    - `partner`: the mark that closes or opens the same quotation.
    """

    text: str
    index: int
    before: str
    after: str
    preceding_mark: "QuotationMark | None"
    fate: Fate = "stray"
    partner: "QuotationMark | None" = None

    @property
    def sign(self) -> str:
        return self.text[self.index]

    @property
    def family(self) -> str:
        return _FAMILY_BY_SIGN[self.sign]


def _find_marks(text: str) -> list[QuotationMark]:
    """Find all characters that may be quotation marks.

    Their neighbours are the next visible characters: ZWNJ, RLM and the like are skipped. On the right, other marks are
    skipped too.
    """
    indexes = [match.start() for match in _MARK_SIGN.finditer(text)]
    after_by_index: dict[int, str] = {}
    for index in reversed(indexes):
        neighbour = _find_visible(text, range(index + 1, len(text)))
        if neighbour is None:
            after_by_index[index] = ""
        else:  # if the neighbour is a mark, take the character after that mark
            after_by_index[index] = after_by_index.get(neighbour, text[neighbour])
    marks: list[QuotationMark] = []
    for index in indexes:
        neighbour = _find_visible(text, range(index - 1, -1, -1))
        before = "" if neighbour is None else text[neighbour]
        preceding_mark = marks[-1] if marks and before == marks[-1].sign else None
        marks.append(QuotationMark(text, index, before, after_by_index[index], preceding_mark))
    return marks


def _find_visible(text: str, indexes: range) -> int | None:
    """Return the first of the indexes that has a visible character."""
    for index in indexes:
        if category(text[index]) != "Cf":  # format characters
            return index
    return None


def _is_word_char(char: str) -> bool:
    return bool(char and _WORD.match(char))


def _is_inside_word(mark: QuotationMark) -> bool:
    return _is_word_char(mark.before) and _is_word_char(mark.after)


def _could_open(mark: QuotationMark) -> bool:
    """Return whether a mark's neighbours let it open a quotation: no text on the left, text on the right."""
    if not mark.after or mark.after.isspace():
        return False
    if mark.preceding_mark:
        return mark.preceding_mark.fate in ("open", "redundant open")
    return not mark.before or mark.before.isspace() or mark.before in _OPENING_PUNCTUATION + _DASHES


def _could_close(mark: QuotationMark) -> bool:
    """Return whether a mark's neighbours let it close a quotation: text on the left, no text on the right."""
    if not mark.before or mark.before.isspace() or mark.before in _OPENING_PUNCTUATION:
        return False
    if mark.preceding_mark and mark.preceding_mark.fate in ("open", "redundant open"):
        return False
    return (
        not mark.after
        or mark.after.isspace()
        or (category(mark.after)[0] == "P" and mark.after not in _OPENING_PUNCTUATION)
    )


def _is_spare(mark: QuotationMark, following: Sequence[QuotationMark], open_count: int) -> bool:
    """Return whether the marks up to the next opening mark can close all `open_count` quotations without this mark."""
    for other in following:
        if other.family != mark.family or _is_inside_word(other):
            continue
        if not _could_close(other):
            return False
        open_count -= 1
        if open_count <= 0:
            return True
    return False


def _is_prime(mark: QuotationMark, following: Sequence[QuotationMark], open_count: int) -> bool:
    """Return whether a mark is a sign for feet or inches: 6'2", 12" wide."""
    if mark.sign not in _PRIMES or not mark.before.isdigit():
        return False
    if _is_inside_word(mark):
        return mark.family == "double" or mark.after.isdigit()
    if mark.family == "double" and _FEET.search(mark.text, max(0, mark.index - MAX_FEET_LENGTH), mark.index):
        return True
    return open_count == 0 or _is_spare(mark, following, open_count)


def _is_apostrophe(mark: QuotationMark, following: Sequence[QuotationMark], open_count: int) -> bool:
    """Return whether a mark is certainly an apostrophe: inside a word, in a known short form, or as a genitive."""
    if mark.sign not in _APOSTROPHES:
        return False
    is_after_close = mark.preceding_mark is not None and mark.preceding_mark.fate == "close"
    if _is_inside_word(mark) or (is_after_close and _is_word_char(mark.after)):
        return True
    if _ELIDED_AND.match(mark.text, mark.index) or (mark.index >= 2 and _ELIDED_AND.match(mark.text, mark.index - 2)):
        return True
    if not _is_word_char(mark.before) and ELIDED.match(mark.text, mark.index):
        return True
    if open_count == 0:
        return False
    is_possessive = _POSSESSIVE.search(mark.text, max(0, mark.index - MAX_POSSESSIVE_LENGTH), mark.index) is not None
    return is_possessive and _is_spare(mark, following, open_count)


def _recognise_word_sign(mark: QuotationMark, following: Sequence[QuotationMark], open_count: int) -> Fate | None:
    """Recognise an apostrophe, foot or inch sign, or Hebrew gershayim; return None if it may be a quotation mark.

    `open_count` is the number of open quotations of the mark's family.
    """
    if _is_prime(mark, following, open_count):
        return "prime"
    if mark.sign == '"' and _HEBREW.match(mark.before) and _HEBREW.match(mark.after):
        return "kept"
    if _is_apostrophe(mark, following, open_count):
        return "apostrophe"
    return None


def _decide_direction(mark: QuotationMark, open_sign: str) -> Literal["open", "close"]:
    """Decide whether a mark opens or closes a quotation.

    `open_sign` is the mark that opened the innermost quotation of its family, or "" if none is open.
    """
    sign = mark.sign
    could_open = _could_open(mark)
    could_close = _could_close(mark)
    if sign in _ALWAYS_OPEN:
        is_opening = True
    elif sign in _ALWAYS_CLOSE:
        is_opening = False
    elif sign in "«‹":  # »German and Danish books turn them round«
        is_opening = open_sign not in ("»", "›")
    elif sign in "»›":
        is_opening = could_open and open_sign not in ("«", "‹")
    elif sign in "“‘‟‛":  # „a German closes with the English opening mark“
        is_opening = could_open or not (open_sign and could_close)
    elif sign in "”’":  # ”a Swede opens with the English closing mark”
        is_opening = could_open and not open_sign
    elif could_open != could_close:
        is_opening = could_open
    else:
        is_opening = not open_sign
    return "open" if is_opening else "close"


def _set_fate(
    mark: QuotationMark, following: Sequence[QuotationMark], open_marks: list[QuotationMark], counts: Counter[str]
) -> None:
    """Set the fate of one mark, and update the stack of open marks and their counts by family."""
    open_count = counts[mark.family]
    fate = _recognise_word_sign(mark, following, open_count)
    if fate:
        mark.fate = fate
        return
    open_sign = ""
    if open_count:
        open_sign = next(open_mark.sign for open_mark in reversed(open_marks) if open_mark.family == mark.family)
    if _decide_direction(mark, open_sign) == "open":
        if len(open_marks) == MAX_DEPTH or (mark.sign in _APOSTROPHES and _is_word_char(mark.before)):
            mark.fate = "apostrophe"
            return
        mark.fate = "open"
        open_marks.append(mark)
        counts[mark.family] += 1
    elif open_count and (mark.family != "single" or open_marks[-1].family == "single"):
        while True:  # marks of other families that are still open inside this quotation are strays
            partner = open_marks.pop()
            counts[partner.family] -= 1
            if partner.family == mark.family:
                break
            partner.fate = "stray"
        mark.fate = "close"
        mark.partner = partner
        partner.partner = mark


def _match_repeated(marks: list[QuotationMark], open_marks: list[QuotationMark]) -> int:
    """Match a paragraph's first marks with the open marks that they repeat, and return the number of repeated marks.

    Single marks are only carried over to this paragraph if they are repeated here after a double one: alone, an open
    single mark is far more often an apostrophe.
    """
    repeated_count = 0
    for open_mark, mark in zip(open_marks, marks, strict=False):
        is_at_start = not mark.text[: mark.index].strip(" \u00a0\u202f\u200e\u200f" + _SIGNS)
        if not is_at_start or open_mark.family != mark.family:
            break
        if open_mark.family == "single" and repeated_count == 0:
            break
        mark.fate = "redundant open"
        repeated_count += 1
    return repeated_count


def _drop_single_marks(open_marks: list[QuotationMark], start: int) -> None:
    """Remove the single marks from `open_marks`, from index `start` on. They become strays."""
    remaining = []
    for open_mark in open_marks[start:]:
        if open_mark.family == "single":
            open_mark.fate = "stray"
        else:
            remaining.append(open_mark)
    open_marks[start:] = remaining


def _pair_marks(texts: Sequence[str], repeats_open: bool) -> list[list[QuotationMark]]:
    """Pair the marks. With `repeats_open`, the first marks of a paragraph may repeat those that are still open."""
    marks_by_text = [_find_marks(text) for text in texts]
    open_marks: list[QuotationMark] = []
    for marks in marks_by_text:
        start = _match_repeated(marks, open_marks) if repeats_open else 0
        _drop_single_marks(open_marks, start)
        counts = Counter(open_mark.family for open_mark in open_marks)
        for index in range(start, len(marks)):
            following = marks[index + 1 : index + 1 + MAX_FOLLOWING]
            _set_fate(marks[index], following, open_marks, counts)
    for open_mark in open_marks:
        open_mark.fate = "stray"
    return marks_by_text


def _count_strays(marks_by_text: list[list[QuotationMark]]) -> int:
    """Count the marks without a partner, except single ones: without a partner, these are apostrophes."""
    return sum(mark.fate == "stray" and mark.family != "single" for marks in marks_by_text for mark in marks)


def parse(texts: Sequence[str]) -> list[list[QuotationMark]]:
    """Find and pair the marks of a quotation's paragraphs.

    The first mark of a paragraph may repeat an open one or open a new quotation. Of these two interpretations, the one
    with fewer unpaired marks is chosen.
    """
    repeating = _pair_marks(texts, repeats_open=True)
    if not _count_strays(repeating):
        return repeating
    separate = _pair_marks(texts, repeats_open=False)
    return separate if _count_strays(separate) < _count_strays(repeating) else repeating


def is_mark(char: str) -> bool:
    """Return whether a character can be a quotation mark."""
    return char in _FAMILY_BY_SIGN
