"""Reasons why two texts were put side by side: never a percentage, but what a person can check at a glance."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import ceil, log10
from typing import Protocol

from ..text.languages import function_words
from .scoring import Counts
from .terms import Unit, is_of_signs, stems, units

WORDS = 4  # that are named
RARE = 2.0  # a word that tells less is not named: one in ten texts, or a short one where few have been read
LONE, LETTERS = 3.0, 4  # what a word has to tell, and its letters, that is the only one
SAME = 0.7  # of the letters of a word, from its beginning, are the same in another form of it
MANY = 100  # texts from which on some share a word or two by chance


class Comparable(Protocol):
    """Facts that both a probe and a document state of themselves."""

    @property
    def text(self) -> str: ...
    @property
    def edition_id(self) -> int | None: ...
    @property
    def topics(self) -> tuple[str, ...] | list[str]: ...


@dataclass(frozen=True)
class Reason:
    """`code` is 'words' (rare ones that both have, as they are written in the probe), 'edition', 'topic' (their names)
    or 'meaning' (the semantic matcher's, which can't say more)."""

    code: str
    values: tuple[str, ...] = ()


def find_reasons(probe: Comparable, candidate: Comparable, counts: Counts, matcher: str) -> tuple[Reason, ...]:
    found = []
    if words := find_shared_words(probe.text, candidate.text, counts):
        found.append(Reason("words", words))
    elif matcher != "words":
        found.append(Reason("meaning"))
    if not found:  # the same edition or topic alone makes nothing alike
        return ()
    if probe.edition_id is not None and probe.edition_id == candidate.edition_id:
        found.append(Reason("edition"))
    if topics := tuple(topic for topic in probe.topics if topic in candidate.topics):
        found.append(Reason("topic", topics))
    return tuple(found)


def share_the_rarest(text: str, other_text: str, counts: Counts) -> bool:
    """Return whether what is rarest in each of two texts stands in the other too: as many words, from the rarest on, as
    chance would not bring together among so many texts.

    Formulas, and all that askers say alike, are shared by hundreds; what a question is about is what is rare in it.
    """
    needed = 1 + round(log10(counts.size)) if counts.size >= MANY else 0
    return all(_has_rarest_terms(*pair, counts, needed) for pair in ((text, other_text), (other_text, text)))


def _has_rarest_terms(text: str, other_text: str, counts: Counts, required_count: int) -> bool:
    there = counts.words(other_text).asked
    terms = [term for term in counts.words(text).asked if term not in _function_words()]
    signs = any(map(is_of_signs, terms))  # come in pairs that overlap, so that a word is two of them at least
    rarest = sorted(terms, key=lambda term: counts.docs.get(term, 0))[: required_count * (1 + signs)]
    return all(any(_is_inflection(term, one) for one in there) for term in rarest)


def _is_inflection(term: str, other_term: str) -> bool:
    """Return whether two are the same but for their endings: a name shares more with its like than a stem."""
    shared = ceil(SAME * max(len(term), len(other_term)))
    return term[:shared] == other_term[:shared]


def find_shared_words(text: str, other_text: str, counts: Counts) -> tuple[str, ...]:
    """The rarest words that stand in both, in the order and spelling of `text`; neighbours as one, such as "overseas
    police stations"."""
    there = counts.words(other_text).stored
    runs = sorted(_find_shared_runs(text, there, counts), key=lambda run: -run[2])[:WORDS]
    if len(runs) == 1 and not _tells_alone(text, *runs[0]):
        return ()
    named: dict[str, str] = {}
    for start, end, _ in sorted(runs):  # a headline's "Years" and its question's "years" are one word
        named.setdefault(text[start:end].casefold(), text[start:end])
    return tuple(named.values())


def _tells_alone(text: str, start: int, end: int, weight: float) -> bool:
    run = text[start:end]
    return weight >= LONE and (len(run) >= LETTERS or is_of_signs(run))


def _find_shared_runs(text: str, other_terms: set[str], counts: Counts) -> Iterator[tuple[int, int, float]]:
    """Stretches of shared words with their start, end and weight. Signs count in pairs: one alone says little."""
    found: list[tuple[int, int, float]] = []
    before: Unit | None = None
    for unit in counts.words(text).units:
        if unit.is_sign:
            pair = before.term + unit.term if before and before.is_sign and before.end == unit.start else ""
            if pair in other_terms and counts.idf(pair) >= RARE and before:
                found.append((before.start, unit.end, counts.idf(pair)))
        elif _is_shared_term(unit.term, other_terms) and counts.idf(unit.term) >= RARE:
            found.append((unit.start, unit.end, counts.idf(unit.term)))
        before = unit
    joined: list[tuple[int, int, float]] = []
    for start, end, weight in found:
        if joined and (start < joined[-1][1] or text[joined[-1][1] : start] in (" ", "-")):
            joined[-1] = (joined[-1][0], end, joined[-1][2] + weight)
        else:
            joined.append((start, end, weight))
    yield from joined


def _is_shared_term(term: str, other_terms: set[str]) -> bool:
    return term not in _function_words() and (term in other_terms or any(stem in other_terms for stem in stems([term])))


@cache
def _function_words() -> frozenset[str]:
    """Return the words that say nothing of what a text is about, in the form in which they are looked for."""
    return frozenset(unit.term for words in function_words().values() for unit in units(" ".join(words)))
