"""Splitting of a message into MIME parts, with limits on their number and depth, and their decoding.

Python's own parser uses one generator for each level, so a few thousand nested multiparts break it.
"""

import re
from binascii import Error as Undecodable
from binascii import a2b_qp, a2b_uu
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from .header_words import decode_base64, parse_parameters, unfold

MOST_PARTS = 200
MOST_DEPTH = 20
MAX_HEADER_BYTES = 1_000_000  # of one header block
MAX_TYPE_BYTES = 20_000  # of Content-Type or Content-Disposition
MAX_BOUNDARY_SEARCH = 100_000  # bytes of a multipart that are searched for an undeclared boundary
# Lines that begin like a delimiter but are none; each costs time, and real messages have few.
MAX_FALSE_DELIMITERS = 10_000

Fields = list[tuple[str, bytes]]

# A header field with its folded lines.
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:([^\n]*+(?:\n[ \t][^\n]*+)*+)(?:\n|\Z)")
# Up to five lines that are no headers, above a well-known header.
_STRAY_LINES = re.compile(
    rb"(?:(?!--)[^\n]++\n){1,5}?(?=(?i:From|To|Cc|Subject|Date|Message-ID|MIME-Version|Content-[a-z-]+|Received"
    rb"|Return-Path|Delivered-To|Reply-To|Sender|References|In-Reply-To|X-[a-z-]+)[ \t]*:)"
)
# A delimiter line, recognized by the header of a part below it.
_FIRST_BOUNDARY = re.compile(rb"^--([^\n]{1,200}?)[ \t]*\n(?=(?i:Content-[a-z-]+)[ \t]*:)", re.MULTILINE)
# A media type without its semicolon, as in "text/plain charset=utf-8".
_NO_SEMICOLON = re.compile(r"\A([^\s;/]+/[^\s;]+)(?=\s+[A-Za-z*-]+\s*=)")


@dataclass
class MimePart:
    """A MIME part with parsed headers and encoded content; a multipart has `parts` instead of content."""

    kind: str  # the media type
    content_params: dict[str, str]  # of Content-Type
    disposition: str
    disposition_params: dict[str, str]  # of Content-Disposition
    encoding: str
    fields: Fields
    content: bytes = b""
    parts: list["MimePart"] = field(default_factory=list)

    def get_value(self, name: str) -> bytes:
        """Return the first header with this name (in lower case), or b""."""
        return next((value for key, value in self.fields if key.lower() == name), b"")

    @property
    def name(self) -> str:
        """The file name from Content-Disposition or Content-Type, or ""."""
        name = self.disposition_params.get("filename") or self.content_params.get("name") or ""
        return " ".join(name.split())

    def walk(self) -> Iterator["MimePart"]:
        yield self
        for part in self.parts:
            yield from part.walk()


def normalize_line_ends(raw: bytes) -> bytes:
    """Return the bytes with LF as line ends.

    A lone CR counts as a line end only if there is no LF at all. Otherwise a CR within a header would begin another
    one.
    """
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    if b"\n" not in raw:
        return raw.replace(b"\r", b"\n")
    if b"\r" not in raw:
        return raw
    return raw.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n")


def parse_fields(raw: bytes, start: int = 0, end: int | None = None) -> tuple[Fields, int]:
    """Return the header fields at `start`, with names as written and values still folded, and the start of the body.

    The headers end at an empty line or at a line that is no header. There is an exception if a well-known header
    follows soon after the latter: it is skipped above the first header, and elsewhere it continues the value above it,
    because some programs fold values without indentation.
    """
    fields: Fields = []
    position = start
    if end is None:
        end = len(raw)
    if raw.startswith((b"From ", b">From "), position):  # the separator of an mbox
        position = raw.find(b"\n", position, end) + 1 or end
    while position - start < MAX_HEADER_BYTES:
        match = _FIELD.match(raw, position, end)
        if match:
            fields.append((match[1].decode("ascii"), match[2][:MAX_HEADER_BYTES]))
            position = match.end()
            continue
        # Above the first header only a message may have such lines, not a part; a message starts at 0 or 1.
        may_have_stray_lines = start <= 1 or fields
        stray = _STRAY_LINES.match(raw, position, end) if may_have_stray_lines else None
        if not stray:
            break
        if fields:
            name, value = fields[-1]
            continuation = stray[0].rstrip().replace(b"\n", b"\n ")
            fields[-1] = (name, (value + b"\n " + continuation)[:MAX_HEADER_BYTES])
        position = stray.end()
    else:  # the headers are too long: skip the others
        position = max(raw.find(b"\n\n", position - 1, end) + 1, position)
    has_empty_line = position < end and raw[position : position + 1] == b"\n"
    return fields, position + 1 if has_empty_line else position


