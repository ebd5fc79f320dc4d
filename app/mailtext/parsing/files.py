"""Files and mails attached to a message: their list, kinds, sanitized names, and contents.

Only the first bytes of a file are examined, and nothing is unpacked. Attached mails are listed but never handed out:
their headers name people, and they may quote secret links of their recipient. Files of an attached mail are listed too,
but not those of mails nested deeper.
"""

import re
from collections.abc import Iterator
from itertools import islice

from ...text.clean import single_line
from ..incoming import AttachedFile, Mail
from .mime import MOST_PARTS, MimePart, MimeSplitter, decode_content, extract_uuencoded_files, is_text_part, iter_leaves
from .parse import MAX_ATTACHED_HEADERS, MAX_PARSED, parse, parse_headers_only

EXAMINED_BYTES = 4096  # of a file, for magic numbers and headers of a mail

# The beginnings of files by kind; the first match counts. The first entry of an Office container shows its type.
_MAGIC_NUMBERS: dict[str, bytes] = {
    "jpeg": rb"\xff\xd8\xff",
    "png": rb"\x89PNG\r\n\x1a\n",
    "gif": rb"GIF8[79]a",
    "webp": rb"RIFF[\s\S]{4}WEBP",
    "picture": rb"II\*\0|MM\0\*|[\s\S]{4}ftyp(?:hei[cmsx]|hevc|mif1|msf1|avi[fs])|BM[\s\S]{4}\0{4}|8BPS",
    "pdf": rb"\s*%PDF-",
    "office": rb"PK\x03\x04[\s\S]{26}(?:\[Content_Types\]\.xml|_rels/|docProps/|word/|xl/|ppt/)"
    rb"|PK\x03\x04[\s\S]{26}mimetypeapplication/vnd\.oasis|\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1|\{\\rtf",
    "archive": rb"PK(?:\x03\x04|\x05\x06|\x07\x08)|Rar!\x1a\x07|7z\xbc\xaf\x27\x1c|\x1f\x8b\x08|BZh[1-9]1AY|\xfd7zXZ\0"
    rb"|\x28\xb5\x2f\xfd|MSCF\0{4}|[\s\S]{257}ustar",
    "sound": rb"ID3[\x02-\x04]|OggS\0|fLaC|RIFF[\s\S]{4}WAVE|#!AMR|\xff[\xf2\xf3\xfb]|[\s\S]{4}ftypM4A",
    "film": rb"[\s\S]{4}(?:ftyp|moov)|\x1a\x45\xdf\xa3|RIFF[\s\S]{4}AVI |\0\0\x01\xba|FLV\x01",
    "program": rb"MZ(?=[\s\S]{0,100}\0)|\x7fELF|\xca\xfe\xba\xbe|[\xce\xcf]\xfa\xed\xfe|L\0\0\0\x01\x14\x02\0|#!",
    "encrypted": rb"-----BEGIN PGP MESSAGE|age-encryption\.org/v1|\x85[\x01-\x04][\s\S]\x03|Salted__",
    "page": rb"(?i:(?:\xef\xbb\xbf)?(?>(?:\s+|<!--[\s\S]*?-->|<\?[^>]*>|<!doctype\s(?!html)[^>]*>)*)"
    rb"<(?:!doctype\s+html|(?:html|head|body|script|style|iframe|meta|svg|title|div|p|br|table|img|a)\b))",
    "mail": rb"(?i:From [^\n]*\n[\w-]+:|(?=[\s\S]*?^From:)(?:X-[\w-]+|Return-Path|Received|Delivered-To|DKIM-Signature"
    rb"|ARC-[\w-]+|From|To|Date|Subject|Message-ID|MIME-Version|Content-Type):[^\n]*\n(?:[ \t][^\n]*\n)*+[\w-]+:)",
}
_PATTERNS = {kind: re.compile(pattern, re.MULTILINE) for kind, pattern in _MAGIC_NUMBERS.items()}
KINDS = (*_PATTERNS, "text", "other")
PICTURES = frozenset({"jpeg", "png", "gif", "webp"})  # the kinds that may be shown, redrawn
_CONTROL_CHARACTER = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def kind_of(data: bytes) -> str:
    """Return the kind of a file, one of `KINDS`, from its first bytes."""
    head = data[:EXAMINED_BYTES]
    for kind, pattern in _PATTERNS.items():
        if pattern.match(head):
            return kind
    return "text" if _is_text(head) else "other"


def _is_text(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):  # the byte order marks of UTF-16
        return True
    return not _CONTROL_CHARACTER.search(head)


