"""Score the similarity of two texts from 0 to 1, in the same way for both databases.

Half of the score is BM25 over words and stems, divided by the score of the question against itself: rare words count,
common ones don't. The other half is the cosine of character n-grams (3 to 5 letters), weighted like their words. It
tolerates endings, compounds and typos. Questions in scripts without spaces are scored by BM25 alone, since n-grams
don't suit them. docs/adr/0008-matching.md lists other methods that were tried.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import log, sqrt

from .terms import Cut, Unit, is_of_signs, stems, units

K1 = 1.2  # BM25's parameters, as in FTS5's bm25()
B = 0.75
COSINE_SHARE = 0.5  # the cosine's share of the score; the rest is BM25
COMMON_TERM_RATIO = 10  # a term that one in ten documents has is common: it isn't looked up, and BM25 ignores it
SMALL_COLLECTION = 50  # documents; in a collection of up to so many, no term is common
SIGN_SCORE_FACTOR = 2.2  # raises the lower scores of scripts without spaces, so that one cutoff fits all scripts
IMAGINED_TEXTS = 50  # added to every collection, see `Counts.idf`
EXPECTED_SHARES = {1: 0.3, 2: 0.3, 3: 0.2, 4: 0.05}  # the share of texts that have a word, by its number of letters
GRAM_SIZES = (3, 4, 5)  # letters
ROUNDING_ERROR = 1e-9  # how much a sum can differ if it is added up in another order
MAX_SEARCH_TERMS = 200  # only the first terms are used: a long letter asks its question near the beginning


@dataclass(frozen=True)
class Counts:
    """The number of a newsletter's documents (`size`), and for each term the number of documents with it (`docs`).

    `average_length` is the average number of distinct terms in a document.
    """

    size: int
    average_length: float
    docs: Mapping[str, int]
    # Caches for one comparison only: nothing derived from texts may outlive them.
    _idf_cache: dict[str, float] = field(default_factory=dict, repr=False, compare=False)
    _gram_cache: dict[str, tuple[list[str], float]] = field(default_factory=dict, repr=False, compare=False)
    _cut_cache: "dict[str, TextTerms]" = field(default_factory=dict, repr=False, compare=False)

    def cut_text(self, text: str) -> "TextTerms":
        """Return the terms of a text. It is cut only once, however often it is compared."""
        if (cached := self._cut_cache.get(text)) is None:
            self._cut_cache[text] = cached = TextTerms(text)
        return cached

    def add_cut_texts(self, cut_texts: "Iterable[TextTerms]") -> None:
        """Cache texts that have been cut already."""
        self._cut_cache.update((cut_text.text, cut_text) for cut_text in cut_texts)

    def idf(self, term: str) -> float:
        """Return the inverse document frequency of a term.

        A new desk has too few texts to tell which words are common. So `IMAGINED_TEXTS` are added, in which short words
        are common, as in every alphabet. Among a thousand real texts they hardly make a difference.
        """
        if (cached := self._idf_cache.get(term)) is not None:
            return cached
        docs = self.docs.get(term, 0) + IMAGINED_TEXTS * _expected_share(term)
        size = max(self.size + IMAGINED_TEXTS, docs)
        self._idf_cache[term] = weight = log(1 + (size - docs + 0.5) / (docs + 0.5))
        return weight

    def weigh_grams(self, term: str) -> tuple[list[str], float]:
        """Return the n-grams of a word, and the weight of each of them."""
        if (cached := self._gram_cache.get(term)) is None:
            term_grams = grams(term)
            self._gram_cache[term] = cached = term_grams, self.idf(term) / sqrt(len(term_grams))
        return cached

    def is_common(self, term: str) -> bool:
        return self.size > SMALL_COLLECTION and self.docs.get(term, 0) * COMMON_TERM_RATIO >= self.size


def _expected_share(term: str) -> float:
    """Return the share of texts that are expected to have a word of this length.

    A single sign is common. A pair of signs is as rare as a long word.
    """
    long_word_share = 0.01
    if is_of_signs(term):
        return 0.2 if len(term) == 1 else long_word_share
    return EXPECTED_SHARES.get(len(term), long_word_share)


class TextTerms:
    """The terms of a text.

    - `search_terms`: the terms by which similar texts are searched: words and pairs of signs.
    - `index_terms`: the terms under which the text itself is found, and their stems.
    - `search_terms_and_stems`, and `units` (words and signs in order): computed only for the probe.
    """

    def __init__(self, text: str) -> None:
        cut = Cut(text)
        self.text = text
        self.search_terms = cut.search_terms[:MAX_SEARCH_TERMS]
        terms = set(cut.terms)
        self.index_terms = terms.union(stems(terms))

    @cached_property
    def search_terms_and_stems(self) -> list[str]:
        return self.search_terms + list(dict.fromkeys(stems(self.search_terms)))

    @cached_property
    def units(self) -> Sequence[Unit]:
        return units(self.text)


def grams(term: str, sizes: Iterable[int] = GRAM_SIZES) -> list[str]:
    """Return the character n-grams of a term. An underscore marks its beginning and end."""
    marked = f"_{term}_"
    return [marked[start : start + size] for size in sizes for start in range(len(marked) - size + 1)]


class WeightedText:
    """A text with the weights of its n-grams. The cached properties are only used for the question of a comparison."""

    def __init__(self, text_terms: TextTerms, counts: Counts) -> None:
        self.text_terms = text_terms
        self.counts = counts
        self.gram_weights = gram_weights = dict[str, float]()  # n-gram: the sum of its weights in all words
        for term in text_terms.search_terms:
            term_grams, weight = counts.weigh_grams(term)
            for gram in term_grams:
                gram_weights[gram] = gram_weights.get(gram, 0.0) + weight
        self.norm = sqrt(sum([weight * weight for weight in gram_weights.values()]))
        self._match_weights: dict[str, tuple[float, float]] = {}

    @cached_property
    def search_terms(self) -> list[str]:
        """The search terms and stems that aren't common."""
        return [term for term in self.text_terms.search_terms_and_stems if not self.counts.is_common(term)]

    @cached_property
    def is_of_signs(self) -> bool:
        """Return whether most of the text is in a script without spaces."""
        terms = self.text_terms.search_terms
        return sum(map(is_of_signs, terms)) * 2 > len(terms)

    @cached_property
    def self_score(self) -> float:
        """The BM25 score of the text against itself. Only a shorter text with the same terms scores higher."""
        return _bm25(self.search_terms, self.text_terms.index_terms, self.counts)

    @cached_property
    def _shortest_grams(self) -> set[str]:
        return {gram for gram in self.gram_weights if len(gram) == GRAM_SIZES[0]}

    def get_match_weights(self, term: str) -> tuple[float, float]:
        """Return by how much a term of another text raises the dot product, and the square of the other text's norm."""
        if (cached := self._match_weights.get(term)) is None:
            # Check the shortest n-grams first: words that share a longer n-gram also share a shortest one.
            has_shared_grams = not self._shortest_grams.isdisjoint(grams(term, GRAM_SIZES[:1]))
            shared_weight = self._shared_weight(term) if has_shared_grams else 0.0
            self._match_weights[term] = cached = (shared_weight, self.counts.idf(term) ** 2)
        return cached

    def _shared_weight(self, term: str) -> float:
        term_grams, weight = self.counts.weigh_grams(term)
        return weight * sum([self.gram_weights[gram] for gram in term_grams if gram in self.gram_weights])


