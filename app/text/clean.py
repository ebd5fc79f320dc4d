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
# A letter, a digit or a combining mark. Hangul fillers have the category of letters, but look blank.
LETTER = rf"(?:(?![_\u115f\u1160\u3164\uffa0])[\w{MARKS}])"
# Scripts without spaces between words: a SIGN is a Han or Kana character, which is counted and compared by itself;
# SPACELESS is a letter of Thai, Lao, Burmese or Khmer.
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
# Control characters and noncharacters, many of which XML 1.0 (section 2.2) and thus feeds don't allow, and the
# byte order mark and tag characters, which are deprecated.
_DROPPED = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ufeff\ufdd0-\ufdef\ufffe\uffff\U000e0000-\U000e007f]")
# The zero width space separates words in Thai, Lao, Burmese and Khmer; elsewhere it only breaks searching. The pattern
# begins with the literal character, which Python finds many times faster than a lookbehind.
_ZERO_WIDTH = re.compile(rf"\u200b(?<!{SPACELESS}\u200b)")
_OVERRIDES = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_BLANK_LINES = re.compile(r"\n(?:[^\S\n]*\n)+")

# The marks with a combining class, which normalisation sorts. Only these ranges have any.
_SORTED_MARK_RANGES = (range(0x300, 0x3100), range(0xA660, 0xAC00), range(0xFB1E, 0xFE30), range(0x101F0, 0x1F000))
_SORTED_MARKS = "".join(char for char in map(chr, chain(*_SORTED_MARK_RANGES)) if unicodedata.combining(char))
_BMP_SORTED_MARKS = "".join(mark for mark in _SORTED_MARKS if mark < chr(0x10000))
# Python is slow with single characters beyond U+FFFF, so this faster pattern is tried first. In it, the marks beyond
# U+FFFF are one range, so it finds every long run, and a few other texts.
_POSSIBLE_LONG_RUN = re.compile(f"[{_BMP_SORTED_MARKS}\U000101f0-\U0001efff]{{31}}")
_LONG_RUN = re.compile(f"([{_SORTED_MARKS}]{{30}})[{_SORTED_MARKS}]+")


def normalize(text: str) -> str:
    """Normalise a text to NFC.

    Runs of combining marks are cut at 30, as in the Stream-Safe Text Format (UAX #15), since sorting a run takes
    quadratic time.
    """
    if text.isascii():
        return text
    if _POSSIBLE_LONG_RUN.search(text):
        text = _LONG_RUN.sub(r"\1", text)
    return unicodedata.normalize("NFC", text)


def clean(text: str, keep_overrides: bool = True) -> str:
    """Make a text storable and comparable without changing its spelling.

    ZWNJ, ZWJ, LRM and RLM stay, as they are part of the spelling in Persian and related scripts. With
    `keep_overrides=False`, bidi embeddings, overrides and isolates (UAX #9) are removed too: they could change how our
    own text around them is displayed.
    """
    if text.isprintable():  # it has none of the characters that are replaced or dropped below
        return normalize(text).strip()
    text = _SURROGATES.sub("\ufffd", _LINE_ENDS.sub("\n", text))
    text = _DROPPED.sub("", _ZERO_WIDTH.sub("", text))
    if not keep_overrides:
        text = _OVERRIDES.sub("", text)
    return _BLANK_LINES.sub("\n\n", normalize(text)).strip()


def for_print(text: str) -> str:
    """Clean a text and remove bidi embeddings, overrides and isolates: for texts of the desk, exports and mails."""
    return clean(text, keep_overrides=False)


def single_line(text: str) -> str:
    """Clean a name, headline or subject, and put it on one line with single spaces."""
    return " ".join(for_print(text).split())


def length(text: str) -> int:
    """Count characters roughly as a person would (a simplified form of UAX #29's grapheme clusters).

    Marks, format characters and skin tones belong to the character before them, and so does a symbol after a
    zero-width joiner; two regional indicators are one flag.
    """
    if text.isascii():
        return len(text)
    text = normalize(text)
    count = regional_indicators = 0
    previous_char = ""
    for char in text:
        category = unicodedata.category(char)
        is_skin_tone = "\U0001f3fb" <= char <= "\U0001f3ff"
        is_joined_symbol = previous_char == "\u200d" and category == "So"
        if "\U0001f1e6" <= char <= "\U0001f1ff":
            regional_indicators += 1
        elif not (category[0] == "M" or category == "Cf" or is_skin_tone or is_joined_symbol):
            count += 1
        previous_char = char
    return count + ceil(regional_indicators / 2)


_LINK_TARGET = re.compile(r"\]\([^)\s]{0,2000}\)")  # the target of a Markdown link, with the bracket before it
_LINK = re.compile(r"https?://\S+|\bwww\.\S+", re.IGNORECASE)
_LIST_NUMBER = re.compile(r"^[ \t]*\d{1,9}[.)](?=\s)", re.MULTILINE)