MAX_NAME_LENGTH = 120  # characters
MAX_EXAMINED_NAME = 12_000  # characters of a name as sent; folders in it are cut later
MAX_NAME_BYTES = 200  # in UTF-8; file systems allow 255, and browsers append a number
_EXTENSION = re.compile(r"\.[^.\s]{1,12}\Z")
# Direction controls and invisible characters; ZWJ and ZWNJ stay, because they are part of the spelling.
_INVISIBLE = re.compile(
    r"[\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202f\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb]"
)
_FORBIDDEN = re.compile(r'[<>:"|?*%\x00-\x1f]')  # not allowed by Windows; "%" confuses browsers
_DEVICE_NAME = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?=\.|\Z)", re.IGNORECASE)  # Windows would open the device


def sanitize_file_name(name: str) -> str:
    """Return a safe file name: one line without folders, "" if nothing is left.

    A long name is truncated before its extension, so that the claimed type stays visible.
    """
    name = single_line(name[:MAX_EXAMINED_NAME]).replace("\\", "/").rpartition("/")[2]
    name = _FORBIDDEN.sub("_", _INVISIBLE.sub("", name))
    name = " ".join(name.split()).strip(". ").lstrip("~-")
    match = _EXTENSION.search(name)
    extension = match[0] if match else ""
    name = _shorten_stem(name.removesuffix(extension), extension) + extension
    return f"_{name}" if _DEVICE_NAME.match(name) else name


def _shorten_stem(stem: str, extension: str) -> str:
    stem = stem[: MAX_NAME_LENGTH - len(extension)]
    byte_limit = MAX_NAME_BYTES - len(extension.encode())
    return stem.encode()[:byte_limit].decode(errors="ignore").rstrip()


CLOSED_KIND = "mail"  # the kind whose content is never handed out
_MAIL_TYPES = frozenset({"message/rfc822", "message/global"})
_INCOMPLETE_FAULTS = frozenset({"parts", "depth"})  # faults that mean that some parts were not read


def list_files(raw: bytes) -> tuple[list[AttachedFile], bool]:
    """Return the files of a message, at most `MOST_PARTS`, and whether there are more."""
    faults: set[str] = set()
    files = [file for file, _data in islice(_iter_files(raw, faults, is_outer=True), MOST_PARTS + 1)]
    return files[:MOST_PARTS], len(files) > MOST_PARTS or bool(faults & _INCOMPLETE_FAULTS)


def get_file(raw: bytes, number: int) -> tuple[AttachedFile, bytes] | None:
    """Return the file at index `number` with its content, which is empty for attached mails; None if there is none."""
    if number not in range(MOST_PARTS):
        return None
    return next(islice(_iter_files(raw, set(), is_outer=True), number, None), None)


def _iter_files(raw: bytes, faults: set[str], *, is_outer: bool) -> Iterator[tuple[AttachedFile, bytes]]:
    """Yield the files of a message with their contents; if it `is_outer`, also those of the mails attached to it."""
    top = MimeSplitter(raw, faults).read_message()
    for part in iter_leaves(top, top):
        data = decode_content(part)
        if is_text_part(part):
            if part.kind == "text/plain":
                yield from _iter_uuencoded_files(data)
        elif part.kind.startswith("message/"):
            name = part.name or parse_headers_only(data, "", MAX_ATTACHED_HEADERS).subject
            yield AttachedFile(sanitize_file_name(name), len(data), CLOSED_KIND), b""
            if is_outer and part.kind in _MAIL_TYPES:
                yield from _iter_files(data, faults, is_outer=False)
        else:
            yield _build_file(part.name, data)


def _build_file(name: str, data: bytes) -> tuple[AttachedFile, bytes]:
    """Return a file with its content, which is empty if it may not be handed out."""
    kind = kind_of(data)
    return AttachedFile(sanitize_file_name(name), len(data), kind), b"" if kind == CLOSED_KIND else data


def _iter_uuencoded_files(text: bytes) -> Iterator[tuple[AttachedFile, bytes]]:
    """Yield the uuencoded files within a text."""
    _, files = extract_uuencoded_files(text.decode("latin-1"))
    for name, data in files:
        yield _build_file(name.encode("latin-1").decode(errors="replace"), data)


MAX_ATTACHED_MAILS = 3  # attached mails that are parsed; callers only need to know whether there are several


def list_attached_mails(raw: bytes) -> list[Mail]:
    """Return the messages attached to a message, parsed, at most `MAX_ATTACHED_MAILS`; nested ones are left out."""
    top = MimeSplitter(raw[:MAX_PARSED], set()).read_message()
    attached: list[MimePart] = [part for part in top.walk() if part.kind == "message/rfc822" and part is not top]
    return [parse(decode_content(part)) for part in attached[:MAX_ATTACHED_MAILS]]
