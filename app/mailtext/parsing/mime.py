"""Splitting of a message into MIME parts, with limits on their number and depth, and their decoding.

Python's own parser uses one generator for each level, so a few thousand nested multiparts break it.
"""

import re
from binascii import Error as Undecodable
from binascii import a2b_qp, a2b_uu
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from .header_words import base64, parameters, unfolded

MOST_PARTS = 200
MOST_DEPTH = 20
MOST_HEADERS = 1_000_000  # bytes of one header block
MOST_OF_A_TYPE = 20_000  # bytes of Content-Type or Content-Disposition
# Lines that begin like a delimiter but are none; each costs time, and real messages have few.
MOST_FALSE_DELIMITERS = 10_000

Fields = list[tuple[str, bytes]]

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:([^\n]*+(?:\n[ \t][^\n]*+)*+)(?:\n|\Z)")
_STRAY_LINES = re.compile(
    rb"(?:(?!--)[^\n]++\n){1,5}?(?=(?i:From|To|Cc|Subject|Date|Message-ID|MIME-Version|Content-[a-z-]+|Received"
    rb"|Return-Path|Delivered-To|Reply-To|Sender|References|In-Reply-To|X-[a-z-]+)[ \t]*:)"
)
_FIRST_BOUNDARY = re.compile(rb"^--([^\n]{1,200}?)[ \t]*\n(?=(?i:Content-[a-z-]+)[ \t]*:)", re.MULTILINE)
_NO_SEMICOLON = re.compile(r"\A([^\s;/]+/[^\s;]+)(?=\s+[A-Za-z*-]+\s*=)")


@dataclass
class Part:
    """A MIME part with parsed headers and encoded content; a multipart has `parts` instead of content.

    `kind` is its media type, `content_params` are the parameters of Content-Type, and `disposition_params` those of
    Content-Disposition.
    """

    kind: str
    content_params: dict[str, str]
    disposition: str
    disposition_params: dict[str, str]
    encoding: str
    fields: Fields
    content: bytes = b""
    parts: list["Part"] = field(default_factory=list)

    def value(self, name: str) -> bytes:
        """Return the first header with this name (in lower case), or b""."""
        return next((value for key, value in self.fields if key.lower() == name), b"")

    @property
    def name(self) -> str:
        """The file name from Content-Disposition or Content-Type, or ""."""
        return " ".join((self.disposition_params.get("filename") or self.content_params.get("name") or "").split())

    def walk(self) -> Iterator["Part"]:
        yield self
        for part in self.parts:
            yield from part.walk()


def lines_normalised(raw: bytes) -> bytes:
    """Return the bytes with LF as line ends.

    A lone CR counts as a line end only if there is no LF at all, because in a header it would begin another header.
    """
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    if b"\n" not in raw:
        return raw.replace(b"\r", b"\n")
    return raw.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n") if b"\r" in raw else raw


def fields_of(raw: bytes, start: int = 0, end: int | None = None) -> tuple[Fields, int]:
    """Return the header fields at `start`, with names as written and values still folded, and the start of the body.

    The headers end at an empty line or at a line that is no header. But if a well-known header follows soon, such a
    line is skipped above the first header, and below one it continues the value, which some programs fold without
    indentation.
    """
    fields: Fields = []
    at, end = start, len(raw) if end is None else end
    if raw.startswith((b"From ", b">From "), at):  # the separator of an mbox
        at = raw.find(b"\n", at, end) + 1 or end
    while at - start < MOST_HEADERS:
        match = _FIELD.match(raw, at, end)
        if match:
            fields.append((match[1].decode("ascii"), match[2][:MOST_HEADERS]))
        else:
            match = _STRAY_LINES.match(raw, at, end) if fields or start <= 1 else None
            if not match:
                break
            if fields:
                name, value = fields[-1]
                fields[-1] = (name, (value + b"\n " + match[0].rstrip().replace(b"\n", b"\n "))[:MOST_HEADERS])
        at = match.end()
    else:
        at = max(raw.find(b"\n\n", at - 1, end) + 1, at)
    return fields, at + 1 if at < end and raw[at : at + 1] == b"\n" else at


