"""Rank held letters by their similarity, so that the letters of a flood come after those of readers."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from ..search.terms import STEM_LENGTH, cut, units
from ..text.languages import function_words, load_models, script_of, scripts_with_function_words

LOWEST_RANK = 1
HIGHEST_SINGLE_RANK = 1_000  # of a letter outside crowds; a crowd has this rank plus the number of its letters
MIN_CROWD = 3  # letters of the smallest crowd, and the least number of letters in which a common word occurs
COMMON_WORD_SHARE = 0.01  # the share of all letters in which a common word occurs, if that is more than `MIN_CROWD`
CROWDED_SHARE = 0.5  # the share of common words among a letter's words that puts it into a crowd
NOISE_PENALTY = 500  # ranks that a letter loses if all its words are common, and again if it has no function words
LINK_PENALTY = 250  # ranks that a letter with a link loses
SENTENCE_WORDS = 6  # words below which the share of function words says nothing
TYPICAL_FUNCTION_WORD_SHARE = 0.12  # of the words of a sentence
NOISE_FUNCTION_WORD_SHARE = 0.06  # below this share, a text is noise
COMPARED_CHARACTERS = 2_000  # of each letter
# A label of a domain has at most 63 characters. Without a limit, a text of hyphens would take the square of its length.
_LINK = re.compile(
    r"(?i)https?:|www\.|\b[\w-]{2,63}\.(?:com|net|org|info|biz|top|xyz|shop|online|site|ru|cn|io|me|ly)\b"
)


class LetterRank(NamedTuple):
    """The rank of a letter among others: the lower `rank`, the sooner it is read.

    `crowd` is the index of the first letter of its crowd, or None for a letter outside crowds.
    """

    rank: int
    crowd: int | None = None


def rank_letters(texts: Sequence[str]) -> list[LetterRank]:
    """Return the ranks of several letters, given by their texts, in the same order."""
    texts = [text[:COMPARED_CHARACTERS] for text in texts]
    word_sets = [content_stems(text) for text in texts]
    letter_counts = Counter(word for words in word_sets for word in words)
    min_common_count = max(MIN_CROWD, COMMON_WORD_SHARE * len(texts))
    crowds: dict[str, list[int]] = defaultdict(list)  # indexes of letters by their most common word, "" for noise
    ranks: list[LetterRank] = []
    for index, (text, words) in enumerate(zip(texts, word_sets, strict=True)):
        common_count = sum(letter_counts[word] >= min_common_count for word in words)
        common_share = common_count / len(words) if words else 0.0
        function_share = function_word_share(text)
        ranks.append(LetterRank(_rank_single_letter(text, common_share, function_share)))
        if common_share >= CROWDED_SHARE:
            most_common = max(words, key=lambda word: (letter_counts[word], word))
            crowds[most_common].append(index)
        elif function_share < NOISE_FUNCTION_WORD_SHARE:
            crowds[""].append(index)
    for members in crowds.values():
        if len(members) >= MIN_CROWD:
            crowd_rank = LetterRank(HIGHEST_SINGLE_RANK + len(members), members[0])
            for index in members:
                ranks[index] = crowd_rank
    return ranks


def _rank_single_letter(text: str, common_share: float, function_share: float) -> int:
    """Return the rank of a letter outside crowds, from the shares of common words and function words in it."""
    missing_function_words = 1 - min(function_share / TYPICAL_FUNCTION_WORD_SHARE, 1)
    rank = LOWEST_RANK + round((common_share + missing_function_words) * NOISE_PENALTY)
    if _LINK.search(text):
        rank += LINK_PENALTY
    return min(rank, HIGHEST_SINGLE_RANK)


def function_word_share(text: str) -> float:
    """Return the share of function words of any language among the words at the beginning of a text.

    If the text is too short, or in a script without a list of function words, return the share of a typical sentence.
    """
    text = text[:COMPARED_CHARACTERS]
    terms = [unit.term for unit in units(text) if not unit.is_sign]
    if len(terms) < SENTENCE_WORDS or script_of(text) not in scripts_with_function_words():
        return TYPICAL_FUNCTION_WORD_SHARE
    function_words = _all_function_words()
    return sum(term in function_words for term in terms) / len(terms)


def content_stems(text: str) -> set[str]:
    """Return the stems of a text's words without function words."""
    return {term[:STEM_LENGTH] for term in cut(text)} - _function_word_stems()


def load_tables() -> None:
    """Load what texts are judged by, some tenths of a second's work, once for a process.

    If the first letter since a start did it, its sender, or anybody who sends the next one, would learn that nobody, or
    somebody, has written since.
    """
    load_models()
    for load in (_all_function_words, _function_word_stems):
        load()


@cache
def _all_function_words() -> frozenset[str]:
    return frozenset(unit.term for words in function_words().values() for unit in units(" ".join(words)))


@cache
def _function_word_stems() -> frozenset[str]:
    return frozenset(term[:STEM_LENGTH] for term in _all_function_words())
