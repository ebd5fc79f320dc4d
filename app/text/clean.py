"""Text as people write it: cleaning, counting, digits and what a short text gives away about its language.

Everything here is pure and takes any script. Readers write in Uyghur, Persian, Kazakh (three alphabets) and Chinese as
often as in English, so nothing may lean on spaces, on capitals or on ASCII.
"""

import re
import unicodedata
from collections.abc import Iterable
from itertools import chain
from math import ceil
from typing import Literal

Fault = Literal["empty", "short", "long"]


def _char_class(chars: Iterable[str]) -> str:
    """Write characters as the inside of a regular expression's class, neighbours as ranges."""
    ranges: list[list[int]] = []
    for code in map(ord, chars):
        if ranges and code == ranges[-1][1] + 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)


# Python's \w leaves out combining marks, which would cut Devanagari and vocalised Arabic in the middle of words.
MARKS = _char_class(c for c in map(chr, range(0x300, 0x10000)) if unicodedata.category(c)[0] == "M")
# Hangul fillers are letters by category and blank on the page.
LETTER = rf"(?:(?![_\u115f\u1160\u3164\uffa0])[\w{MARKS}])"
# Scripts without spaces between words. A sign of the first group is read, counted and compared by itself.
SIGN = r"[\u3005-\u3007\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
SPACELESS = r"[\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff]"
# An apostrophe, a hyphen, a zero-width (non-)joiner or a soft hyphen inside a word belongs to it; a point or a comma
# only between digits.
_JOINER = r"['’ʼʻ‘·\-‐‑\u200c\u200d\u00ad\u2060]"
WORD = rf"(?!{SIGN}){LETTER}(?:(?!{SIGN}){LETTER}|{_JOINER}+(?!{SIGN})(?={LETTER})|(?<=\d)[.,](?=\d))*"

_LETTERS = re.compile(LETTER)
_SIGNS = re.compile(SIGN)
_WORDS = re.compile(WORD)
# VT, FF and NEL come from word processors as line ends; dropping them would glue two words together.
_LINE_ENDS = re.compile(r"\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
# Controls, the deprecated BOM and tag characters, and non-characters, which XML 1.0 (section 2.2) and feeds refuse.
_DROPPED = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ufeff\ufdd0-\ufdef\ufffe\uffff\U000e0000-\U000e007f]")
# The zero width space marks words in Thai, Lao, Burmese and Khmer; elsewhere it only defeats searching. It stands first
# in the pattern, by itself, since Python looks for one sign many times faster than for one of two things.
_ZERO_WIDTH = re.compile(rf"\u200b(?<!{SPACELESS}\u200b)")
_OVERRIDES = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_BLANK_LINES = re.compile(r"\n(?:[^\S\n]*\n)+")

# Marks that normalisation sorts; the blocks beyond U+3100 that have any are few.
_MARKED = (range(0x300, 0x3100), range(0xA660, 0xAC00), range(0xFB1E, 0xFE30), range(0x101F0, 0x1F000))
_MARKS = "".join(char for char in map(chr, chain(*_MARKED)) if unicodedata.combining(char))
# Python is slow in looking for signs beyond U+FFFF one by one; this finds every run that there can be, and some more.
_MAYBE_A_RUN = re.compile(f"[{''.join(mark for mark in _MARKS if mark < chr(0x10000))}\U000101f0-\U0001efff]{{31}}")
_LONG_RUN = re.compile(f"([{_MARKS}]{{30}})[{_MARKS}]+")


def normal(text: str) -> str:
    """NFC. Sorting a run of marks takes quadratic time, so a run is cut at the 30 of UAX #15's stream-safe format."""
    if text.isascii():
        return text
    if _MAYBE_A_RUN.search(text):
        text = _LONG_RUN.sub(r"\1", text)
    return unicodedata.normalize("NFC", text)


def clean(text: str, keep_overrides: bool = True) -> str:
    """Make a text storable and comparable without changing what its writer spelled.

    ZWNJ, ZWJ, LRM and RLM stay, because they are spelling in Persian and its neighbours. With `keep_overrides=False`
    the bidi embeddings, overrides and isolates (UAX #9) go too: they can make our own text read as something else.
    """
    if text.isprintable():  # nothing of what follows is: no line ends, controls, format characters, halves of a pair
        return normal(text).strip()
    text = _SURROGATES.sub("\ufffd", _LINE_ENDS.sub("\n", text))
    text = _DROPPED.sub("", _ZERO_WIDTH.sub("", text))
    if not keep_overrides:
        text = _OVERRIDES.sub("", text)
    return _BLANK_LINES.sub("\n\n", normal(text)).strip()


def for_print(text: str) -> str:
    """Clean a text of the desk, or one that leaves the house in an export or a mail."""
    return clean(text, keep_overrides=False)


def single_line(text: str) -> str:
    """Clean a name, headline or subject: one line, single spaces."""
    return " ".join(for_print(text).split())


