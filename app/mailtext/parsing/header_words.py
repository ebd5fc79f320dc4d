"""Decoding of header values: encoded words (RFC 2047), raw bytes beyond ASCII, and parameters (RFC 2231).

Python's `email.policy.default` inserts spaces into names whose encoded words were split, and raises on common headers.
These functions take linear time and return text for any bytes.
"""

import re
from binascii import a2b_base64, a2b_qp
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from .charsets import decode_or_guess, tidy

MAX_BASE64_CHUNKS = 2000
_WORD_START = re.compile(r"=\?([^?\s]{1,60})\?([BbQq])\?")  # "=?utf-8?B?", the start of an encoded word
_FOLD = re.compile(r"\n[ \t]+|[\n\t]")
_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))


def unfold(raw: bytes, hints: tuple[str, ...], faults: set[str]) -> str:
    """Return a header value as one line, with encoded words not yet decoded.

    Bytes beyond ASCII are read as UTF-8 (RFC 6532). If they aren't valid UTF-8, they are read with the codecs in
    `hints` or with a guessed one, and the fault "charset" is added.
    """
    return _FOLD.sub(" ", tidy(decode_or_guess(raw, "", hints, faults))).strip()


def decode_words(text: str, faults: set[str]) -> str:
    """Decode the encoded words in a line.

    White space between two encoded words is dropped (RFC 2047, section 6.2). Adjacent words with the same charset are
    decoded together, because many programs split a character between two words, although section 5 forbids it.
    """
    if "=?" not in text:
        return text
    parts: list[str] = []
    pending = b""  # the bytes of adjacent words, in `charset`
    charset = ""
    end = 0  # of the last word, 0 before the first
    for word_start, word_end, label, data in _iter_encoded_words(text):
        between = text[end:word_start]
        if end and (not between or between.isspace()):
            between = ""
        if pending and (between or label != charset):
            parts.append(decode_or_guess(pending, charset, (), faults))
            pending = b""
        parts.append(between)
        charset = label
        pending += data
        end = word_end
    parts.append(decode_or_guess(pending, charset, (), faults))
    parts.append(text[end:])
    return tidy(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", "".join(parts)))


def _iter_encoded_words(text: str) -> Iterator[tuple[int, int, str, bytes]]:
    """Yield the start, end, charset and bytes of each encoded word."""
    matches = list(_WORD_START.finditer(text))
    limits = [*(match.start() for match in matches[1:]), len(text)]
    for match, limit in zip(matches, limits, strict=False):
        content_end = text.find("?=", match.end(), limit)
        if content_end < 0:
            continue
        content = text[match.end() : content_end].encode()
        label = match[1].partition("*")[0].lower()  # RFC 2231, section 5: a language may follow the charset
        data = decode_base64(content) if match[2] in "Bb" else a2b_qp(content, header=True)
        yield match.start(), content_end + len("?="), label, data


def decode_base64(data: bytes) -> bytes:
    """Decode base64 leniently: invalid characters are skipped, missing padding is added.

    Padding in the middle ends a chunk, not the data, because gateways concatenate encoded texts.
    """
    if data.count(b"=") > MAX_BASE64_CHUNKS:  # not base64; splitting it would take too long
        return _decode_chunk(data)
    return b"".join(map(_decode_chunk, data.split(b"=")))


def _decode_chunk(data: bytes) -> bytes:
    characters = data.translate(None, _NOT_BASE64)
    if len(characters) % 4 == 1:  # a single character encodes no complete byte
        characters = characters[:-1]
    return a2b_base64(characters + b"=" * (-len(characters) % 4))


# An unclosed quoted value extends to the end, a value without quotes to the next semicolon.
_PARAMETER = re.compile(r';\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*+)(?:"|\\?\Z)|([^;]*))', re.DOTALL)
_SECTION = re.compile(r"(.+?)(?:\*(\d{1,4}))?(\*)?")


def parse_parameters(line: str, faults: set[str]) -> tuple[str, dict[str, str]]:
    """Parse a Content-Type or Content-Disposition into its value in lower case and its decoded parameters.

    Of several parameters with the same name the first counts, and one in the form of RFC 2231 overrides a plain one.
    """
    value, semicolon, rest = line.partition(";")
    plain: dict[str, str] = {}
    sections: dict[str, dict[int, tuple[bool, str]]] = {}
    for match in _PARAMETER.finditer(semicolon + rest):
        section = _SECTION.fullmatch(match[1].lower())
        if section is None:
            continue
        quoted, unquoted = match[2], match[3]
        text = unquoted.strip() if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        name, number, encoded = section.groups()
        if number is None and not encoded:
            plain.setdefault(name, decode_words(text, faults))
        else:
            sections.setdefault(name, {}).setdefault(int(number or 0), (bool(encoded), text))
    joined = {name: _join_sections(pieces, faults) for name, pieces in sections.items()}
    return value.strip().lower(), plain | joined


def _join_sections(pieces: dict[int, tuple[bool, str]], faults: set[str]) -> str:
    """Join the sections of a parameter in order (RFC 2231, section 3) and decode them with its charset (section 4)."""
    ordered = [pieces[number] for number in sorted(pieces)]
    charset = ""
    first_encoded, first = ordered[0]
    if first_encoded and first.count("'") >= 2:
        charset, _, first = first.split("'", 2)
        ordered[0] = (True, first)
    if not any(encoded for encoded, _ in ordered):
        return decode_words("".join(text for _, text in ordered), faults)
    data = b"".join(unquote_to_bytes(text) if encoded else text.encode() for encoded, text in ordered)
    return tidy(decode_or_guess(data, charset, (), faults))
