"""Forms of names for sorting, finding and comparing: without case and accents, Cyrillic in Latin letters.

None of them is printed. A name has many spellings, so a shared form is a hint for a person, never proof that two
experts are one.
"""

import re
import unicodedata
from difflib import SequenceMatcher
from functools import cache, lru_cache

from babel import Locale, UnknownLocaleError

from ..text.word_tables import word_tables

LONGEST = 200  # characters, like the column of a name

_WORD = re.compile(r"\w+")
_REPEATED_LETTER = re.compile(r"([^\W\d_])\1+")  # "ss" in "Hussein"
MIN_SIMILARITY = 0.8  # of SequenceMatcher's ratio: one letter in five may differ


@cache
def _to_latin() -> dict[int, str]:
    table = word_tables(__file__, "name_forms")
    rows = (*table["cyrillic"].items(), *table["latin"].items())
    return {ord(letter): latin for latin, letters in rows for letter in letters}


@lru_cache(maxsize=4_096)  # a file names the same places and topics again and again
def fold(text: str) -> str:
    """Return a text for sorting and finding: "Гульнара Есенова" and "GULNARA ESENOVA" become "gulnara esenova"."""
    text = text.casefold()
    if not text.isascii():  # remove the accents
        text = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    latin = text.translate(_to_latin())
    return " ".join(_WORD.findall(latin.replace("'", "").replace("’", "").replace("_", " ")))


def phonetic_key(name: str) -> str:
    """Return the sounds of a name, the longest word first, so that possible duplicates are neighbours in this order."""
    words = [_phonetic_form(word) for word in fold(name).split()]
    return " ".join(sorted(words, key=lambda word: (-len(word), word)))[:LONGEST]


def _phonetic_form(name_part: str) -> str:
    if name_part.startswith("x"):
        name_part = "h" + name_part[1:]
    for spelling, sound in word_tables(__file__, "name_forms")["sounds"]:
        name_part = name_part.replace(spelling, sound)
    return _REPEATED_LETTER.sub(r"\1", name_part)


def is_like(key: str, other_key: str) -> bool:
    """Return whether two names, as `phonetic_key` returns them, have the same longest word and similar others.

    "L." is similar to "Leyla".
    """
    longest, *other_words = key.split()
    longest_of_other, *other_words_of_other = other_key.split()
    if longest != longest_of_other or not other_words or not other_words_of_other:
        return False
    return all(any(_may_match(word, candidate) for candidate in other_words_of_other) for word in other_words)


def _may_match(name_part: str, other_part: str) -> bool:
    shorter, longer = sorted((name_part, other_part), key=len)
    return longer.startswith(shorter) or SequenceMatcher(None, name_part, other_part).ratio() >= MIN_SIMILARITY


@lru_cache(maxsize=512)
def language_words(code: str) -> str:
    """Return the words by which a language is found: its code and its English name."""
    try:
        name = Locale.parse(code.replace("-", "_")).get_display_name("en") or ""
    except (UnknownLocaleError, ValueError):
        name = ""
    return fold(f"{code} {name}")
