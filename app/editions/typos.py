"""Deciding whether a change of a published text is a mere typo, which needs no correction.

A typo is a few punctuation marks, or a letter within a word: missing, too many, wrong, or swapped with the next.
"""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import takewhile
from typing import Literal, NamedTuple
from unicodedata import category, normalize

from ..text.clean import SIGN, SPACELESS
from ..text.word_tables import word_tables

MAX_CHANGED_CHARACTERS = 5  # inserted and deleted characters, in the whole Q&A
MAX_GAP_LENGTH = 50  # characters between two words; more are not compared
MAX_MISSPELT_WORDS = 3  # in the whole Q&A
MIN_MISSPELT_LETTERS = 4  # of a word; in a shorter one a letter makes another word
NEARBY_PARTS = 3  # on each side of a change, which are searched for a negation

# Characters that may change between words: full stops, commas, colons, dashes and ellipses of any script, and spaces.
_SIGNS = r".,;:…–—\-·،؛۔、。，．；：।\u00a0\u2009\u202f "
_PART = re.compile(rf"\n+|[^\n{_SIGNS}]+")
_SPACELESS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_SPACELESS_LETTER = re.compile(f"{SIGN}|{SPACELESS}")
_ADDRESS_SIGN = re.compile(r"[./:@#\\]")
_LETTERS_AT_END, _LETTERS_AT_START = re.compile(r"[^\W\d_]+\Z"), re.compile(r"[^\W\d_]+")


class _Part(NamedTuple):
    """A span of text that may not change, such as a word."""

    text: str
    start: int
    end: int


class _Change(NamedTuple):
    """A change in the gap between two parts. `next_index` is the index of the part after the gap."""

    next_index: int
    old_gap: str
    new_gap: str


TypoKind = Literal["none", "signs", "letters", "more"]


def find_typos(old_text: str, new_text: str) -> TypoKind:
    """Return how two texts differ: not at all, in a few signs, also in letters within a few words, or in more.

    A change near a negation is more.
    """
    if old_text == new_text:
        return "none"
    old_parts = list(_split_parts(old_text))
    new_parts = list(_split_parts(new_text))
    if len(old_parts) != len(new_parts):
        return "more"
    pairs = [(old.text, new.text) for old, new in zip(old_parts, new_parts, strict=True) if old.text != new.text]
    if len(pairs) > MAX_MISSPELT_WORDS or not all(_is_misspelling(old, new) for old, new in pairs):
        return "more"
    changes = list(_find_changes(old_text, new_text, old_parts, new_parts))
    if sum(_count_changed_characters(change.old_gap, change.new_gap) for change in changes) > MAX_CHANGED_CHARACTERS:
        return "more"
    for change in changes:
        first = max(0, change.next_index - NEARBY_PARTS)
        nearby_parts = old_parts[first : change.next_index + NEARBY_PARTS]
        if any(_can_reverse_meaning(part.text) for part in nearby_parts):
            return "more"
    return "letters" if pairs else "signs"


def _is_misspelling(old_part: str, new_part: str) -> bool:
    """Return whether one letter of a word changes, or two neighbours are swapped.

    The first letter stays, as prefixes such as "un" and "не" reverse the meaning, and so do longer syllables within a
    word in Turkic languages. Capitals stay, as they make names.
    """
    old, new = normalize("NFC", old_part), normalize("NFC", new_part)
    if _ADDRESS_SIGN.search(old + new) or _can_reverse_meaning(old) or _can_reverse_meaning(new):
        return False
    if old.casefold() == new.casefold():
        return False
    start = _count_common(old, new)
    end = _count_common(old[start:][::-1], new[start:][::-1])
    old_letters, new_letters = old[start : len(old) - end], new[start : len(new) - end]
    is_swapped = len(old_letters) == 2 and old_letters == new_letters[::-1]
    if not is_swapped and max(len(old_letters), len(new_letters)) > 1:
        return False
    for text, letters in ((old, old_letters), (new, new_letters)):
        before = _LETTERS_AT_END.search(text[:start])
        after = _LETTERS_AT_START.match(text[start + len(letters) :])
        word = (before[0] if before else "") + letters + (after[0] if after else "")
        if not before or not all(map(_is_spelling_letter, word)) or len(word) < MIN_MISSPELT_LETTERS:
            return False
    return old_letters == old_letters.lower() and new_letters == new_letters.lower()