class MimeSplitter:
    """A splitter of one message. Works with offsets in `raw` instead of copies, and limits the number of parts."""

    def __init__(self, raw: bytes, faults: set[str]) -> None:
        # The line end at the start lets `_split_at_boundary` find a delimiter in the first line.
        self.raw = b"\n" + normalize_line_ends(raw).lstrip(b"\n")
        self.faults = faults
        self.part_count = 0

    def read_message(self) -> MimePart:
        return self._read_part(1, len(self.raw), default_kind="text/plain", depth=0)

    def _read_part(self, start: int, end: int, default_kind: str, depth: int) -> MimePart:
        """Parse the part between these offsets with its headers and nested parts."""
        self.part_count += 1
        fields, body_start = parse_fields(self.raw, start, end)
        if body_start - start > MAX_HEADER_BYTES:
            self.faults.add("bytes")
        part = self._build_part(fields, default_kind)
        if not part.kind.startswith("multipart/"):
            part.content = self.raw[body_start:end]
        elif depth >= MOST_DEPTH:
            self.faults.add("depth")
        else:
            inner_kind = "message/rfc822" if part.kind == "multipart/digest" else "text/plain"
            for inner_start, inner_end in self._find_parts(body_start, end, part):
                if self.part_count >= MOST_PARTS:
                    self.faults.add("parts")
                    break
                part.parts.append(self._read_part(inner_start, inner_end, inner_kind, depth + 1))
        return part

    def _build_part(self, fields: Fields, default_kind: str) -> MimePart:
        headers: dict[str, bytes] = {}
        for name, value in fields:
            headers.setdefault(name.lower(), value[:MAX_TYPE_BYTES])

        def get_line(name: str) -> str:
            return unfold(headers.get(name, b""), (), self.faults)

        kind, content_params = parse_parameters(_NO_SEMICOLON.sub(r"\1;", get_line("content-type")), self.faults)
        disposition, disposition_params = parse_parameters(get_line("content-disposition"), self.faults)
        if not re.fullmatch(r"[^\s/]+/[^\s/]+", kind):
            # RFC 2045, section 5.2: an invalid type means plain text; but some programs write just "html".
            kind = "text/html" if kind == "html" else default_kind
        encoding = get_line("content-transfer-encoding").partition(";")[0].strip().lower()
        return MimePart(kind, content_params, disposition, disposition_params, encoding, fields)

    def _find_parts(self, start: int, end: int, part: MimePart) -> list[tuple[int, int]]:
        """Return the offsets of the parts between the delimiters.

        If the declared boundary is missing or wrong, use a boundary found in the text. If there is none, the whole
        content is one part.
        """
        boundary = part.content_params.get("boundary", "").encode().rstrip()
        spans = self._split_at_boundary(start, end, boundary) if boundary else []
        if not spans:
            found_boundary = _FIRST_BOUNDARY.search(self.raw, start, min(end, start + MAX_BOUNDARY_SEARCH))
            if found_boundary:
                spans = self._split_at_boundary(start, end, found_boundary[1])
        if not spans and self.raw[start:end].strip():
            spans = [(start - 1, end)]  # from the line end above, so that the part begins with an empty head
        return spans

    def _split_at_boundary(self, start: int, end: int, boundary: bytes) -> list[tuple[int, int]]:
        """Split at delimiter lines (RFC 2046, section 5.1.1); the closing one may be missing."""
        raw = self.raw
        delimiter = b"\n--" + boundary
        delimiters: list[tuple[int, int]] = []  # the start of each delimiter, and of the line after it
        false_count = 0
        position = raw.find(delimiter, start - 1, end)
        while position >= 0:
            boundary_end = position + len(delimiter)
            line_end = raw.find(b"\n", boundary_end, end)
            if line_end < 0:
                line_end = end
            suffix = raw[boundary_end : min(line_end, boundary_end + 80)].rstrip()
            if suffix in (b"", b"--"):
                delimiters.append((position, min(line_end + 1, end)))
            else:
                false_count += 1
            if suffix == b"--" or len(delimiters) > MOST_PARTS + 1:
                break
            if false_count > MAX_FALSE_DELIMITERS:
                self.faults.add("parts")
                position = -1
            else:
                position = raw.find(delimiter, line_end, end)
        if position < 0:  # without a closing delimiter
            delimiters.append((end, end))
        # Each part reaches from the line after a delimiter to the next delimiter.
        return [(part_start, max(part_start, next_start)) for (_, part_start), (next_start, _) in pairwise(delimiters)]


