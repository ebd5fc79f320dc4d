"""Decoding of bytes whose charset label may be missing, wrong or unknown, as is common in real mail.

Labels are interpreted as in browsers (WHATWG Encoding Standard): gb2312 is GB18030, iso-8859-1 is windows-1252. Only
the codecs in charsets.toml are used: Python's registry also has codecs that are no charsets (punycode, zlib,
unicode_escape), and caches every unknown name that is looked up.
"""

import re
from encodings.aliases import aliases
from functools import cache

from ...text.clean import normalize
from ...text.word_tables import word_tables

_CYRILLIC = frozenset({"cp1251", "koi8_r", "koi8_u"})
# Codecs of 7-bit text that is not ASCII, and the bytes that reveal it.
_SEVEN_BIT_MARKS = {
    "iso2022_jp": b"\x1b",
    "iso2022_kr": b"\x1b",
    "hz": b"~{",
    "utf_7": b"+",
    **dict.fromkeys(["utf_16", "utf_16_le", "utf_16_be", "utf_32", "utf_32_le", "utf_32_be"], b"\0"),
}
# Codecs of text that programs send with the label of another codec, the strictest first.
_LABEL_ALTERNATIVES = {"big5hkscs": ("cp950",), "iso2022_jp": ("euc_jp", "cp932")}
# Valid UTF-8 with at least this many bytes beyond ASCII is UTF-8, whatever the label says. Two are enough for western
# labels ("Ã©" is no word), but single characters of other charsets can be valid UTF-8 too ("一" in GBK).
_MIN_UTF8_BYTES = 9
_MIN_UTF8_BYTES_WESTERN = 2
_MIN_LANGUAGE_BYTES = 6  # fewer bytes beyond ASCII say too little about the language
_SAMPLE_BYTES = 50_000  # used for guessing
# Shares of the bytes beyond ASCII.
_MIN_FREQUENT_SHARE = 0.35  # the ten most frequent Russian letters, in a Russian text
_MIN_LETTER_SHARE = 0.75  # Cyrillic letters, in a Cyrillic text
_FREQUENT_RUSSIAN = "оеаинтсрвл"
_COMMON_LATIN = tuple(b"etaoinsrhlETAOINSRHL")
_ASCII = bytes(range(128))
_COMMON_CHINESE = re.compile(rb"(?:[\xa1\xa3\xb0-\xd7][\xa1-\xfe])+")


def _normalize_label(label: str) -> str:
    return re.sub(r"[^a-z0-9]", "", label.lower())


def _invert_rows(rows: dict[str, str]) -> dict[str, str]:
    """Invert a table of charsets.toml: from each word in a row to the row's key."""
    return {word: name for name, words in rows.items() for word in words.split()}


@cache
def _codecs_by_label() -> dict[str, str]:
    """Return the codec of every known label, in the form of `_normalize_label`."""
    tables = word_tables(__file__, "charsets")
    codecs = {name: name for name in tables["codecs"].split()} | _invert_rows(tables["read_as"])
    known = {_normalize_label(alias): codecs[name] for alias, name in aliases.items() if name in codecs}
    return known | {_normalize_label(name): codec for name, codec in codecs.items()} | _invert_rows(tables["labels"])


@cache
def _codecs_by_language() -> dict[str, tuple[str, ...]]:
    """Return the codecs used for each language before UTF-8, likeliest first."""
    rows = _invert_rows(word_tables(__file__, "charsets")["by_language"])
    return {tag: tuple(codecs.split()) for tag, codecs in rows.items()}


def get_codec(label: str) -> str:
    """Return the codec of a charset label, "" if it is unknown."""
    return _codecs_by_label().get(_normalize_label(label[:60]), "")


def get_codec_hints(label: str = "", language: str = "") -> tuple[str, ...]:
    """Return codecs to try on unlabelled bytes of a message that mentions this charset or language elsewhere."""
    tag = language.lower()
    language_codecs = _codecs_by_language().get(tag) or _codecs_by_language().get(tag.partition("-")[0], ())
    codec = get_codec(label)
    if codec in ("", "utf_8"):
        return language_codecs
    return (codec, *language_codecs)