def similarity(question: WeightedText, candidate: WeightedText, counts: Counts) -> float:
    """Return the similarity of `candidate` to `question`, from 0 to 1."""
    return _combine_scores(question, candidate.text_terms.index_terms, counts, lambda: _cosine(question, candidate))


def max_similarity(question: WeightedText, candidate: TextTerms, counts: Counts) -> float:
    """Return an upper bound of `similarity` for a fraction of the work, to skip dissimilar candidates.

    The bound exceeds the similarity if words of `candidate` have n-grams in common: `similarity` adds the weights of
    such an n-gram before it squares them, and this function doesn't, so the norm of `candidate` is too small here.
    """

    def cosine() -> float:
        weights = [question.get_match_weights(term) for term in candidate.search_terms]
        dot_product = sum([shared_weight for shared_weight, _square in weights])
        if not dot_product:
            return 0.0
        return dot_product / (question.norm * sqrt(sum([square for _shared_weight, square in weights])))

    return _combine_scores(question, candidate.index_terms, counts, cosine) + ROUNDING_ERROR


def _combine_scores(
    question: WeightedText, candidate_terms: set[str], counts: Counts, cosine: Callable[[], float]
) -> float:
    """Return the weighted mean of BM25 and the cosine, or BM25 alone for a question in a script without spaces."""
    bm25_share = 0.0
    if question.self_score:
        bm25_share = _bm25(question.search_terms, candidate_terms, counts) / question.self_score
    if question.is_of_signs:
        return min(1.0, SIGN_SCORE_FACTOR * bm25_share)
    return (1 - COSINE_SHARE) * min(1.0, bm25_share) + COSINE_SHARE * min(1.0, cosine())


def _bm25(terms: Iterable[str], candidate_terms: set[str], counts: Counts) -> float:
    """Return the BM25 score. Each term counts once: a text that repeats a term isn't more similar."""
    relative_length = len(candidate_terms) / counts.average_length if counts.average_length else 1.0
    idf_sum = sum([counts.idf(term) for term in terms if term in candidate_terms])
    return idf_sum * (K1 + 1) / (1 + K1 * (1 - B + B * relative_length))


def _cosine(question: WeightedText, candidate: WeightedText) -> float:
    if not question.norm or not candidate.norm:
        return 0.0
    smaller, larger = sorted((question.gram_weights, candidate.gram_weights), key=len)
    dot_product = sum([weight * larger[gram] for gram, weight in smaller.items() if gram in larger])
    return dot_product / (question.norm * candidate.norm)
