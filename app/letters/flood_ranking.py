"""Rank held letters by their similarity, so that the letters of a flood come after those of readers."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from ..search.terms import STEM_LENGTH, cut, units
from ..text.languages import function_words, script_of

MIN_CROWD = 3  # letters that share a word, from which on the word is common; also the smallest crowd
COMMON_WORD_SHARE = 0.01  # of the compared letters: where there are many, a common word is in at least this share
CROWDED_SHARE = 0.5  # share of common words in a letter that makes it part of a crowd
ALONE = 1  # the lowest rank
HIGHEST = 1_000  # rank of a letter outside crowds; crowds come after it, the larger the later
NOISE_PENALTY = 500  # ranks that a letter without function words loses, and one that has only common words
LINK_PENALTY = 250  # ranks that a letter with a link loses
SENTENCE_WORDS = 6  # words below which the share of function words says nothing
TYPICAL_FUNCTION_WORD_SHARE = 0.12  # of a sentence
NOISE_FUNCTION_WORD_SHARE = 0.06  # below which a text is noise
COMPARED_CHARACTERS = 2_000  # of each letter
_LINK = re.compile(r"(?i)https?:|www\.|\b[\w-]{2,}\.(?:com|net|org|info|biz|top|xyz|shop|online|site|ru|cn|io|me|ly)\b")


@dataclass(frozen=True)
class Standing:
    """The rank of a held letter: the lower `rank`, the sooner it is read.

    `crowd` is the index of the first letter of its crowd, None for a letter unlike all others.
    """

    rank: int
    crowd: int | None = None


def standings(texts: Sequence[str]) -> list[Standing]:
    """Return the rank of each of several held letters among them."""
    word_sets = [_content(text[:COMPARED_CHARACTERS]) for text in texts]
    letter_counts = Counter(word for words in word_sets for word in words)
    min_common_count = max(MIN_CROWD, COMMON_WORD_SHARE * len(texts))
    crowds: dict[str, list[int]] = defaultdict(list)  # indexes of letters by their most common word, "" for noise
    found: list[Standing] = []
    for index, (text, words) in enumerate(zip(texts, word_sets, strict=True)):
        common_count = sum(letter_counts[word] >= min_common_count for word in words)
        common_share = common_count / len(words) if words else 0.0
        function_share = function_word_share(text)
        lack = 1 - min(function_share / TYPICAL_FUNCTION_WORD_SHARE, 1)
        rank = ALONE + round((common_share + lack) * NOISE_PENALTY)
        if _LINK.search(text[:COMPARED_CHARACTERS]):
            rank += LINK_PENALTY
        found.append(Standing(min(rank, HIGHEST)))
        if common_share >= CROWDED_SHARE:
            most_common = max(words, key=lambda word: (letter_counts[word], word))
            crowds[most_common].append(index)
        elif function_share < NOISE_FUNCTION_WORD_SHARE:
            crowds[""].append(index)
    for members in crowds.values():
        if len(members) >= MIN_CROWD:
            for index in members:
                found[index] = Standing(HIGHEST + len(members), members[0])
    return found


def _content(text: str) -> set[str]:
    """Return the stems of a text's words without function words."""
    return {term[:STEM_LENGTH] for term in cut(text)} - _function_word_stems()


def function_word_share(text: str) -> float:
    """Return the share of function words of any language in the beginning of a text.

    For a text that is too short, or in a script without a list of function words, return the share of a typical
    sentence.
    """
    text = text[:COMPARED_CHARACTERS]
    terms = [unit.term for unit in units(text) if not unit.is_sign]
    if len(terms) < SENTENCE_WORDS or script_of(text) not in _scripts():
        return TYPICAL_FUNCTION_WORD_SHARE
    function_words = _all_function_words()
    return sum(term in function_words for term in terms) / len(terms)


@cache
def _all_function_words() -> frozenset[str]:
    return frozenset(unit.term for words in function_words().values() for unit in units(" ".join(words)))


@cache
def _function_word_stems() -> frozenset[str]:
    return frozenset(term[:STEM_LENGTH] for term in _all_function_words())


@cache
def _scripts() -> frozenset[str]:
    return frozenset(script_of(" ".join(words)) for words in function_words().values())
