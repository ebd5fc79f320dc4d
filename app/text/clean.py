"""Cleaning, counting, digits, slugs, and checks of what readers write.

All functions are pure and accept any script. Readers write in Uyghur, Persian, Kazakh (three alphabets) and Chinese as
often as in English, so nothing may rely on spaces, capitals or ASCII.
"""

import re
import unicodedata
from collections.abc import Iterable
from itertools import chain
from math import ceil
from typing import Literal

Fault = Literal["empty", "short", "long"]


def _char_class(chars: Iterable[str]) -> str:
    """Return the inside of a regular expression's character class, with neighbouring characters as ranges."""
    ranges: list[list[int]] = []
    for code in map(ord, chars):
        if ranges and code == ranges[-1][1] + 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)


# Python's \w excludes combining marks, which would split words of Devanagari and vocalised Arabic.
MARKS = _char_class(c for c in map(chr, range(0x300, 0x10000)) if unicodedata.category(c)[0] == "M")
# Hangul fillers have the category of letters and look blank.
LETTER = rf"(?:(?![_\u115f\u1160\u3164\uffa0])[\w{MARKS}])"
# Scripts without spaces between words. Characters of the first group are counted and compared one by one.
SIGN = r"[\u3005-\u3007\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
SPACELESS = r"[\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff]"
# An apostrophe, hyphen, zero-width (non-)joiner or soft hyphen inside a word belongs to it; a point or comma only
# between digits.
_JOINER = r"['’ʼʻ‘·\-‐‑\u200c\u200d\u00ad\u2060]"
WORD = rf"(?!{SIGN}){LETTER}(?:(?!{SIGN}){LETTER}|{_JOINER}+(?!{SIGN})(?={LETTER})|(?<=\d)[.,](?=\d))*"

_LETTERS = re.compile(LETTER)
_SIGNS = re.compile(SIGN)
_WORDS = re.compile(WORD)
# Word processors use VT, FF and NEL as line ends; dropping them would join two words.
_LINE_ENDS = re.compile(r"\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
# Control characters, the deprecated BOM and tag characters, and noncharacters, which XML 1.0 (section 2.2) and thus
# feeds don't allow.
_DROPPED = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ufeff\ufdd0-\ufdef\ufffe\uffff\U000e0000-\U000e007f]")
# The zero width space separates words in Thai, Lao, Burmese and Khmer; elsewhere it only breaks searching. The pattern
# begins with it, since Python finds a literal character many times faster than an alternative.
_ZERO_WIDTH = re.compile(rf"\u200b(?<!{SPACELESS}\u200b)")
_OVERRIDES = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_BLANK_LINES = re.compile(r"\n(?:[^\S\n]*\n)+")

# Combining marks, which normalisation sorts; beyond U+3100 only a few blocks have any.
_MARKED = (range(0x300, 0x3100), range(0xA660, 0xAC00), range(0xFB1E, 0xFE30), range(0x101F0, 0x1F000))
_MARKS = "".join(char for char in map(chr, chain(*_MARKED)) if unicodedata.combining(char))
# A fast first check, as Python is slow with single characters beyond U+FFFF: it matches every long run, and some more.
_MAYBE_A_RUN = re.compile(f"[{''.join(mark for mark in _MARKS if mark < chr(0x10000))}\U000101f0-\U0001efff]{{31}}")
_LONG_RUN = re.compile(f"([{_MARKS}]{{30}})[{_MARKS}]+")


def normal(text: str) -> str:
    """Normalise a text to NFC, cutting runs of combining marks at the 30 of UAX #15's stream-safe format, since sorting
    a run takes quadratic time."""
    if text.isascii():
        return text
    if _MAYBE_A_RUN.search(text):
        text = _LONG_RUN.sub(r"\1", text)
    return unicodedata.normalize("NFC", text)