class Reader:
    """A splitter of one message, which works with offsets instead of copies, counts parts and collects faults."""

    def __init__(self, raw: bytes, faults: set[str]) -> None:
        # The line end before it makes a delimiter at the very start findable.
        self.raw = b"\n" + lines_normalised(raw).lstrip(b"\n")
        self.faults = faults
        self.count = 0

    def message(self) -> Part:
        return self._part(1, len(self.raw), "text/plain", 0)

    def _part(self, start: int, end: int, default: str, depth: int) -> Part:
        """Parse the part between these offsets with its headers and nested parts."""
        self.count += 1
        fields, body = fields_of(self.raw, start, end)
        if body - start > MOST_HEADERS:
            self.faults.add("bytes")
        part = self._build_part(fields, default)
        if not part.kind.startswith("multipart/"):
            part.content = self.raw[body:end]
        elif depth >= MOST_DEPTH:
            self.faults.add("depth")
        else:
            inner = "message/rfc822" if part.kind == "multipart/digest" else "text/plain"
            for piece in self._pieces(body, end, part):
                if self.count >= MOST_PARTS:
                    self.faults.add("parts")
                    break
                part.parts.append(self._part(*piece, inner, depth + 1))
        return part

    def _build_part(self, fields: Fields, default: str) -> Part:
        headers: dict[str, bytes] = {}
        for name, value in fields:
            headers.setdefault(name.lower(), value[:MOST_OF_A_TYPE])

        def line(name: str) -> str:
            return unfolded(headers.get(name, b""), (), self.faults)

        kind, content_params = parameters(_NO_SEMICOLON.sub(r"\1;", line("content-type")), self.faults)
        disposition, disposition_params = parameters(line("content-disposition"), self.faults)
        if not re.fullmatch(r"[^\s/]+/[^\s/]+", kind):
            # RFC 2045, section 5.2: an invalid type means plain text; but some programs write just "html".
            kind = "text/html" if kind == "html" else default
        encoding = line("content-transfer-encoding").partition(";")[0].strip().lower()
        return Part(kind, content_params, disposition, disposition_params, encoding, fields)

    def _pieces(self, start: int, end: int, part: Part) -> list[tuple[int, int]]:
        """Return the offsets of the parts between the delimiters.

        If the boundary is missing or wrong, use the one found in the text. Without any, the whole is one part.
        """
        boundary = part.content_params.get("boundary", "").encode().rstrip()
        pieces = self._split_at_boundary(start, end, boundary) if boundary else []
        if not pieces and (used := _FIRST_BOUNDARY.search(self.raw, start, min(end, start + 100_000))):
            pieces = self._split_at_boundary(start, end, used[1])
        if not pieces and self.raw[start:end].strip():
            pieces = [(start - 1, end)]
        return pieces

    def _split_at_boundary(self, start: int, end: int, boundary: bytes) -> list[tuple[int, int]]:
        """Split at delimiter lines (RFC 2046, section 5.1.1); the closing one may be missing."""
        raw, delimiter = self.raw, b"\n--" + boundary
        found: list[tuple[int, int]] = []  # the start of each delimiter, and of the line after it
        at, misses = raw.find(delimiter, start - 1, end), 0
        while at >= 0:
            stop = at + len(delimiter)
            line_end = raw.find(b"\n", stop, end)
            line_end = end if line_end < 0 else line_end
            rest = raw[stop : min(line_end, stop + 80)].rstrip()
            if rest in (b"", b"--"):
                found.append((at, min(line_end + 1, end)))
            else:
                misses += 1
            if rest == b"--" or len(found) > MOST_PARTS + 1:
                break
            if misses > MOST_FALSE_DELIMITERS:
                self.faults.add("parts")
                at = -1
            else:
                at = raw.find(delimiter, line_end, end)
        if at < 0:
            found.append((end, end))
        return [(begins, max(begins, stands)) for (_, begins), (stands, _) in pairwise(found)]


