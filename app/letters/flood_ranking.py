"""Rank held letters by how alike they are, so that a flood stands behind the letters of readers."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from ..search.terms import STEM, cut, units
from ..text.languages import function_words, script_of

MIN_CROWD = 3  # letters with one word in common, from which on it may be a flood's
COMMON_WORD_SHARE = 0.01  # of all letters that are looked at, with one word in common, where there are many of them
CROWDED_SHARE = 0.5  # of the words of a letter that are common: it is one of a crowd
ALONE, HIGHEST = 1, 1_000  # the places of what stands alone; a crowd stands behind them, a larger one further behind
NOISE_PENALTY, LINK_PENALTY = (
    500,
    250,
)  # places that a letter without small words stands further down, and one with a link
SENTENCE_WORDS = 6  # words of a text that are looked through for small ones
TYPICAL_FUNCTION_WORD_SHARE, NOISE_FUNCTION_WORD_SHARE = (
    0.12,
    0.06,
)  # of the words of a text that are small: what a sentence has, and what nobody writes
COMPARED_CHARACTERS = 2_000  # characters of a letter
_LINK = re.compile(r"(?i)https?:|www\.|\b[\w-]{2,}\.(?:com|net|org|info|biz|top|xyz|shop|online|site|ru|cn|io|me|ly)\b")


@dataclass(frozen=True)
class Standing:
    """The place of a letter among those that are held, the lower the sooner it is read; `crowd` is the index of the
    first letter of those that are like it, None where it stands alone."""

    place: int
    crowd: int | None = None


def standings(texts: Sequence[str]) -> list[Standing]:
    """Return where each of several held letters stands among them."""
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
    """Return the words that say what a text is about, without their endings."""
    return {term[:STEM] for term in cut(text)} - _function_word_stems()


def function_word_share(text: str) -> float:
    """Return the share of small words of any language in a text, of which the beginning is looked at; where that would
    tell nothing, it is that of a sentence."""
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
