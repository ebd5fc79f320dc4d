"""Kinds of files, told by their first bytes and never by what somebody calls them. Nothing is unpacked for it."""

import re

LOOKED_AT = 4096  # bytes; magic numbers stand at the beginning, and so do the headers of a mail

# In order: what looks like two kinds is the first. A container of Office says in its first entry what it is.
_SIGNS: dict[str, bytes] = {
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
_KINDS = {kind: re.compile(sign, re.MULTILINE) for kind, sign in _SIGNS.items()}
KINDS = (*_KINDS, "text", "other")
PICTURES = frozenset({"jpeg", "png", "gif", "webp"})  # those that may be looked at, drawn anew
_NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def kind_of(data: bytes) -> str:
    """Tell one of `KINDS` from the beginning of a file."""
    head = data[:LOOKED_AT]
    found = next((kind for kind, sign in _KINDS.items() if sign.match(head)), "")
    return found or ("text" if _is_text(head) else "other")


def _is_text(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    return not _NO_TEXT.search(head)