def decode_content(part: Part) -> bytes:
    """Return the content without its transfer encoding, as far as it can be decoded."""
    if part.encoding == "base64":
        return _base64(part.content)
    if part.encoding == "quoted-printable":
        return a2b_qp(re.sub(rb"=[ \t]+\n", b"=\n", part.content))
    if part.encoding in ("x-uuencode", "uuencode", "x-uue", "uue"):
        return _uu_lines(part.content.partition(b"\n")[2])
    return part.content


def _base64(content: bytes) -> bytes:
    """Decode base64 up to the first line with several words, since mailing lists append plain footers.

    Text that is only labelled as base64 is returned unchanged.
    """
    words = re.search(rb"\S[ \t]+\S", content)
    if words is None:
        return base64(content)
    encoded = content[: content.rfind(b"\n", 0, words.start()) + 1]
    made = base64(encoded if encoded.strip() else content)
    return made if encoded.strip() or _is_text(made) else content


def _is_text(data: bytes) -> bool:
    try:
        return not re.search(r"[\x00-\x08\x0e-\x1f]", data.decode())
    except UnicodeDecodeError:
        return False


def _uu_lines(data: bytes) -> bytes:
    made: list[bytes] = []
    for line in data.split(b"\n"):
        if line.strip() in (b"", b"`", b"end"):
            continue
        try:
            made.append(a2b_uu(line))
        except Undecodable:
            made.append(b"")
    return b"".join(made)


_UU = re.compile(
    r"^begin [0-7]{3,4} ([^\n]{1,250})\n((?:[!-`][ -`]{0,90}\n)++)(?:[ `]?\n)?end[ \t]*(?:\n|\Z)", re.MULTILINE
)


def without_uuencoded(text: str) -> tuple[str, list[tuple[str, bytes]]]:
    """Return a text without its uuencoded files, and the name and content of each file."""
    if "begin " not in text:
        return text, []
    files = [(match[1].strip(), _uu_lines(match[2].encode("ascii"))) for match in _UU.finditer(text)]
    return _UU.sub("", text) if files else text, files


# The signatures of a multipart/signed are not shown to readers.
_SIGNATURES = frozenset({"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"})
_TEXTS = frozenset({"text/plain", "text/html", "text/markdown"})
_OTHER_FORMS = frozenset({"text/x-amp-html", "text/watch-html", "text/enriched"})  # redundant alternatives


def is_report(part: Part, top: Part) -> bool:
    """Return whether the whole message is a report (RFC 6522): anybody could attach a report to a letter."""
    return part.kind == "multipart/report" and part is top


def get_visible_parts(part: Part, top: Part) -> list[Part]:
    """Return the parts of a multipart that are meant for people, which is the first one of a report."""
    if part.kind == "multipart/alternative":
        return [one for one in part.parts if one.kind not in _OTHER_FORMS]
    if part.kind == "multipart/signed":
        return [one for one in part.parts if one.kind not in _SIGNATURES]
    return part.parts[:1] if is_report(part, top) else part.parts


def leaves(part: Part, top: Part) -> Iterator[Part]:
    """Yield the visible parts that are no multiparts, in order. `Reader` limits the depth of the recursion."""
    if not part.kind.startswith("multipart/"):
        yield part
        return
    for one in get_visible_parts(part, top):
        yield from leaves(one, top)


def is_text_part(part: Part) -> bool:
    """Return whether a leaf is part of the message's own text; every other leaf is an attached file."""
    return part.kind in _TEXTS and part.disposition != "attachment" and not _is_file(part)


def _is_file(part: Part) -> bool:
    """Return whether a text part is an attached file because it has a file name, even without "attachment"."""
    if part.disposition_params.get("filename"):
        return True
    return part.disposition != "inline" and bool(part.content_params.get("name"))
