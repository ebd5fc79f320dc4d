"""Decoding of bytes whose charset label may be missing, wrong or unknown, as is common in real mail.

Labels are interpreted as in browsers (WHATWG Encoding Standard): gb2312 is GB18030, iso-8859-1 is windows-1252. Only
the codecs in charsets.toml are used: Python's registry also has codecs that are no charsets (punycode, zlib,
unicode_escape), and caches every unknown name that is looked up.
"""

import re
from encodings.aliases import aliases
from functools import cache

from ...text.clean import normal
from ...text.word_tables import word_tables

_CYRILLIC = frozenset({"cp1251", "koi8_r", "koi8_u"})
# Codecs of 7-bit text that is not ASCII, and the byte that reveals it.
_WIDE = ("utf_16", "utf_16_le", "utf_16_be", "utf_32", "utf_32_le", "utf_32_be")
_SHIFTED = {"iso2022_jp": b"\x1b", "iso2022_kr": b"\x1b", "hz": b"~{", "utf_7": b"+"} | dict.fromkeys(_WIDE, b"\0")
# Other codecs of text that programs send under a label, the strictest first.
_ALSO_SAID = {"big5hkscs": ("cp950",), "iso2022_jp": ("euc_jp", "cp932")}
# Valid UTF-8 with at least this many bytes beyond ASCII is UTF-8 whatever the label says. Two are enough for western
# labels ("Ã©" is no word), but single characters of other charsets can be valid UTF-8 too ("一" in GBK).
_CHANCE = 9
_FEW = 6  # fewer bytes beyond ASCII say too little about the language
_SAMPLE = 50_000  # bytes used for guessing
_COMMON_LATIN = tuple(b"etaoinsrhlETAOINSRHL")
_ASCII = bytes(range(128))
_COMMON_CHINESE = re.compile(rb"(?:[\xa1\xa3\xb0-\xd7][\xa1-\xfe])+")


def _normalize_label(label: str) -> str:
    return re.sub(r"[^a-z0-9]", "", label.lower())


def _invert_rows(rows: dict[str, str]) -> dict[str, str]:
    """Invert a table of charsets.toml: from each word in a row to the row's key."""
    return {word: name for name, words in rows.items() for word in words.split()}


@cache
def _labels() -> dict[str, str]:
    """Return the codec of every known label, in the form of `_normalize_label`."""
    tables = word_tables(__file__, "charsets")
    codecs = {name: name for name in tables["codecs"].split()} | _invert_rows(tables["read_as"])
    known = {_normalize_label(alias): codecs[name] for alias, name in aliases.items() if name in codecs}
    return known | {_normalize_label(name): codec for name, codec in codecs.items()} | _invert_rows(tables["labels"])


@cache
def _by_language() -> dict[str, tuple[str, ...]]:
    """Return the codecs used for each language before UTF-8, likeliest first."""
    rows = _invert_rows(word_tables(__file__, "charsets")["by_language"])
    return {tag: tuple(codecs.split()) for tag, codecs in rows.items()}


def codec_of(label: str) -> str:
    """Return the codec of a charset label, "" if it is unknown."""
    return _labels().get(_normalize_label(label[:60]), "")


def hints(label: str = "", language: str = "") -> tuple[str, ...]:
    """Return codecs to try on unlabelled bytes of a message that mentions this charset or language elsewhere."""
    tag = language.lower()
    spoken = _by_language().get(tag) or _by_language().get(tag.partition("-")[0], ())
    codec = codec_of(label)
    return (codec, *spoken) if codec and codec != "utf_8" else spoken


def decoded(data: bytes, label: str = "", hinted: tuple[str, ...] = ()) -> tuple[str, bool]:
    """Decode bytes; return the text, not yet tidied, and whether its charset is certain.

    It is certain if the text is valid in the charset of its label, or valid UTF-8.
    """
    codec = codec_of(label)
    if data.isascii():
        return _seven_bit(data, codec), True
    utf8 = _strict(data, "utf_8")
    beyond = len(data.translate(None, _ASCII))
    if utf8 is not None and (codec in ("", "utf_8") or beyond >= (2 if codec == "cp1252" else _CHANCE)):
        return utf8, True
    if codec not in ("", "utf_8") and not (codec == "cp1252" and beyond >= _FEW and _is_eastern(data, beyond)):
        said = _decode_as_labelled(data, codec)
        if said is not None:
            return said, True
    if utf8 is not None:
        return utf8, True
    return _guess(data, hinted, beyond), False


def read(data: bytes, label: str, hinted: tuple[str, ...], faults: set[str]) -> str:
    """Decode bytes, adding the fault "charset" if the charset is a guess. The text is not yet tidied."""
    text, sure = decoded(data, label, hinted)
    if not sure:
        faults.add("charset")
    return text


