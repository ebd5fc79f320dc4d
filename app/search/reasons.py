"""Reasons why two texts are suggested together: never a percentage, but something to check at a glance."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import ceil, log10
from typing import Protocol

from ..text.languages import function_words
from .scoring import Counts
from .terms import Unit, is_of_signs, stems, units

WORDS = 4  # words named in a reason
RARE = 2.0  # least idf of a word that is named: one in ten texts, or a short word in a small collection
LONE, LETTERS = 3.0, 4  # least idf and length of a word that is the only one
SAME = 0.7  # share of a word's letters, from its beginning, that another form of it has too
MANY = 100  # texts from which on some share a word or two by chance


class Comparable(Protocol):
    """The values that both a probe and a document have."""

    @property
    def text(self) -> str: ...
    @property
    def edition_id(self) -> int | None: ...
    @property
    def topics(self) -> tuple[str, ...] | list[str]: ...


@dataclass(frozen=True)
class Reason:
    """A reason with its `code`.

    It is 'words' (rare words of both, spelled as in the probe), 'edition', 'topic' (names of topics) or 'meaning' (from
    the semantic matcher, which can't tell more).
    """

    code: str
    values: tuple[str, ...] = ()


def find_reasons(probe: Comparable, candidate: Comparable, counts: Counts, matcher: str) -> tuple[Reason, ...]:
    found = []
    if words := find_shared_words(probe.text, candidate.text, counts):
        found.append(Reason("words", words))
    elif matcher != "words":
        found.append(Reason("meaning"))
    if not found:  # the same edition or topic alone is no reason
        return ()
    if probe.edition_id is not None and probe.edition_id == candidate.edition_id:
        found.append(Reason("edition"))
    if topics := tuple(topic for topic in probe.topics if topic in candidate.topics):
        found.append(Reason("topic", topics))
    return tuple(found)


def share_the_rarest(text: str, other_text: str, counts: Counts) -> bool:
    """Return whether the rarest words of each text are in the other too: more of them than chance would bring together.

    Set phrases, and what all askers say, are shared by hundreds of texts; what a question is about is what is rare in
    it.
    """
    needed = 1 + round(log10(counts.size)) if counts.size >= MANY else 0
    return all(_has_rarest_terms(*pair, counts, needed) for pair in ((text, other_text), (other_text, text)))


def _has_rarest_terms(text: str, other_text: str, counts: Counts, required_count: int) -> bool:
    there = counts.words(other_text).asked
    terms = [term for term in counts.words(text).asked if term not in _function_words()]
    signs = any(map(is_of_signs, terms))  # they come in overlapping pairs, so a word has at least two
    rarest = sorted(terms, key=lambda term: counts.docs.get(term, 0))[: required_count * (1 + signs)]
    return all(any(_is_inflection(term, one) for one in there) for term in rarest)


def _is_inflection(term: str, other_term: str) -> bool:
    """Return whether two terms are the same except for their endings: related names share more than a stem."""
    shared = ceil(SAME * max(len(term), len(other_term)))
    return term[:shared] == other_term[:shared]


def find_shared_words(text: str, other_text: str, counts: Counts) -> tuple[str, ...]:
    """Return the rarest words that both texts have, in the order and spelling of `text`.

    Neighbours are joined, as in "overseas police stations".
    """
    there = counts.words(other_text).stored
    runs = sorted(_find_shared_runs(text, there, counts), key=lambda run: -run[2])[:WORDS]
    if len(runs) == 1 and not _tells_alone(text, *runs[0]):
        return ()
    named: dict[str, str] = {}
    for start, end, _ in sorted(runs):  # "Years" in a headline and "years" in its question are one word
        named.setdefault(text[start:end].casefold(), text[start:end])
    return tuple(named.values())


def _tells_alone(text: str, start: int, end: int, weight: float) -> bool:
    run = text[start:end]
    return weight >= LONE and (len(run) >= LETTERS or is_of_signs(run))


def _find_shared_runs(text: str, other_terms: set[str], counts: Counts) -> Iterator[tuple[int, int, float]]:
    """Yield runs of shared words with start, end and weight. Signs count in pairs, since one alone says little."""
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
    """Return the folded words that say nothing about the topic of a text."""
    return frozenset(unit.term for words in function_words().values() for unit in units(" ".join(words)))
