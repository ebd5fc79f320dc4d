"""Score the similarity of two texts from 0 to 1, the same for both databases, whatever proposed the candidate.

Half of it is BM25 over words and stems, as a share of what the question would score against itself: rare words count,
common ones don't. The other half is the cosine of character n-grams (3 to 5 letters), weighted like their words: it
tolerates endings, compounds and typos. Signs of scripts without spaces have no n-grams, so only the first half counts
for them. docs/adr/0008-matching.md lists what else was tried.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import log, sqrt

from .terms import Cut, Unit, is_of_signs, stems, units

K1, B = 1.2, 0.75  # as in FTS5's bm25()
PARTS = 0.5  # the share of the cosine
COMMON = 10  # a term in at least every tenth text is ignored
FEW = 50  # documents up to which no term is common
SIGNS = 2.2  # scores of scripts without spaces are lower by this factor; with it, one cutoff fits all scripts
IMAGINED = 50  # documents
SHORT = {1: 0.3, 2: 0.3, 3: 0.2, 4: 0.05}  # expected share of texts, by the length of the word
GRAMS = (3, 4, 5)
ROUNDED = 1e-9  # more than the rounding error of two ways of adding up the same
COMPARED = 200  # terms of a text; a long letter asks its question near the beginning


@dataclass(frozen=True)
class Counts:
    """Counts over a newsletter's documents: how many there are, their average length, and how many have a term."""

    size: int
    length: float
    docs: Mapping[str, int]
    # Caches for one comparison only: nothing derived from texts may outlive them.
    _known: dict[str, float] = field(default_factory=dict, repr=False, compare=False)
    _parts: dict[str, tuple[list[str], float]] = field(default_factory=dict, repr=False, compare=False)
    _words: "dict[str, Words]" = field(default_factory=dict, repr=False, compare=False)

    def words(self, text: str) -> "Words":
        """Return a text cut into terms. Each text is cut only once, however often it is compared."""
        if (known := self._words.get(text)) is None:
            self._words[text] = known = Words(text)
        return known

    def take_in(self, texts: "Iterable[Words]") -> None:
        """Remember texts that have been cut already."""
        self._words.update((words.text, words) for words in texts)

    def idf(self, term: str) -> float:
        """Return the inverse document frequency of a term.

        A new desk has too few texts to know common words. Fifty imagined texts are added, in which short words are
        common, as in every alphabet; with a thousand real texts they have no more effect.
        """
        if (known := self._known.get(term)) is not None:
            return known
        there = self.docs.get(term, 0) + IMAGINED * _expected_share(term)
        size = max(self.size + IMAGINED, there)
        self._known[term] = weight = log(1 + (size - there + 0.5) / (there + 0.5))
        return weight

    def parts(self, term: str) -> tuple[list[str], float]:
        """Return the n-grams of a word, and the weight of each of them."""
        if (known := self._parts.get(term)) is None:
            found = grams(term)
            self._parts[term] = known = found, self.idf(term) / sqrt(len(found))
        return known

    def is_common(self, term: str) -> bool:
        return self.size > FEW and self.docs.get(term, 0) * COMMON >= self.size


def _expected_share(term: str) -> float:
    """Return the share of texts in which a word of this length may be. Signs come in pairs, which are telling."""
    if is_of_signs(term):
        return 0.2 if len(term) == 1 else 0.01
    return SHORT.get(len(term), 0.01)


class Words:
    """The terms of a text: `asked`, by which it is compared (words, pairs of signs), and `stored`.

    `compared` are those asked with their stems, and `units` its words and signs in order. Both are computed only for
    the text with which others are compared.
    """

    def __init__(self, text: str) -> None:
        cut = Cut(text)
        self.text = text
        self.asked = cut.asked[:COMPARED]
        terms = set(cut.terms)
        self.stored = terms.union(stems(terms))

    @cached_property
    def compared(self) -> list[str]:
        return self.asked + list(dict.fromkeys(stems(self.asked)))

    @cached_property
    def units(self) -> Sequence[Unit]:
        return units(self.text)


