"""The reasons why two texts are suggested together: no percentage, but something that people can check at a glance."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from math import ceil, log10
from typing import NamedTuple, Protocol

from ..text.languages import function_words
from .scoring import Counts
from .terms import Unit, is_of_signs, stems, units

MAX_WORDS = 4  # words that a reason names
# The rarity of a word that is named: at most one in seven texts has it, and in a small collection it is no short word.
MIN_IDF = 2.0
MIN_IDF_ALONE = 3.0  # the rarity of a word that is named alone
MIN_LETTERS_ALONE = 4  # the length of a word that is named alone
SAME_BEGINNING = 0.7  # the share of a word's letters that its inflected forms begin with
LARGE_COLLECTION = 100  # documents; among so many, some share a word or two by chance


class Comparable(Protocol):
    """A probe or a document."""

    @property
    def text(self) -> str: ...
    @property
    def edition_id(self) -> int | None: ...
    @property
    def topics(self) -> tuple[str, ...] | list[str]: ...


@dataclass(frozen=True)
class Reason:
    """A reason with its `code` and `values`.

    The codes with values are 'words' (rare words of both texts, spelled as in the probe) and 'topic' (names of topics).
    The codes without are 'edition' (both texts are about the same edition) and 'meaning' (the semantic matcher finds
    them similar, but they share no rare words).
    """

    code: str
    values: tuple[str, ...] = ()


def find_reasons(probe: Comparable, candidate: Comparable, counts: Counts, matcher: str) -> tuple[Reason, ...]:
    """Return the reasons to suggest `candidate`, if any. The same edition or topic alone is no reason."""
    reasons = []
    if words := find_shared_words(probe.text, candidate.text, counts):
        reasons.append(Reason("words", words))
    elif matcher != "words":
        reasons.append(Reason("meaning"))
    else:
        return ()
    if probe.edition_id is not None and probe.edition_id == candidate.edition_id:
        reasons.append(Reason("edition"))
    if topics := tuple(topic for topic in probe.topics if topic in candidate.topics):
        reasons.append(Reason("topic", topics))
    return tuple(reasons)


def share_the_rarest(text: str, other_text: str, counts: Counts) -> bool:
    """Return whether each text has the rarest words of the other: more words than two texts share by chance.

    Rare words tell what a question is about; common phrases, which many askers use, don't. In a collection of fewer
    than `LARGE_COLLECTION` documents no words are required: the result is always True.
    """
    if counts.size < LARGE_COLLECTION:
        return True
    required_count = 1 + round(log10(counts.size))
    return _has_rarest_terms(text, other_text, counts, required_count) and _has_rarest_terms(
        other_text, text, counts, required_count
    )


def _has_rarest_terms(text: str, other_text: str, counts: Counts, required_count: int) -> bool:
    """Return whether `other_text` has the `required_count` rarest words of `text`, with any endings."""
    other_terms = counts.cut_text(other_text).search_terms
    terms = [term for term in counts.cut_text(text).search_terms if term not in _function_words()]
    if any(map(is_of_signs, terms)):
        required_count *= 2  # terms of signs are overlapping pairs, and a word has at least two of them
    rarest = sorted(terms, key=lambda term: counts.docs.get(term, 0))[:required_count]
    return all(any(_is_inflection(term, other) for other in other_terms) for term in rarest)


def _is_inflection(term: str, other_term: str) -> bool:
    """Return whether two terms only differ in their endings. The same stem is not enough: many names share one."""
    length = ceil(SAME_BEGINNING * max(len(term), len(other_term)))
    return term[:length] == other_term[:length]


def find_shared_words(text: str, other_text: str, counts: Counts) -> tuple[str, ...]:
    """Return the rarest words that both texts have, in the order and spelling of `text`.

    Neighbours are joined, as in "overseas police stations". Return nothing if there is one alone that says too little.
    """
    other_terms = counts.cut_text(other_text).index_terms
    spans = _join_neighbours(text, _find_shared_spans(text, other_terms, counts))
    rarest = sorted(spans, key=lambda span: -span.weight)[:MAX_WORDS]
    if len(rarest) == 1 and not _is_telling_alone(text, rarest[0]):
        return ()
    words: dict[str, str] = {}  # by folded spelling: "Years" in a headline and "years" in its question are one word
    for start, end, _ in sorted(rarest):
        words.setdefault(text[start:end].casefold(), text[start:end])
    return tuple(words.values())


class _Span(NamedTuple):
    """The place of one or more neighbouring words that another text has too. `weight` is the sum of their idf."""

    start: int
    end: int
    weight: float


def _is_telling_alone(text: str, span: _Span) -> bool:
    """Return whether a span is reason enough if the texts share no other."""
    words = text[span.start : span.end]
    return span.weight >= MIN_IDF_ALONE and (len(words) >= MIN_LETTERS_ALONE or is_of_signs(words))


def _find_shared_spans(text: str, other_terms: set[str], counts: Counts) -> Iterator[_Span]:
    """Yield the rare words and pairs of signs of a text that are in `other_terms`. A single sign says too little."""
    previous: Unit | None = None
    for unit in counts.cut_text(text).units:
        if not unit.is_sign:
            if _is_shared_term(unit.term, other_terms) and counts.idf(unit.term) >= MIN_IDF:
                yield _Span(unit.start, unit.end, counts.idf(unit.term))
        elif previous and previous.is_sign and previous.end == unit.start:
            pair = previous.term + unit.term
            if pair in other_terms and counts.idf(pair) >= MIN_IDF:
                yield _Span(previous.start, unit.end, counts.idf(pair))
        previous = unit


def _join_neighbours(text: str, spans: Iterable[_Span]) -> list[_Span]:
    """Join spans that overlap, or that only a space or a hyphen separates."""
    joined: list[_Span] = []
    for span in spans:
        last = joined[-1] if joined else None
        if last and (span.start < last.end or text[last.end : span.start] in (" ", "-")):
            joined[-1] = _Span(last.start, span.end, last.weight + span.weight)
        else:
            joined.append(span)
    return joined


def _is_shared_term(term: str, other_terms: set[str]) -> bool:
    return term not in _function_words() and (term in other_terms or any(stem in other_terms for stem in stems([term])))


@cache
def _function_words() -> frozenset[str]:
    """Return the function words of all languages, folded like the terms."""
    return frozenset(unit.term for words in function_words().values() for unit in units(" ".join(words)))
