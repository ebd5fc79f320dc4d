"""Normalised names for sorting, searching and comparing: without case and accents, and in Latin letters.

They are never printed. Since a name has many spellings, two experts with the same form may be one person, which
somebody has to check.
"""

import re
import unicodedata
from difflib import SequenceMatcher
from functools import cache, lru_cache

from babel import Locale, UnknownLocaleError

from ..text.word_tables import word_tables

LONGEST = 200  # characters, like the column of a name
MIN_SIMILARITY = 0.8  # SequenceMatcher's ratio: about one letter in five may differ
_WORD = re.compile(r"\w+")
_REPEATED_LETTER = re.compile(r"([^\W\d_])\1+")  # "ss" in "Hussein"


@cache
def _latin_letters() -> dict[int, str]:
    """Return a table for `str.translate` from other letters to Latin ones."""
    table = word_tables(__file__, "name_forms")
    rows = (*table["cyrillic"].items(), *table["latin"].items())
    return {ord(letter): latin for latin, letters in rows for letter in letters}


@lru_cache(maxsize=4_096)  # an imported file repeats the same places and topics
def fold(text: str) -> str:
    """Return a text for sorting and searching: "Гульнара Есенова" and "GULNARA ESENOVA" become "gulnara esenova"."""
    text = text.casefold()
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text)
        text = "".join(char for char in decomposed if not unicodedata.combining(char))  # drop the accents
    latin = text.translate(_latin_letters())
    without_apostrophes = latin.replace("'", "").replace("’", "")
    return " ".join(_WORD.findall(without_apostrophes.replace("_", " ")))


def phonetic_key(name: str) -> str:
    """Return the sound of each word of a name, the longest first. In a list sorted by this key, duplicates meet."""
    words = [_word_sound(word) for word in fold(name).split()]
    return " ".join(sorted(words, key=lambda word: (-len(word), word)))[:LONGEST]


def _word_sound(word: str) -> str:
    if word.startswith("x"):  # as in "Xojayev"
        word = "h" + word[1:]
    for spelling, sound in word_tables(__file__, "name_forms")["sounds"]:
        word = word.replace(spelling, sound)
    return _REPEATED_LETTER.sub(r"\1", word)


def is_like(key: str, other_key: str) -> bool:
    """Return whether two results of `phonetic_key` have the same longest word, and similar other words.

    Each other word of `key` must be similar to one of `other_key`, such as "l" to "leyla". Return False if either name
    has only one word.
    """
    longest, *words = key.split()
    other_longest, *other_words = other_key.split()
    if longest != other_longest or not words or not other_words:
        return False
    return all(any(_is_similar(word, other) for other in other_words) for word in words)


def _is_similar(word: str, other_word: str) -> bool:
    shorter, longer = sorted((word, other_word), key=len)
    return longer.startswith(shorter) or SequenceMatcher(None, word, other_word).ratio() >= MIN_SIMILARITY


@lru_cache(maxsize=512)
def language_words(code: str) -> str:
    """Return the words with which a language can be searched for: its code and its English name."""
    try:
        name = Locale.parse(code.replace("-", "_")).get_display_name("en") or ""
    except (UnknownLocaleError, ValueError):
        name = ""
    return fold(f"{code} {name}")
