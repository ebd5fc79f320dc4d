"""Names as they are sorted, found and compared: without case and accents, Cyrillic in Latin letters.

Nothing here is printed. A name has as many spellings as there are passports, so what two of them share is a hint for a
person to judge by, never a reason to take them for one.
"""

import re
import unicodedata
from difflib import SequenceMatcher
from functools import lru_cache

from babel import Locale, UnknownLocaleError

LONGEST = 200  # characters, as of a name

# After NFKD, which makes й, ё, ї and ў into и, е, і and у with a mark. Close to BGN/PCGN, without its exceptions.
_CYRILLIC = {
    "а": "a", "б": "b", "в": "v", "г": "g", "ґ": "g", "д": "d", "ђ": "dj", "е": "e", "ж": "zh", "з": "z", "и": "i",
    "і": "i", "ј": "j", "к": "k", "л": "l", "љ": "lj", "м": "m", "н": "n", "њ": "nj", "о": "o", "п": "p", "р": "r",
    "с": "s", "т": "t", "ћ": "c", "у": "u", "ф": "f", "х": "kh", "ц": "ts", "ч": "ch", "џ": "dj", "ш": "sh",
    "щ": "shch", "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "yu", "я": "ya", "ә": "a", "ғ": "gh", "қ": "q", "ң": "ng",
    "ө": "o", "ұ": "u", "ү": "u", "һ": "h", "ҳ": "h", "ҷ": "j",
}  # fmt: skip
_LATIN = {"ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th", "ə": "a", "ß": "ss"}
_TO_LATIN = str.maketrans(_CYRILLIC | _LATIN)
_WORD = re.compile(r"\w+")
# What one sound is written as, longest first: Zhanar and Janar, Khojayev and Hodzhaev, Leyla and Leila.
_SOUNDS = (
    ("shch", "s"), ("dzh", "j"), ("sh", "s"), ("zh", "j"), ("dj", "j"), ("kh", "h"), ("gh", "g"), ("ch", "c"),
    ("ts", "c"), ("ph", "f"), ("ks", "x"), ("q", "k"), ("w", "v"), ("y", "i"), ("iu", "u"), ("ia", "a"), ("ie", "e"),
)  # fmt: skip
_TWICE = re.compile(r"([^\W\d_])\1+")
CLOSE = 0.8  # of SequenceMatcher's ratio: one letter in five may differ


@lru_cache(maxsize=4_096)  # a file names the same places and topics again and again
def fold(text: str) -> str:
    """A text for sorting and finding: "Гульнара Есенова" and "GULNARA  ESENOVA" are "gulnara esenova"."""
    bare = text.casefold()
    if not bare.isascii():
        bare = "".join(char for char in unicodedata.normalize("NFKD", bare) if not unicodedata.combining(char))
    return " ".join(_WORD.findall(bare.translate(_TO_LATIN).replace("'", "").replace("’", "").replace("_", " ")))


def alike(name: str) -> str:
    """A name by its sounds, its longest word first, so that who may be one person stands together in this order."""
    words = [_sounds(word) for word in fold(name).split()]
    return " ".join(sorted(words, key=lambda word: (-len(word), word)))[:LONGEST]


def _sounds(word: str) -> str:
    word = "h" + word[1:] if word.startswith("x") else word
    for written, sound in _SOUNDS:
        word = word.replace(written, sound)
    return _TWICE.sub(r"\1", word)


def is_like(one: str, other: str) -> bool:
    """Return whether two names, as `alike` gives them, share their longest word and the rest could be the same: "L."
    and "Leyla".
    """
    first, *mine = one.split()
    second, *theirs = other.split()
    if first != second or not mine or not theirs:
        return False
    return all(any(_may_be(word, its) for its in theirs) for word in mine)


def _may_be(word: str, other: str) -> bool:
    shorter, longer = sorted((word, other), key=len)
    return longer.startswith(shorter) or SequenceMatcher(None, word, other).ratio() >= CLOSE


@lru_cache(maxsize=512)
def language_words(code: str) -> str:
    """A language as somebody looks for it: its code and its name in English."""
    try:
        name = Locale.parse(code.replace("-", "_")).get_display_name("en") or ""
    except (UnknownLocaleError, ValueError):
        name = ""
    return fold(f"{code} {name}")