def length(text: str) -> int:
    """Count characters about as a person does (a light form of the grapheme clusters of UAX #29).

    Marks, format characters and skin tones belong to the character before them, and so does a symbol after a
    zero-width joiner; two regional indicators are one flag.
    """
    if text.isascii():  # which has no marks
        return len(text)
    text = normal(text)
    count = flags = 0
    before = ""
    for char in text:
        category = unicodedata.category(char)
        extends = category[0] == "M" or category == "Cf" or "\U0001f3fb" <= char <= "\U0001f3ff"
        if "\U0001f1e6" <= char <= "\U0001f1ff":
            flags += 1
        elif not extends and not (before == "\u200d" and category == "So"):
            count += 1
        before = char
    return count + ceil(flags / 2)


def word_count(text: str) -> int:
    """Count words in any script, without Markdown's marks, list numbers and link addresses.

    Han and Kana signs count half a word each: translators reckon with 1.3 to 1.8 Chinese signs per English word, and
    two is the round number on the writer's side. Thai, Lao, Burmese and Khmer letters count a fifth of a word.
    """
    text = _MARKDOWN.sub(" ", _LINK.sub(" link ", _LINK_TARGET.sub("]", text)))
    words = [match.group() for match in _WORDS.finditer(text)]
    spaceless = [word for word in words if re.match(SPACELESS, word)]
    return len(words) - len(spaceless) + ceil(len(_SIGNS.findall(text)) / 2 + length("".join(spaceless)) / 5)


def is_question_enough(text: str) -> bool:
    """Two words or eight letters at least; punctuation and emoji alone ask nothing."""
    return word_count(text) >= 2 or len(_LETTERS.findall(text)) >= 8


def fault_of_question(text: str, maximum: int = 2000) -> Fault | None:
    """Say what is wrong with a question's size: 'empty', 'short', 'long' or nothing.

    `maximum` is in characters as a person counts them. Four code points for each are enough for every script that is
    written with marks, and stop a text that hides a megabyte of them.
    """
    hidden = len(" ".join(text.split())) > 4 * maximum
    text = clean(text)
    if hidden or length(text) > maximum:
        return "long"
    if not any(unicodedata.category(char)[0] not in "ZC" for char in text):
        return "empty"
    return None if is_question_enough(text) else "short"


def digits(text: str) -> str:
    """Write any script's decimal digits in ASCII and drop what people put between them: spaces, dashes, points, LRM."""
    plain = (str(unicodedata.decimal(char, char)) for char in text)
    return "".join(char for char in plain if unicodedata.category(char)[0] not in "ZCP")


def receipt_of(text: str) -> str | None:
    """Read a typed receipt; None if it isn't exactly 20 digits."""
    typed = digits(text)
    return typed if re.fullmatch(r"[0-9]{20}", typed) else None


def group_digits(receipt: str) -> str:
    """Set a receipt in groups of four, as it is shown and copied by hand."""
    return " ".join(re.findall(r"\d{1,4}", receipt))


# Latin letters that NFKD does not take apart.
_ASCII = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th", "ə": "e"})


def slug(text: str, maximum: int = 60) -> str:
    """Make the readable end of an address: Latin words in ASCII, other scripts in their own letters, never empty."""
    words = []
    for word in re.findall(
        rf"{LETTER}+", re.sub(r"['’ʼʻ‘\u200b\u200e\u200f\u00ad\u2060]", "", single_line(text).casefold())
    ):
        bare = re.sub(rf"[{MARKS}]", "", unicodedata.normalize("NFKD", word.translate(_ASCII)))
        words.append(bare if bare.isascii() else unicodedata.normalize("NFC", word))
    whole = "-".join(filter(None, words))
    cut = whole[:maximum]
    if len(whole) > maximum and whole[maximum] != "-" and "-" in cut:
        cut = cut.rpartition("-")[0]
    return cut.strip("-") or "q"


_LINK_TARGET = re.compile(r"\]\([^)\s]{0,2000}\)")
_LINK = re.compile(r"https?://\S+|\bwww\.\S+", re.IGNORECASE)
_MARKDOWN = re.compile(r"^[ \t]*\d{1,9}[.)](?=\s)", re.MULTILINE)
LINKS_HELD = 3
WORDS_PER_LINK = 10


def held_reason(text: str) -> str | None:
    """Say why a letter's content should wait for a person: 'no text', 'no question', 'links' or None.

    Only content is judged, never the sender, the browser or the way of typing. A person who quotes three articles
    explains them, so links hold a letter only where there are fewer than ten words for each.
    """
    if not any(char.isalpha() for char in text):
        return "no text"
    words = [word.casefold() for word in _WORDS.findall(text)]
    letters = _LETTERS.findall(text.casefold())
    if (len(words) >= 3 and len(set(words)) == 1 and not _SIGNS.search(text)) or (
        len(letters) >= 4 and len(set(letters)) == 1
    ):
        return "no question"
    links = len(_LINK.findall(text))
    return "links" if links >= LINKS_HELD and word_count(_LINK.sub(" ", text)) < WORDS_PER_LINK * links else None
