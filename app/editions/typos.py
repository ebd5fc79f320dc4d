"""Deciding whether a change of a published text is a mere typo in its punctuation, which needs no correction."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import NamedTuple

from ..text.word_tables import word_tables

MAX_CHANGED_CHARACTERS = 5  # inserted and deleted characters, in the whole Q&A
MAX_GAP_LENGTH = 50  # characters between two words; more are not compared
NEARBY_PARTS = 3  # on each side of a change, which are searched for a negation

# Characters that may change between words: full stops, commas, colons, dashes and ellipses of any script, and spaces.
_SIGNS = r".,;:…–—\-·،؛۔、。，．；：।\u00a0\u2009\u202f "
_PART = re.compile(rf"\n+|[^\n{_SIGNS}]+")
_SPACELESS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


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


def typo_only(old_text: str, new_text: str) -> bool:
    """Return whether two texts are equal apart from a few punctuation marks, none of them near a negation."""
    if old_text == new_text:
        return True
    old_parts = list(_split_parts(old_text))
    new_parts = list(_split_parts(new_text))
    if [part.text for part in old_parts] != [part.text for part in new_parts]:
        return False
    changes = list(_find_changes(old_text, new_text, old_parts, new_parts))
    if sum(_count_changed_characters(change.old_gap, change.new_gap) for change in changes) > MAX_CHANGED_CHARACTERS:
        return False
    for change in changes:
        first = max(0, change.next_index - NEARBY_PARTS)
        nearby_parts = old_parts[first : change.next_index + NEARBY_PARTS]
        if any(_can_reverse_meaning(part.text) for part in nearby_parts):
            return False
    return True


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