def grams(term: str, sizes: Iterable[int] = GRAMS) -> list[str]:
    framed = f"_{term}_"
    return [framed[at : at + size] for size in sizes for at in range(len(framed) - size + 1)]


class Weighed:
    """A text with its weights, ready to be compared. The cached properties are needed only for a question."""

    def __init__(self, text_terms: Words, counts: Counts) -> None:
        self.words, self.terms, self.counts = text_terms, text_terms.stored, counts
        self.parts = parts = dict[str, float]()
        for word in text_terms.asked:
            found, weight = counts.parts(word)
            for gram in found:
                parts[gram] = parts.get(gram, 0.0) + weight
        self.size = sqrt(sum([weight * weight for weight in parts.values()]))
        self._met: dict[str, tuple[float, float]] = {}

    @cached_property
    def asked(self) -> list[str]:
        return [term for term in self.words.compared if not self.counts.is_common(term)]

    @cached_property
    def is_of_signs(self) -> bool:
        return sum(map(is_of_signs, self.words.asked)) * 2 > len(self.words.asked)

    @cached_property
    def against_itself(self) -> float:
        return _bm25(self.asked, self.terms, self.counts)

    @cached_property
    def _shortest(self) -> set[str]:
        return {gram for gram in self.parts if len(gram) == GRAMS[0]}

    def met(self, term: str) -> tuple[float, float]:
        """Return what a word of another text adds to the dot product, and to the square of the other's norm."""
        if (known := self._met.get(term)) is None:
            # Words that share a longer n-gram share its beginning too.
            is_far = self._shortest.isdisjoint(grams(term, GRAMS[:1]))
            self._met[term] = known = (0.0 if is_far else self._shared_weight(term), self.counts.idf(term) ** 2)
        return known

    def _shared_weight(self, term: str) -> float:
        found, weight = self.counts.parts(term)
        return weight * sum([self.parts[gram] for gram in found if gram in self.parts])


def alikeness(question: Weighed, candidate: Weighed, counts: Counts) -> float:
    """Return how similar `candidate` is to what `question` asks, from 0 to 1."""
    return _combine_scores(question, candidate.terms, counts, lambda: _cosine(question, candidate))


def at_most(question: Weighed, candidate: Words, counts: Counts) -> float:
    """Return an upper bound of `alikeness` for a fraction of the work, to skip distant candidates.

    N-grams that two words of `candidate` share are counted as two, which makes its norm smaller than it is.
    """

    def cosine() -> float:
        both = [question.met(word) for word in candidate.asked]
        met = sum([met for met, _square in both])
        return met / (question.size * sqrt(sum([square for _met, square in both]))) if met else 0.0

    return _combine_scores(question, candidate.stored, counts, cosine) + ROUNDED


def _combine_scores(question: Weighed, candidate_terms: set[str], counts: Counts, cosine: Callable[[], float]) -> float:
    whole = question.against_itself
    words = _bm25(question.asked, candidate_terms, counts) / whole if whole else 0.0
    if question.is_of_signs:
        return min(1.0, SIGNS * words)
    return (1 - PARTS) * min(1.0, words) + PARTS * min(1.0, cosine())


def _bm25(terms: Iterable[str], candidate_terms: set[str], counts: Counts) -> float:
    """Return the BM25 score. Each term counts once, since repeating it doesn't make a better question."""
    longer = len(candidate_terms) / counts.length if counts.length else 1.0
    return (
        sum([counts.idf(term) for term in terms if term in candidate_terms])
        * (K1 + 1)
        / (1 + K1 * (1 - B + B * longer))
    )


def _cosine(question: Weighed, candidate: Weighed) -> float:
    if not question.size or not candidate.size:
        return 0.0
    few, many = sorted((question.parts, candidate.parts), key=len)
    return sum([weight * many[gram] for gram, weight in few.items() if gram in many]) / (question.size * candidate.size)