def _count_common(text: str, other: str) -> int:
    """Count the characters with which both texts begin."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(text, other, strict=False)))


def _is_spelling_letter(char: str) -> bool:
    """Return whether a character is a letter or an accent of a script that spells words with spaces between them."""
    return category(char)[0] in "LM" and not _SPACELESS_LETTER.match(char)


def _count_changed_characters(old_gap: str, new_gap: str) -> int:
    """Count the inserted and deleted characters. A gap that is too long to compare counts as too many."""
    if abs(len(old_gap) - len(new_gap)) > MAX_CHANGED_CHARACTERS or len(old_gap) > MAX_GAP_LENGTH:
        return MAX_CHANGED_CHARACTERS + 1
    codes = SequenceMatcher(None, old_gap, new_gap, autojunk=False).get_opcodes()
    return sum(
        (old_end - old_start) + (new_end - new_start)
        for tag, old_start, old_end, new_start, new_end in codes
        if tag != "equal"
    )


def _split_parts(text: str) -> Iterator[_Part]:
    """Yield the parts of a text, without the punctuation between them. A sign inside a word or number belongs to it."""
    start = end = -1
    for match in _PART.finditer(text):
        if start >= 0 and _joins_spans(text, end, match.start()):
            end = match.end()
            continue
        if start >= 0:
            yield _Part(text[start:end], start, end)
        start, end = match.span()
        has_sign = start > 0 and text[start - 1] in ".,-–—" and (start == 1 or text[start - 2] == " ")
        if has_sign and text[start].isdecimal():
            start -= 1  # "-5" and ".5" are different numbers than 5
    if start >= 0:
        yield _Part(text[start:end], start, end)


def _joins_spans(text: str, end: int, start: int) -> bool:
    """Return whether the text from `end` of one span to `start` of the next is a sign inside a word, URL or number.

    Scripts without spaces have no such signs.
    """
    between, before, after = text[end:start], text[end - 1], text[start]
    if len(between) != 1 or between.isspace() or "\n" in (before, after):
        return False
    if _SPACELESS.match(before) or _SPACELESS.match(after):
        return False
    if between in "-–—·" or before.isdecimal() or after.isdecimal():
        return True
    is_sentence_end = between == "." and after.isupper()  # "end.Next" lacks a space, "example.org" doesn't
    return not is_sentence_end


def _find_changes(old_text: str, new_text: str, old_parts: list[_Part], new_parts: list[_Part]) -> Iterator[_Change]:
    """Yield the changes in the gaps between parts."""
    old_parts = [*old_parts, _Part("", len(old_text), len(old_text))]
    new_parts = [*new_parts, _Part("", len(new_text), len(new_text))]
    old_end = new_end = 0  # of the previous part
    for index, (old_part, new_part) in enumerate(zip(old_parts, new_parts, strict=True)):
        old_gap = old_text[old_end : old_part.start]
        new_gap = new_text[new_end : new_part.start]
        if old_gap != new_gap:
            yield _Change(index, old_gap, new_gap)
        old_end = old_part.end
        new_end = new_part.end


def _can_reverse_meaning(token: str) -> bool:
    """Return whether a word can reverse the meaning of a sentence, as negations do."""
    table = word_tables(__file__, "negations")
    word = token.strip("\"'“”‘’«»()[]*_!?¿¡").casefold()
    if word in table["words"].split() or word.endswith(("n't", "n’t")):
        return True
    return any(negation in token for negation in table["inside"].split())
