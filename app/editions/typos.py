"""Tell whether a change of a published text only touches punctuation, and so needs no correction."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import NamedTuple

from ..text.word_tables import word_tables

MAX_CHANGED_CHARACTERS = 5  # inserted and deleted characters, in the whole Q&A
MAX_GAP = 50  # characters between two words that are compared
WORDS_BESIDE = 3  # words on each side of a change that are checked

# What may change between words: full stops, commas, colons, dashes and ellipses of any script, and spaces.
_SIGNS = r".,;:…–—\-·،؛۔、。，．；：।\u00a0\u2009\u202f "
_PART = re.compile(rf"\n+|[^\n{_SIGNS}]+")
_SPACELESS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


class _Part(NamedTuple):
    """A span of text that may not change."""

    text: str
    start: int
    end: int


def typo_only(old_text: str, new_text: str) -> bool:
    """Return whether two texts are equal apart from a few punctuation marks, none of them beside a negation."""
    if old_text == new_text:
        return True
    old, new = list(_parts(old_text)), list(_parts(new_text))
    if [part.text for part in old] != [part.text for part in new]:
        return False
    changed = list(_find_changes(old_text, new_text, old, new))
    if (
        sum(_count_changed_characters(old_gap, new_gap) for _index, old_gap, new_gap in changed)
        > MAX_CHANGED_CHARACTERS
    ):
        return False
    for index, _old_gap, _new_gap in changed:
        nearby = old[max(0, index - WORDS_BESIDE) : index + WORDS_BESIDE]
        if any(_can_reverse_meaning(part.text) for part in nearby):
            return False
    return True


def _count_changed_characters(old_text: str, new_text: str) -> int:
    """Count the inserted and deleted characters of a change. A change that is too long to compare has too many."""
    if abs(len(old_text) - len(new_text)) > MAX_CHANGED_CHARACTERS or len(old_text) > MAX_GAP:
        return MAX_CHANGED_CHARACTERS + 1
    codes = SequenceMatcher(None, old_text, new_text, autojunk=False).get_opcodes()
    return sum(
        (old_end - old_start) + (new_end - new_start)
        for tag, old_start, old_end, new_start, new_end in codes
        if tag != "equal"
    )


def _parts(text: str) -> Iterator[_Part]:
    """Yield spans without punctuation that may change. A mark that belongs to a word or a number is part of it."""
    start = end = -1
    for found in _PART.finditer(text):
        if start >= 0 and _belongs(text, end, found.start()):
            end = found.end()
            continue
        if start >= 0:
            yield _Part(text[start:end], start, end)
        start, end = found.span()
        if start and text[start - 1] in ".,-–—" and text[start].isdecimal() and (start < 2 or text[start - 2] == " "):
            start -= 1  # "-5" and ".5" are different numbers than 5
    if start >= 0:
        yield _Part(text[start:end], start, end)


def _belongs(text: str, end: int, start: int) -> bool:
    """Return whether the text between two spans joins them: a single mark without spaces in a word, URL or number.

    It never does in a script without spaces.
    """
    between, before, after = text[end:start], text[end - 1], text[start]
    if len(between) != 1 or between.isspace() or "\n" in (before, after):
        return False
    if _SPACELESS.match(before) or _SPACELESS.match(after):
        return False
    # "end.Next" lacks a space, and "example.org" does not.
    return between in "-–—·" or before.isdecimal() or after.isdecimal() or not (between == "." and after.isupper())


def _find_changes(
    old_text: str, new_text: str, old_parts: list[_Part], new_parts: list[_Part]
) -> Iterator[tuple[int, str, str]]:
    """Yield the changes in the gaps between parts: the index of the part after the gap, the old and the new gap."""
    old_parts = [*old_parts, _Part("", len(old_text), len(old_text))]
    new_parts = [*new_parts, _Part("", len(new_text), len(new_text))]
    old_end = new_end = 0  # of the previous part
    for index, (old_part, new_part) in enumerate(zip(old_parts, new_parts, strict=True)):
        old_gap = old_text[old_end : old_part.start]
        new_gap = new_text[new_end : new_part.start]
        if old_gap != new_gap:
            yield index, old_gap, new_gap
        old_end = old_part.end
        new_end = new_part.end


def _can_reverse_meaning(token: str) -> bool:
    """Return whether a word can reverse the meaning of a sentence, as negations do."""
    table = word_tables(__file__, "negations")
    bare = token.strip("\"'“”‘’«»()[]*_!?¿¡").casefold()
    return (
        bare in table["words"].split()
        or bare.endswith(("n't", "n’t"))
        or any(sign in token for sign in table["inside"].split())
    )