def decode(data: bytes, label: str = "", hints: tuple[str, ...] = ()) -> tuple[str, bool]:
    """Decode bytes; return the text, not yet tidied, and whether its charset is certain.

    It is certain if the bytes are 7-bit or valid UTF-8, or valid in the charset of its label but for a few damaged
    characters.
    """
    codec = get_codec(label)
    if data.isascii():
        return _decode_seven_bit(data, codec), True
    has_label = codec not in ("", "utf_8")
    utf8_text = _decode_strictly(data, "utf_8")
    non_ascii_count = len(data.translate(None, _ASCII))
    if utf8_text is not None:
        min_bytes = _MIN_UTF8_BYTES_WESTERN if codec == "cp1252" else _MIN_UTF8_BYTES
        if not has_label or non_ascii_count >= min_bytes:
            return utf8_text, True
    is_wrong_label = codec == "cp1252" and non_ascii_count >= _MIN_LANGUAGE_BYTES and _is_eastern(data, non_ascii_count)
    if has_label and not is_wrong_label:
        labelled_text = _decode_as_labelled(data, codec)
        if labelled_text is not None:
            return labelled_text, True
    if utf8_text is not None:
        return utf8_text, True
    return _guess(data, hints, non_ascii_count), False


def decode_or_guess(data: bytes, label: str, hints: tuple[str, ...], faults: set[str]) -> str:
    """Decode bytes as `decode` does, adding the fault "charset" if the charset is a guess."""
    text, is_certain = decode(data, label, hints)
    if not is_certain:
        faults.add("charset")
    return text


