"""Finds the colleagues whom a note calls, by "@Nora" or "@Nora Lind"."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..text.clean import single_line

# Not inside an address or a word: "nora@desk.example" calls nobody.
_AT = re.compile(r"(?<![\w@.])@(?=\w)")


@dataclass(frozen=True)
class Mention:
    """A stretch of a note, from `start` up to but without `end`, and the keys of whoever it calls."""

    start: int
    end: int
    people: frozenset[int]


def mentions(body: str, people: Mapping[int, str]) -> list[Mention]:
    """Find who is called; `people` are the names at the desk by key. The longest name that fits counts.

    A first name that two people share calls both: a mail too many does less harm than one too few.
    """
    keys: dict[str, set[int]] = {}
    for key, name in people.items():
        whole = single_line(name)
        for known in {whole, whole.partition(" ")[0]} - {""}:
            keys.setdefault(known, set()).add(key)
    longest_first = sorted(keys, key=len, reverse=True)
    found = []
    for at in _AT.finditer(body):
        rest = body[at.end() : at.end() + 200]
        fits = next((one for one in longest_first if _begins(rest, one)), None)
        if fits is not None:
            found.append(Mention(at.start(), at.end() + len(fits), frozenset(keys[fits])))
    return found


def _begins(text: str, name: str) -> bool:
    """Return whether a text begins with this name and not with a longer word."""
    return text[: len(name)].casefold() == name.casefold() and not re.match(r"\w", text[len(name) :])


def pieces(body: str, mentions: list[Mention]) -> list[tuple[str, bool]]:
    """Cut a note at its mentions, for a page to draw; joining the pieces gives the note back."""
    cut: list[tuple[str, bool]] = []
    at = 0
    for mention in mentions:
        cut += [(body[at : mention.start], False), (body[mention.start : mention.end], True)]
        at = mention.end
    cut.append((body[at:], False))
    return [piece for piece in cut if piece[0]]
