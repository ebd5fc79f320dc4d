"""Cut a text into the terms of the index, in any script, the same for both databases.

Words are folded (NFKC, case, diacritics of Latin, Greek and Cyrillic letters, the forms of Arabic letters). Scripts
without spaces yield each sign and each pair of neighbouring signs, since plain full-text search finds next to nothing
in them.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..text.clean import LETTER, MARKS

STEM = 5  # letters by which longer words are found whatever their endings
LONGEST = 64  # letters of a term
MOST = 8_000  # terms of a text; PostgreSQL stores positions up to 16,383

# Han, Kana (half width too) and Hangul signs; Thai, Lao, Burmese and Khmer letters with the marks that follow them.
_SIGN = (
    r"(?:[\u3005-\u3007\u3041-\u30ff\uff66-\uff9f\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff]"
    rf"|[\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff])[{MARKS}]*"
)
_JOINER = r"['’ʼʻ‘`·\u200c\u200d\u00ad\u2060]"
_WORD = rf"(?:(?!{_SIGN}){LETTER})(?:(?!{_SIGN}){LETTER}|{_JOINER}+(?!{_SIGN})(?={LETTER})|(?<=\d)[.,](?=\d))*"
_UNIT = re.compile(rf"(?P<sign>{_SIGN})|{_WORD}")
_A_SIGN = re.compile(_SIGN)
_LETTERS = re.compile(rf"{LETTER}+(?:(?:{_JOINER}+(?={LETTER})|(?<=\d)[.,](?=\d)){LETTER}+)*")  # the same without signs
_JOINED = re.compile(_JOINER)
# Many people leave these out: kept, they would separate two spellings of a word.
_ARABIC_MARKS = re.compile(r"[\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed]")
# Letters with several spellings: each row begins with the one that the others are folded to.
_READ_AS = "ا أإآٱ  ي ىی  ك ک  ه ةۀہھ  е ё  i ı  l ł  o ø  d đð  ae æ  oe œ  th þ"
_SAME = str.maketrans({sign: one for one, signs in (row.split(" ") for row in _READ_AS.split("  ")) for sign in signs})
_OVER = re.compile(rf"(?<=[a-zͰ-ϿЀ-ӿ])[{MARKS}]+")
_OTHER_DIGIT = re.compile(r"[^\D0-9]")


class Unit(NamedTuple):
    """A word, or a sign of a script without spaces, with its position in the text."""

    start: int
    end: int
    term: str
    is_sign: bool


def fold(text: str) -> str:
    """Return the form under which a word is indexed, or several words, each on a line of its own."""
    if text.isascii():
        return text.lower()
    text = _ARABIC_MARKS.sub("", unicodedata.normalize("NFKC", text).casefold()).translate(_SAME)
    text = unicodedata.normalize("NFC", _OVER.sub("", unicodedata.normalize("NFD", text)))
    return _OTHER_DIGIT.sub(lambda digit: str(unicodedata.decimal(digit[0])), text)


def units(text: str) -> list[Unit]:
    """Return the words and signs of a text in order."""
    found = list((_UNIT if _A_SIGN.search(text) else _LETTERS).finditer(text))  # most texts have no signs
    terms = _fold_terms([match.group() for match in found])
    return [
        Unit(match.start(), match.end(), term, match.lastgroup == "sign")
        for match, term in zip(found, terms, strict=True)
        if term
    ]


def _fold_terms(raw_terms: Sequence[str]) -> list[str]:
    """Return the indexed forms of words and signs, "" for one of which nothing is left.

    They are folded as one text, which takes a third of the time, each on its own line, so that nothing is joined.
    """
    if not raw_terms:
        return []
    folded = fold(_JOINED.sub("", "\n".join(raw_terms))).split("\n")
    if "".join(folded).isalnum() and max(map(len, folded)) <= LONGEST:  # most are as they are
        return folded
    return [one if one.isalnum() and len(one) <= LONGEST else _strip_for_index(one) for one in folded]


def _strip_for_index(term: str) -> str:
    """Return the part of a folded word that is indexed: letters and digits with their marks."""
    if not term.isalnum():
        term = "".join(char for char in term if char.isalnum() or unicodedata.category(char)[0] == "M")
    return term[:LONGEST]


def _split_at_apostrophes(raw_term: str, term: str) -> list[str]:
    """Return the parts around an apostrophe ("l'eau", "Nora's") that are long enough to be indexed on their own."""
    if len(raw_term) == len(term):
        return []
    pieces = _JOINED.split(raw_term)
    return [fold(piece) for piece in pieces if len(piece) > 2] if len(pieces) > 1 else []


def _are_adjacent_signs(left: Unit | None, right: Unit | None) -> bool:
    return left is not None and right is not None and left.is_sign and right.is_sign and left.end == right.start


def _cut_unsigned(text: str) -> list[str]:
    written = _LETTERS.findall(text)
    folded = _fold_terms(written)
    if not _JOINED.search(text):
        return list(filter(None, folded))
    terms: list[str] = []
    for word, term in zip(written, folded, strict=True):
        if term:
            terms.append(term)
            if len(term) != len(word):
                terms += _split_at_apostrophes(word, term)
    return terms


def _cut_with_signs(text: str) -> tuple[list[str], list[str]]:
    """Return the terms of a text that has signs, and those by which it is compared."""
    found = units(text)
    terms: list[str] = []
    asked: list[str] = []
    for before, unit, after in zip([None, *found], found, [*found[1:], None], strict=False):
        if not unit.is_sign:
            asked.append(unit.term)
        elif _are_adjacent_signs(before, unit) and before is not None:
            terms.append(before.term + unit.term)
            asked.append(before.term + unit.term)
        elif not _are_adjacent_signs(unit, after):
            asked.append(unit.term)
        terms.append(unit.term)
        if not unit.is_sign and (parts := _split_at_apostrophes(text[unit.start : unit.end], unit.term)):
            terms += parts
            asked += parts
    return terms, asked


class Cut:
    """A text cut into terms.

    `terms` are those under which it is found, in order. Between the signs of a run are their pairs: 中国人 gives
    中, 中国, 国, 国人, 人.

    `asked` are those by which it looks for others: each once, and a sign only if it stands alone.
    """

    def __init__(self, text: str) -> None:
        if _A_SIGN.search(text):
            terms, asked = _cut_with_signs(text)
        else:
            terms = asked = _cut_unsigned(text)
        self.terms = terms[:MOST]
        self.asked = list(dict.fromkeys(asked))[:MOST]


def cut(text: str) -> list[str]:
    """Return the terms under which a text is found."""
    return Cut(text).terms


def is_of_signs(term: str) -> bool:
    """Return whether a term belongs to a script that is cut into signs."""
    first = term[0]
    return "\u0e01" <= first <= "\u109f" or "\u1780" <= first <= "\u17ff" or first >= "\u2e80"


def stems(terms: Iterable[str]) -> list[str]:
    """Return the first letters of longer words.

    Cutting to five letters does most of what a stemmer would for Turkic and Slavic endings, without knowing the
    language.
    """
    return [f"°{term[:STEM]}" for term in terms if len(term) > STEM]
