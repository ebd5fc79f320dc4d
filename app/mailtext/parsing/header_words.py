"""Header lines as text: encoded words (RFC 2047), raw bytes beyond ASCII, and parameters (RFC 2231).

Python's own `email.policy.default` puts spaces into names whose encoded words were split, and raises on headers that
are met every day; everything here is linear and gives some text for any bytes.
"""

import re
from binascii import a2b_base64, a2b_qp
from collections.abc import Iterator
from itertools import pairwise
from urllib.parse import unquote_to_bytes

from .charsets import read, tidy

_HEAD = re.compile(r"=\?([^?\s]{1,60})\?([BbQq])\?")
_FOLD = re.compile(r"\n[ \t]+|[\n\t]")
_NO_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))


def unfolded(raw: bytes, hinted: tuple[str, ...], faults: set[str]) -> str:
    """A header's value as one line, its encoded words not yet decoded.

    Bytes beyond ASCII are UTF-8 (RFC 6532), else in the message's own charset, else guessed with the fault "charset".
    """
    return _FOLD.sub(" ", tidy(read(raw, "", hinted, faults))).strip()


def unworded(text: str, faults: set[str]) -> str:
    """Decode the encoded words of a line.

    White space between two of them is no text (RFC 2047, section 6.2). Neighbours of the same charset are decoded
    together: many programs cut between the bytes of one character, which section 5 forbids.
    """
    if "=?" not in text:
        return text
    parts: list[str] = []
    pending = b""
    charset = ""
    end = 0
    for start, stop, label, data in _iter_encoded_words(text):
        between = text[end:start]
        if end and (not between or between.isspace()):
            between = ""
        if pending and (between or label != charset):
            parts.append(read(pending, charset, (), faults))
            pending = b""
        parts.append(between)
        charset, pending, end = label, pending + data if pending else data, stop
    parts.append(read(pending, charset, (), faults))
    parts.append(text[end:])
    return tidy(re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", "".join(parts)))


def _iter_encoded_words(text: str) -> Iterator[tuple[int, int, str, bytes]]:
    """Each encoded word: where it starts and stops, its charset, its bytes."""
    heads = list(_HEAD.finditer(text))
    for head, after in pairwise([*heads, None]):
        if head is None:
            break
        limit = after.start() if after else len(text)
        stop = text.find("?=", head.end(), limit)
        if stop < 0:
            continue
        content = text[head.end() : stop].encode()
        label = head[1].partition("*")[0].lower()  # RFC 2231, section 5: a language may follow the charset
        plain = base64(content) if head[2] in "Bb" else a2b_qp(content, header=True)
        yield head.start(), stop + 2, label, plain


def base64(data: bytes) -> bytes:
    """Decode what is there: signs that are no base64 are passed over, missing padding is added.

    Padding in the middle ends a chunk and not the text: gateways join what others have encoded.
    """
    if data.count(b"=") > 2000:
        return _chunk(data)
    return b"".join(map(_chunk, data.split(b"=")))


def _chunk(data: bytes) -> bytes:
    signs = data.translate(None, _NO_BASE64)
    if len(signs) % 4 == 1:
        signs = signs[:-1]
    return a2b_base64(signs + b"=" * (-len(signs) % 4))


# A quoted value that nobody closed goes to the end; a value without quotes to the next semicolon.
_PARAMETER = re.compile(r';\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*+)(?:"|\\?\Z)|([^;]*))', re.DOTALL)
_SECTION = re.compile(r"(.+?)(?:\*(\d{1,4}))?(\*)?")


def parameters(line: str, faults: set[str]) -> tuple[str, dict[str, str]]:
    """The value of a Content-Type or Content-Disposition in lower case, and its parameters with decoded values.

    Of two parameters with one name the first counts; one in RFC 2231's form goes before a plain one.
    """
    value, semicolon, rest = line.partition(";")
    plain: dict[str, str] = {}
    sections: dict[str, dict[int, tuple[bool, str]]] = {}
    for match in _PARAMETER.finditer(semicolon + rest):
        section = _SECTION.fullmatch(match[1].lower())
        text = match[3].strip() if match[2] is None else re.sub(r"\\(.)", r"\1", match[2])
        if section is None:
            continue
        name, number, encoded = section.groups()
        if number is None and not encoded:
            plain.setdefault(name, unworded(text, faults))
        else:
            sections.setdefault(name, {}).setdefault(int(number or 0), (bool(encoded), text))
    joined = {name: _join_sections(pieces, faults) for name, pieces in sections.items()}
    return value.strip().lower(), plain | joined


def _join_sections(pieces: dict[int, tuple[bool, str]], faults: set[str]) -> str:
    """The sections of one parameter in their order (RFC 2231, section 3), with its charset (section 4)."""
    ordered = [pieces[number] for number in sorted(pieces)]
    charset = ""
    first_encoded, first = ordered[0]
    if first_encoded and first.count("'") >= 2:
        charset, _, first = first.split("'", 2)
        ordered[0] = (True, first)
    if not any(encoded for encoded, _ in ordered):
        return unworded("".join(text for _, text in ordered), faults)
    data = b"".join(unquote_to_bytes(text) if encoded else text.encode() for encoded, text in ordered)
    return tidy(read(data, charset, (), faults))