def clean(text: str, keep_overrides: bool = True) -> str:
    """Make a text storable and comparable without changing its spelling.

    ZWNJ, ZWJ, LRM and RLM stay, as they are part of the spelling in Persian and related scripts. With
    `keep_overrides=False` bidi embeddings, overrides and isolates (UAX #9) are removed too: they could make our own
    text around them read as something else.
    """
    if text.isprintable():  # then it has none of what is replaced or dropped below
        return normal(text).strip()
    text = _SURROGATES.sub("\ufffd", _LINE_ENDS.sub("\n", text))
    text = _DROPPED.sub("", _ZERO_WIDTH.sub("", text))
    if not keep_overrides:
        text = _OVERRIDES.sub("", text)
    return _BLANK_LINES.sub("\n\n", normal(text)).strip()


def for_print(text: str) -> str:
    """Clean a text that the desk wrote, or that is exported or mailed, of bidi controls too."""
    return clean(text, keep_overrides=False)


def single_line(text: str) -> str:
    """Clean a name, headline or subject, and join it into one line with single spaces."""
    return " ".join(for_print(text).split())


def length(text: str) -> int:
    """Count characters roughly as a person would (a simplified form of UAX #29's grapheme clusters).

    Marks, format characters and skin tones belong to the character before them, and so does a symbol after a
    zero-width joiner; two regional indicators are one flag.
    """
    if text.isascii():
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
    """Count words in any script, ignoring Markdown, list numbers and URLs.

    Han and Kana characters count half a word each: translators reckon with 1.3 to 1.8 Chinese characters per English
    word, rounded up here in the writer's favour. Thai, Lao, Burmese and Khmer letters count a fifth of a word each.
    """
    text = _MARKDOWN.sub(" ", _LINK.sub(" link ", _LINK_TARGET.sub("]", text)))
    words = [match.group() for match in _WORDS.finditer(text)]
    spaceless = [word for word in words if re.match(SPACELESS, word)]
    return len(words) - len(spaceless) + ceil(len(_SIGNS.findall(text)) / 2 + length("".join(spaceless)) / 5)


def is_question_enough(text: str) -> bool:
    """Return whether a text has at least two words or eight letters, as punctuation and emoji alone are no question."""
    return word_count(text) >= 2 or len(_LETTERS.findall(text)) >= 8


def fault_of_question(text: str, maximum: int = 2000) -> Fault | None:
    """Return what is wrong with a question's size: 'empty', 'short', 'long' or None.

    `maximum` is in characters as `length` counts them. Four code points per character suffice for any script with
    combining marks, and reject a text that hides a megabyte of them.
    """
    hidden = len(" ".join(text.split())) > 4 * maximum
    text = clean(text)
    if hidden or length(text) > maximum:
        return "long"
    if not any(unicodedata.category(char)[0] not in "ZC" for char in text):
        return "empty"
    return None if is_question_enough(text) else "short"


def digits(text: str) -> str:
    """Convert the decimal digits of any script to ASCII, and drop separators: spaces, punctuation, format characters.

    Letters and symbols stay.
    """
    plain = (str(unicodedata.decimal(char, char)) for char in text)
    return "".join(char for char in plain if unicodedata.category(char)[0] not in "ZCP")


def receipt_of(text: str) -> str | None:
    """Return the 20 digits of a receipt as typed, or None if it hasn't exactly as many."""
    typed = digits(text)
    return typed if re.fullmatch(r"[0-9]{20}", typed) else None


def group_digits(receipt: str) -> str:
    """Format a receipt in groups of four digits, for display and copying by hand."""
    return " ".join(re.findall(r"\d{1,4}", receipt))


# Latin letters that NFKD does not decompose.
_ASCII = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th", "ə": "e"})


def slug(text: str, maximum: int = 60) -> str:
    """Make the readable part of a URL: Latin words in ASCII, other scripts in their own letters; "q" if empty.

    A slug longer than `maximum` is cut at the end of a word where there is one.
    """
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
    """Return why a letter's content should be held for review: 'no text', 'no question', 'links' or None.

    Only content is judged, never the sender, the browser or the way of typing. People explain the articles they link
    to, so links only hold a letter if there are three or more, with fewer than ten words for each.
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