def _strict(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except UnicodeError:
        return None


def _is_eastern(data: bytes, non_ascii_count: int) -> bool:
    """Return whether there are more bytes beyond ASCII than in a text in Latin letters.

    Programs without charset support label any bytes as ASCII or Latin-1.
    """
    return non_ascii_count > sum(map(data.count, _COMMON_LATIN))


def _decode_as_labelled(data: bytes, codec: str) -> str | None:
    """Decode with the labelled codec, tolerating a few damaged bytes; None if the label must be wrong."""
    readings = (_strict(data, one) for one in (codec, *_ALSO_SAID.get(codec, ())))
    return next((text for text in readings if text is not None), None) or _mostly(data, codec)


def _mostly(data: bytes, codec: str) -> str | None:
    """Decode a text in which at most a tenth of the characters beyond ASCII are broken, for example truncated."""
    text = data.decode(codec, "replace")
    broken = text.count("\ufffd")
    strange = len(text) - len(text.encode("ascii", "ignore"))
    return text if broken * 10 <= strange else None


def _seven_bit(data: bytes, codec: str) -> str:
    sign = _SHIFTED.get(codec)
    if codec in ("", "utf_8", "cp1252", "iso2022_jp") and b"\x1b$" in data:  # RFC 1468 was in use long before labels
        return _japanese(data)
    if sign is not None and sign in data:
        return (_strict(data, codec) or data.decode("ascii")) if codec == "utf_7" else data.decode(codec, "replace")
    return data.decode("ascii")


_ESCAPES = re.compile(rb"\x1b(\$[@B]|\$\([@BD]|\([BJIH])")


def _japanese(data: bytes) -> str:
    """Decode ISO-2022-JP with half-width kana and Windows extensions (①, ㈱), which Python's codec refuses.

    Byte pairs of the 94 x 94 table are converted to Shift_JIS, of which cp932 knows all.
    """
    text = _strict(data, "iso2022_jp")
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
    made = bytearray()
    at = 0
    while at < len(pairs):
        first, second = pairs[at], pairs[at + 1] if at + 1 < len(pairs) else 0
        if not (0x21 <= first <= 0x7E and 0x21 <= second <= 0x7E):
            made.append(first)
            at += 1
            continue
        row = (first + 1) // 2 + (0x70 if first < 0x5F else 0xB0)
        made += bytes((row, second + (0x7E if first % 2 == 0 else 0x1F + (second > 0x5F))))
        at += 2
    return bytes(made)


def _guess(data: bytes, hinted: tuple[str, ...], non_ascii_count: int) -> str:
    """Decode bytes that are not valid UTF-8 and have no usable label, with the likeliest codec."""
    if _mostly(data[:_SAMPLE], "utf_8") is not None:
        return data.decode(errors="replace")
    russian, share = _russian(data[:_SAMPLE])
    if _CYRILLIC & {*hinted}:
        return data.decode(russian, "replace")
    for codec in hinted:
        text = _decode_as_labelled(data, codec) if codec != "cp1252" else None  # cp1252 fits anything, so try it last
        if text is not None:
            return text
    chinese = _strict(data, "gb18030")
    if _is_eastern(data, non_ascii_count):  # Russian, recognized by its most frequent letters, or Chinese
        if share >= 0.35:
            return data.decode(russian, "replace")
        if chinese is not None:
            return chinese
    # A Chinese name or a few words among Latin letters.
    return chinese if chinese is not None and _are_common_signs(data) else data.decode("cp1252", "replace")


def _are_common_signs(data: bytes) -> bool:
    """Return whether all bytes beyond ASCII form pairs of GB 2312's symbols or first level (rows 1, 3 and 16 to 55).

    Accented letters of a western text don't: they are single bytes, or belong to higher rows.
    """
    return _COMMON_CHINESE.sub(b"", data).isascii()


def _russian(data: bytes) -> tuple[str, float]:
    """Return Windows-1251 or KOI8-R, whichever gives more of the ten most frequent letters, and their share.

    The share is 0 if over a quarter of the bytes beyond ASCII are no Cyrillic letters.
    """
    common, codec = max(
        (sum(map(data.decode(codec, "replace").count, "оеаинтсрвл")), codec) for codec in ("cp1251", "koi8_r")
    )
    beyond = data.translate(None, _ASCII)
    letters = sum("А" <= sign <= "я" or sign in "ёЁіїєґў" for sign in beyond.decode(codec, "replace"))
    return codec, common / max(1, len(beyond)) if letters >= 0.75 * len(beyond) else 0.0


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
    return normal(_DROPPED.sub("", text))
