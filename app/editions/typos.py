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
    if sum(_count_changed_characters(was, now) for _at, was, now in changed) > MAX_CHANGED_CHARACTERS:
        return False
    return not any(
        _can_reverse_meaning(part.text)
        for at, _was, _now in changed
        for part in old[max(0, at - WORDS_BESIDE) : at + WORDS_BESIDE]
    )


def _count_changed_characters(old_text: str, new_text: str) -> int:
    """Count the inserted and deleted characters of a change; more than allowed if it is too long to compare."""
    if abs(len(old_text) - len(new_text)) > MAX_CHANGED_CHARACTERS or len(old_text) > MAX_GAP:
        return MAX_CHANGED_CHARACTERS + 1
    codes = SequenceMatcher(None, old_text, new_text, autojunk=False).get_opcodes()
    return sum(end - start + (to - begin) for tag, start, end, begin, to in codes if tag != "equal")


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
    """Yield the changes between parts: the index of the part after it, the old text and the new text."""
    ends = _Part("", len(old_text), len(old_text)), _Part("", len(new_text), len(new_text))
    was = now = 0
    for at, (one, other) in enumerate(zip([*old_parts, ends[0]], [*new_parts, ends[1]], strict=True)):
        if old_text[was : one.start] != new_text[now : other.start]:
            yield at, old_text[was : one.start], new_text[now : other.start]
        was, now = one.end, other.end


def _can_reverse_meaning(token: str) -> bool:
    """Return whether a word can reverse the meaning of a sentence, as negations do."""
    table = word_tables(__file__, "negations")
    bare = token.strip("\"'“”‘’«»()[]*_!?¿¡").casefold()
    return (
        bare in table["words"].split()
        or bare.endswith(("n't", "n’t"))
        or any(sign in token for sign in table["inside"].split())
    )
