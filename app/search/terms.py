"""Cut a text into terms for the index, in any script, and in the same way for both databases.

Words are folded (NFKC, case, diacritics of Latin, Greek and Cyrillic letters, the forms of Arabic letters). In scripts
without spaces, each sign and each pair of neighbouring signs is a term: the full-text search of the databases alone
would find next to nothing there.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..text.clean import LETTER, MARKS

STEM = "°"  # before a stem, which no word begins with
STEM_LENGTH = 5  # letters; a longer word is also found by its first letters, whatever its ending
MAX_TERM_LENGTH = 64  # letters
MIN_PART_LENGTH = 3  # letters of a part of a word that is indexed beside the word, as "eau" of "l'eau"
MAX_TERMS = 8_000  # terms of a text; PostgreSQL stores no position above 16,383

# Han, Kana (half width too) and Hangul signs; Thai, Lao, Burmese and Khmer letters with the marks that follow them.
_SIGN = (
    r"(?:[\u3005-\u3007\u3041-\u30ff\uff66-\uff9f\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff]"
    rf"|[\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff])[{MARKS}]*"
)
# Apostrophes, the middle dot, zero-width (non-)joiner, soft hyphen and word joiner inside a word.
_JOINER = r"['’ʼʻ‘`·\u200c\u200d\u00ad\u2060]"
# Letters and digits, joiners between them, and a point or comma between digits, none of them a sign.
_WORD = rf"(?:(?!{_SIGN}){LETTER})(?:(?!{_SIGN}){LETTER}|{_JOINER}+(?!{_SIGN})(?={LETTER})|(?<=\d)[.,](?=\d))*"
_UNIT_PATTERN = re.compile(rf"(?P<sign>{_SIGN})|{_WORD}")
_SIGN_PATTERN = re.compile(_SIGN)
# The same as `_WORD`, but faster, for a text without signs: "l’eau", "14.5", "Nora's".
_UNSIGNED_WORD_PATTERN = re.compile(rf"{LETTER}+(?:(?:{_JOINER}+(?={LETTER})|(?<=\d)[.,](?=\d)){LETTER}+)*")
_JOINER_PATTERN = re.compile(_JOINER)
# Vowel signs and the like. They are removed, since many people leave them out.
_ARABIC_MARKS = re.compile(r"[\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed]")
# Each group begins with the spelling to which the letters after it are folded.
_SPELLING_GROUPS = "ا أإآٱ  ي ىی  ك ک  ه ةۀہھ  е ё  i ı  l ł  o ø  d đð  ae æ  oe œ  th þ"
_FOLDED_LETTERS = str.maketrans(
    {
        letter: folded
        for group in _SPELLING_GROUPS.split("  ")
        for folded, letters in [group.split(" ")]
        for letter in letters
    }
)
_DIACRITICS = re.compile(rf"(?<=[a-zͰ-ϿЀ-ӿ])[{MARKS}]+")  # on Latin, Greek and Cyrillic letters
_NON_ASCII_DIGIT = re.compile(r"[^\D0-9]")


class Unit(NamedTuple):
    """A word, or a sign of a script without spaces, with its position in the text."""

    start: int
    end: int
    term: str
    is_sign: bool


def fold(text: str) -> str:
    """Return the form under which a word is indexed. Several words can be folded at once, separated by line ends."""
    if text.isascii():
        return text.lower()
    text = _ARABIC_MARKS.sub("", unicodedata.normalize("NFKC", text).casefold()).translate(_FOLDED_LETTERS)
    text = unicodedata.normalize("NFC", _DIACRITICS.sub("", unicodedata.normalize("NFD", text)))
    return _NON_ASCII_DIGIT.sub(lambda digit: str(unicodedata.decimal(digit[0])), text)


def units(text: str) -> list[Unit]:
    """Return the words and signs of a text in order."""
    pattern = _UNIT_PATTERN if _SIGN_PATTERN.search(text) else _UNSIGNED_WORD_PATTERN
    matches = list(pattern.finditer(text))
    terms = _fold_terms([match.group() for match in matches])
    return [
        Unit(match.start(), match.end(), term, match.lastgroup == "sign")
        for match, term in zip(matches, terms, strict=True)
        if term
    ]


def _fold_terms(raw_terms: Sequence[str]) -> list[str]:
    """Return the indexed form of each word or sign, which is "" if nothing is left of it.

    All are folded together, as one text with a line for each: this takes a third of the time.
    """
    if not raw_terms:
        return []
    folded = fold(_JOINER_PATTERN.sub("", "\n".join(raw_terms))).split("\n")
    if "".join(folded).isalnum() and max(map(len, folded)) <= MAX_TERM_LENGTH:  # most texts have nothing to strip
        return folded
    return [_strip_for_index(term) for term in folded]


def _strip_for_index(term: str) -> str:
    """Return the part of a folded word that is indexed: its first letters and digits, with their marks."""
    if not term.isalnum():
        term = "".join(char for char in term if char.isalnum() or unicodedata.category(char)[0] == "M")
    return term[:MAX_TERM_LENGTH]


def _split_at_joiners(raw_term: str, min_length: int = 1) -> list[str]:
    """Return the folded parts of a word around its apostrophes and non-joiners ("l'eau", "Nora's"), or nothing.

    Parts of fewer than `min_length` letters are left out.
    """
    if not _JOINER_PATTERN.search(raw_term):
        return []
    parts = _JOINER_PATTERN.split(raw_term)
    return [fold(part) for part in parts if len(part) >= max(min_length, 1)]


def list_parts(text: str, unit: Unit) -> list[str]:
    """Return the parts of a word that a text has with apostrophes or non-joiners in it, or an empty list."""
    return [] if unit.is_sign else _split_at_joiners(text[unit.start : unit.end])


def _are_adjacent_signs(left: Unit | None, right: Unit | None) -> bool:
    return left is not None and right is not None and left.is_sign and right.is_sign and left.end == right.start


def _cut_without_signs(text: str) -> list[str]:
    words = _UNSIGNED_WORD_PATTERN.findall(text)
    folded = _fold_terms(words)
    if not _JOINER_PATTERN.search(text):
        return list(filter(None, folded))
    terms: list[str] = []
    for word, term in zip(words, folded, strict=True):
        if term:
            terms.append(term)
            terms += _split_at_joiners(word, MIN_PART_LENGTH)
    return terms


def _cut_with_signs(text: str) -> tuple[list[str], list[str]]:
    """Return the terms and the search terms of a text that has signs, see `Cut`."""
    text_units = units(text)
    terms: list[str] = []
    search_terms: list[str] = []
    for previous, unit, following in zip([None, *text_units], text_units, [*text_units[1:], None], strict=False):
        if not unit.is_sign:
            parts = [unit.term, *_split_at_joiners(text[unit.start : unit.end], MIN_PART_LENGTH)]
            terms += parts
            search_terms += parts
            continue
        if previous is not None and _are_adjacent_signs(previous, unit):
            terms.append(previous.term + unit.term)
            search_terms.append(previous.term + unit.term)
        elif not _are_adjacent_signs(unit, following):
            search_terms.append(unit.term)
        terms.append(unit.term)
    return terms, search_terms


class Cut:
    """A text cut into terms.

    The text is found under its `terms`. They are in order, and each pair of signs is between its signs: 中国人 has 中,
    中国, 国, 国人, 人.

    Similar texts are searched by the `search_terms`, each of which occurs once. They contain the pairs of signs, but a
    single sign only if it has no neighbour: 中国人 has 中国, 国人.
    """

    def __init__(self, text: str) -> None:
        if _SIGN_PATTERN.search(text):
            terms, search_terms = _cut_with_signs(text)
        else:
            terms = search_terms = _cut_without_signs(text)
        self.terms = terms[:MAX_TERMS]
        self.search_terms = list(dict.fromkeys(search_terms))[:MAX_TERMS]


def cut(text: str) -> list[str]:
    """Return the terms under which a text is found."""
    return Cut(text).terms


def is_of_signs(term: str) -> bool:
    """Return whether a term belongs to a script that is cut into signs."""
    first = term[0]
    return "\u0e01" <= first <= "\u109f" or "\u1780" <= first <= "\u17ff" or first >= "\u2e80"


def stems(terms: Iterable[str]) -> list[str]:
    """Return the stems of longer words: a degree sign and the first letters, as "°libra" for "libraries".

    For Turkic and Slavic endings, the first five letters are almost as good as a stemmer, which would have to know the
    language.
    """
    return [f"{STEM}{term[:STEM_LENGTH]}" for term in terms if len(term) > STEM_LENGTH]