def decode_content(part: MimePart) -> bytes:
    """Return the content without its transfer encoding, as far as it can be decoded."""
    if part.encoding == "base64":
        return _decode_base64_body(part.content)
    if part.encoding == "quoted-printable":
        return a2b_qp(re.sub(rb"=[ \t]+\n", b"=\n", part.content))
    if part.encoding in ("x-uuencode", "uuencode", "x-uue", "uue"):
        return _decode_uu_lines(part.content.partition(b"\n")[2])
    return part.content


def _decode_base64_body(content: bytes) -> bytes:
    """Decode base64 up to the first line with several words, since mailing lists append plain footers.

    Plain text with the label of base64 is returned unchanged.
    """
    words = re.search(rb"\S[ \t]+\S", content)
    if words is None:
        return decode_base64(content)
    encoded = content[: content.rfind(b"\n", 0, words.start()) + 1]
    if encoded.strip():
        return decode_base64(encoded)
    decoded = decode_base64(content)
    return decoded if _is_text(decoded) else content


def _is_text(data: bytes) -> bool:
    try:
        return not re.search(r"[\x00-\x08\x0e-\x1f]", data.decode())
    except UnicodeDecodeError:
        return False


def _decode_uu_lines(data: bytes) -> bytes:
    decoded: list[bytes] = []
    for line in data.split(b"\n"):
        if line.strip() in (b"", b"`", b"end"):
            continue
        try:
            decoded.append(a2b_uu(line))
        except Undecodable:
            decoded.append(b"")
    return b"".join(decoded)


# A file of uuencode in a text, from "begin 644 road.jpg" to "end".
_UU_FILE = re.compile(
    r"^begin [0-7]{3,4} ([^\n]{1,250})\n((?:[!-`][ -`]{0,90}\n)++)(?:[ `]?\n)?end[ \t]*(?:\n|\Z)", re.MULTILINE
)


def extract_uuencoded_files(text: str) -> tuple[str, list[tuple[str, bytes]]]:
    """Return a text without its uuencoded files, and the name and content of each file."""
    if "begin " not in text:
        return text, []
    files = [(match[1].strip(), _decode_uu_lines(match[2].encode("ascii"))) for match in _UU_FILE.finditer(text)]
    return _UU_FILE.sub("", text) if files else text, files


# The types of the signatures of a multipart/signed, which are not shown.
_SIGNATURE_TYPES = frozenset(
    {"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"}
)
_TEXT_TYPES = frozenset({"text/plain", "text/html", "text/markdown"})
_REDUNDANT_TYPES = frozenset({"text/x-amp-html", "text/watch-html", "text/enriched"})  # of a multipart/alternative


def is_report(part: MimePart, top: MimePart) -> bool:
    """Return whether a part is a report (RFC 6522) and the whole message: anybody could attach a report to a letter."""
    return part.kind == "multipart/report" and part is top


def get_visible_parts(part: MimePart, top: MimePart) -> list[MimePart]:
    """Return the parts of a multipart that are meant for people. Of a report, this is the first part."""
    if part.kind == "multipart/alternative":
        return [child for child in part.parts if child.kind not in _REDUNDANT_TYPES]
    if part.kind == "multipart/signed":
        return [child for child in part.parts if child.kind not in _SIGNATURE_TYPES]
    return part.parts[:1] if is_report(part, top) else part.parts


def iter_leaves(part: MimePart, top: MimePart) -> Iterator[MimePart]:
    """Yield the visible parts that are no multiparts, in order. `MimeSplitter` limits the depth of the recursion."""
    if not part.kind.startswith("multipart/"):
        yield part
        return
    for child in get_visible_parts(part, top):
        yield from iter_leaves(child, top)


def is_text_part(part: MimePart) -> bool:
    """Return whether a leaf is part of the message's own text; every other leaf is an attached file."""
    return part.kind in _TEXT_TYPES and part.disposition != "attachment" and not _is_file(part)


def _is_file(part: MimePart) -> bool:
    """Return whether a text part is an attached file because it has a file name, even without "attachment"."""
    if part.disposition_params.get("filename"):
        return True
    return part.disposition != "inline" and bool(part.content_params.get("name"))