def _decode_strictly(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except UnicodeError:
        return None


def _is_eastern(data: bytes, non_ascii_count: int) -> bool:
    """Return whether the text can't be in Latin letters, because the bytes beyond ASCII outnumber common Latin letters.

    Such a text may have the label of ASCII or Latin-1, which programs without charset support give to any bytes.
    """
    return non_ascii_count > sum(map(data.count, _COMMON_LATIN))


def _decode_as_labelled(data: bytes, codec: str) -> str | None:
    """Decode with the labelled codec, tolerating a few damaged characters; None if the label must be wrong."""
    for alternative in (codec, *_LABEL_ALTERNATIVES.get(codec, ())):
        text = _decode_strictly(data, alternative)
        if text is not None:
            return text
    return _decode_mostly(data, codec)


def _decode_mostly(data: bytes, codec: str) -> str | None:
    """Decode a text; None if more than a tenth of its characters beyond ASCII are broken, for example truncated."""
    text = data.decode(codec, "replace")
    broken_count = text.count("\ufffd")
    non_ascii_count = len(text) - len(text.encode("ascii", "ignore"))
    return text if broken_count * 10 <= non_ascii_count else None


def _decode_seven_bit(data: bytes, codec: str) -> str:
    mark = _SEVEN_BIT_MARKS.get(codec)
    if codec in ("", "utf_8", "cp1252", "iso2022_jp") and b"\x1b$" in data:  # ISO-2022-JP is older than labels
        return _decode_japanese(data)
    if mark is None or mark not in data:
        return data.decode("ascii")
    if codec == "utf_7":  # "+" is common in ASCII too
        return _decode_strictly(data, codec) or data.decode("ascii")
    return data.decode(codec, "replace")


_ESCAPES = re.compile(rb"\x1b(\$[@B]|\$\([@BD]|\([BJIH])")


def _decode_japanese(data: bytes) -> str:
    """Decode ISO-2022-JP with half-width kana and Windows extensions (①, ㈱), which Python's codec refuses.

    Byte pairs of the 94 x 94 table are converted to Shift_JIS, because cp932 knows all of them.
    """
    text = _decode_strictly(data, "iso2022_jp")
    if text is not None:
        return text
    start, *pieces = _ESCAPES.split(data)
    parts = [start.decode("ascii")]
    for escape, piece in zip(pieces[::2], pieces[1::2], strict=True):
        if escape == b"(I":
            parts.append(bytes(byte | 0x80 for byte in piece).decode("cp932", "replace"))
        elif escape.startswith(b"("):
            parts.append(piece.decode("ascii"))
        else:
            parts.append(_to_shift_jis(piece).decode("cp932", "replace"))
    return "".join(parts)


def _to_shift_jis(pairs: bytes) -> bytes:
    """Convert JIS X 0208 pairs to Shift_JIS (JIS X 0208:1997, appendix 1), keeping line ends between them."""
    converted = bytearray()
    index = 0
    while index < len(pairs):
        first = pairs[index]
        second = pairs[index + 1] if index + 1 < len(pairs) else 0
        is_pair = 0x21 <= first <= 0x7E and 0x21 <= second <= 0x7E
        if not is_pair:
            converted.append(first)
            index += 1
            continue
        lead = (first + 1) // 2 + (0x70 if first < 0x5F else 0xB0)
        gap = 1 if second > 0x5F else 0  # 0x7F is no trail byte
        trail = second + (0x7E if first % 2 == 0 else 0x1F + gap)
        converted += bytes((lead, trail))
        index += 2
    return bytes(converted)


def _guess(data: bytes, hints: tuple[str, ...], non_ascii_count: int) -> str:
    """Decode bytes that are not valid UTF-8 and have no usable label, with the likeliest codec."""
    if _decode_mostly(data[:_SAMPLE_BYTES], "utf_8") is not None:
        return data.decode(errors="replace")
    russian_codec, russian_share = _guess_russian_codec(data[:_SAMPLE_BYTES])
    if _CYRILLIC & {*hints}:
        return data.decode(russian_codec, "replace")
    for codec in hints:
        if codec == "cp1252":
            continue  # Windows-1252 fits any bytes, so it is only used if nothing else fits
        text = _decode_as_labelled(data, codec)
        if text is not None:
            return text
    is_eastern = _is_eastern(data, non_ascii_count)
    if is_eastern and russian_share >= _MIN_FREQUENT_SHARE:
        return data.decode(russian_codec, "replace")
    chinese_text = _decode_strictly(data, "gb18030")
    # A Chinese text, or a Chinese name or a few words among Latin letters.
    if chinese_text is not None and (is_eastern or _has_only_common_chinese(data)):
        return chinese_text
    return data.decode("cp1252", "replace")


def _has_only_common_chinese(data: bytes) -> bool:
    """Return whether all bytes beyond ASCII are pairs of GB 2312's symbols or first level (rows 1, 3 and 16 to 55).

    Not so in a western text: its accented letters are single bytes, or pairs of higher rows.
    """
    return _COMMON_CHINESE.sub(b"", data).isascii()


def _guess_russian_codec(data: bytes) -> tuple[str, float]:
    """Return Windows-1251 or KOI8-R, whichever gives more of the ten most frequent letters, and the letters' share.

    The share is that of the bytes beyond ASCII, or 0 if too few of these are Cyrillic letters.
    """
    frequent_counts = {
        codec: sum(map(data.decode(codec, "replace").count, _FREQUENT_RUSSIAN)) for codec in ("koi8_r", "cp1251")
    }
    codec = max(frequent_counts, key=lambda codec: frequent_counts[codec])
    non_ascii = data.translate(None, _ASCII)
    letter_count = sum("А" <= char <= "я" or char in "ёЁіїєґў" for char in non_ascii.decode(codec, "replace"))
    if letter_count < _MIN_LETTER_SHARE * len(non_ascii):
        return codec, 0.0
    return codec, frequent_counts[codec] / max(1, len(non_ascii))


# The characters that `tidy` changes, and a text without any of them.
_LINE_ENDS = ("\r\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\u2029")
_DROPPED = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufdd0-\ufdef\ufffe\uffff]+")
_PLAIN = re.compile(r"[\t\n\x20-\x7e]*+")


def tidy(text: str) -> str:
    """Normalize a text: NFC, LF, no control characters but tabs, no lone surrogates, no byte order marks.

    Characters that belong to the spelling (ZWNJ, ZWJ, LRM, RLM) stay.
    """
    if _PLAIN.fullmatch(text):
        return text
    for end in _LINE_ENDS:
        text = text.replace(end, "\n")
    return normalize(_DROPPED.sub("", text))