def word_count(text: str) -> int:
    """Count words in any script, ignoring Markdown, list numbers and URLs.

    Han and Kana characters count half a word each: translators reckon with 1.3 to 1.8 Chinese characters per English
    word, so two per word leave the writer some room. Thai, Lao, Burmese and Khmer letters count a fifth of a word each.
    """
    text = _LIST_NUMBER.sub(" ", _LINK.sub(" link ", _LINK_TARGET.sub("]", text)))
    words = [match.group() for match in _WORDS.finditer(text)]
    spaceless_runs = [word for word in words if re.match(SPACELESS, word)]
    spaced_words = len(words) - len(spaceless_runs)
    estimated_words = len(_SIGNS.findall(text)) / 2 + length("".join(spaceless_runs)) / 5
    return spaced_words + ceil(estimated_words)


def is_long_enough(text: str) -> bool:
    """Return whether a question has at least two words or eight letters or digits, not counting punctuation."""
    return word_count(text) >= 2 or len(_LETTERS.findall(text)) >= 8


def fault_of_question(text: str, maximum: int = 2000) -> Fault | None:
    """Return what is wrong with a question's size: 'empty', 'short', 'long' or None.

    `maximum` is in characters as `length` counts them. A text is also too long if it has more than four times as many
    code points, because a few characters could have a megabyte of combining marks. Four are enough for any script.
    """
    has_too_many_code_points = len(" ".join(text.split())) > 4 * maximum
    text = clean(text)
    if has_too_many_code_points or length(text) > maximum:
        return "long"
    is_blank = all(unicodedata.category(char)[0] in "ZC" for char in text)
    if is_blank:
        return "empty"
    return None if is_long_enough(text) else "short"


def digits(text: str) -> str:
    """Convert the decimal digits of any script to ASCII, and drop separators: spaces, punctuation, format characters.

    Letters and symbols stay.
    """
    converted = (str(unicodedata.decimal(char, char)) for char in text)
    return "".join(char for char in converted if unicodedata.category(char)[0] not in "ZCP")


def parse_receipt(text: str) -> str | None:
    """Return the 20 digits of a receipt that somebody typed, or None if the text is something else."""
    receipt = digits(text)
    return receipt if re.fullmatch(r"[0-9]{20}", receipt) else None


def group_digits(receipt: str) -> str:
    """Format a receipt in groups of four digits, for display and copying by hand."""
    return " ".join(re.findall(r"\d{1,4}", receipt))


# Latin letters that NFKD does not decompose.
_TO_ASCII = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th", "ə": "e"})


def slug(text: str, maximum: int = 60) -> str:
    """Make the readable part of a URL: Latin words in ASCII, other scripts in their own letters; "q" if empty.

    A slug longer than `maximum` is cut between two words, or inside the first word if even that is longer.
    """
    # Drop apostrophes and invisible characters, so that they don't split a word.
    folded = re.sub(r"['’ʼʻ‘\u200b\u200e\u200f\u00ad\u2060]", "", single_line(text).casefold())
    words = []
    for word in re.findall(rf"{LETTER}+", folded):
        without_marks = re.sub(rf"[{MARKS}]", "", unicodedata.normalize("NFKD", word.translate(_TO_ASCII)))
        words.append(without_marks if without_marks.isascii() else unicodedata.normalize("NFC", word))
    full_slug = "-".join(filter(None, words))
    cut_slug = full_slug[:maximum]
    is_cut_inside_word = len(full_slug) > maximum and full_slug[maximum] != "-"
    if is_cut_inside_word and "-" in cut_slug:
        cut_slug = cut_slug.rpartition("-")[0]
    return cut_slug.strip("-") or "q"


MIN_HELD_LINKS = 3
MIN_WORDS_PER_LINK = 10


def held_reason(text: str) -> str | None:
    """Return why a letter's content should be held for review: 'no text', 'no question', 'links' or None.

    Only content is judged, never the sender, the browser or the speed of typing. People explain the articles they link
    to, so a letter is held for its links only if it has three or more links and fewer than ten words for each.
    """
    if not any(char.isalpha() for char in text):
        return "no text"
    words = [word.casefold() for word in _WORDS.findall(text)]
    letters = _LETTERS.findall(text.casefold())
    repeats_one_word = len(words) >= 3 and len(set(words)) == 1 and not _SIGNS.search(text)
    repeats_one_letter = len(letters) >= 4 and len(set(letters)) == 1
    if repeats_one_word or repeats_one_letter:
        return "no question"
    links = len(_LINK.findall(text))
    if links >= MIN_HELD_LINKS and word_count(_LINK.sub(" ", text)) < MIN_WORDS_PER_LINK * links:
        return "links"
    return None
