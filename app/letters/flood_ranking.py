"""Rank held letters by their similarity, so that the letters of a flood come after those of readers."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from ..search.terms import STEM, cut, units
from ..text.languages import function_words, script_of

MIN_CROWD = 3  # letters that share a word, from which on the word is common; also the smallest crowd
COMMON_WORD_SHARE = 0.01  # the same as a share of the compared letters, where there are many
CROWDED_SHARE = 0.5  # share of common words in a letter that makes it part of a crowd
ALONE, HIGHEST = 1, 1_000  # ranks of letters outside crowds; crowds come after them, the larger the later
NOISE_PENALTY, LINK_PENALTY = (500, 250)  # ranks that a letter without function words loses, and one with a link
SENTENCE_WORDS = 6  # words below which the share of function words says nothing
TYPICAL_FUNCTION_WORD_SHARE, NOISE_FUNCTION_WORD_SHARE = (
    0.12,
    0.06,
)  # share of function words in a typical sentence, and the share below which a text is noise
COMPARED_CHARACTERS = 2_000  # of each letter
_LINK = re.compile(r"(?i)https?:|www\.|\b[\w-]{2,}\.(?:com|net|org|info|biz|top|xyz|shop|online|site|ru|cn|io|me|ly)\b")


@dataclass(frozen=True)
class Standing:
    """The rank of a held letter: the lower `place`, the sooner it is read.

    `crowd` is the index of the first letter of its crowd, None for a letter unlike all others.
    """

    place: int
    crowd: int | None = None


def standings(texts: Sequence[str]) -> list[Standing]:
    """Return the rank of each of several held letters among them."""
    words = [_content(text[:COMPARED_CHARACTERS]) for text in texts]
    common = Counter(word for some in words for word in some)
    least = max(MIN_CROWD, COMMON_WORD_SHARE * len(texts))
    crowds: dict[str, list[int]] = defaultdict(list)
    places = []
    for at, (text, some) in enumerate(zip(texts, words, strict=True)):
        share = sum(common[word] >= least for word in some) / (len(some) or 1)
        small = function_word_share(text)
        lack = 1 - min(small / TYPICAL_FUNCTION_WORD_SHARE, 1)
        place = (
            ALONE
            + round((share + lack) * NOISE_PENALTY)
            + bool(_LINK.search(text[:COMPARED_CHARACTERS])) * LINK_PENALTY
        )
        places.append(min(place, HIGHEST))
        if share >= CROWDED_SHARE:
            crowds[max(some, key=lambda word: (common[word], word))].append(at)
        elif small < NOISE_FUNCTION_WORD_SHARE:
            crowds[""].append(at)
    found = [Standing(place) for place in places]
    for many in crowds.values():
        if len(many) >= MIN_CROWD:
            for at in many:
                found[at] = Standing(HIGHEST + len(many), many[0])
    return found


def _content(text: str) -> set[str]:
    """Return the stems of a text's words without function words."""
    return {term[:STEM] for term in cut(text)} - _function_word_stems()


def function_word_share(text: str) -> float:
    """Return the share of function words of any language in the beginning of a text.

    For a text that is too short, or in a script without a list of function words, return the share of a typical
    sentence.
    """
    text = text[:COMPARED_CHARACTERS]
    terms = [unit.term for unit in units(text) if not unit.is_sign]
    if len(terms) < SENTENCE_WORDS or script_of(text) not in _scripts():
        return TYPICAL_FUNCTION_WORD_SHARE
    small = _all_function_words()
    return sum(term in small for term in terms) / len(terms)


@cache
def _all_function_words() -> frozenset[str]:
    return frozenset(unit.term for words in function_words().values() for unit in units(" ".join(words)))


@cache
def _function_word_stems() -> frozenset[str]:
    return frozenset(term[:STEM] for term in _all_function_words())


@cache
def _scripts() -> frozenset[str]:
    return frozenset(script_of(" ".join(words)) for words in function_words().values())
