"""The fingerprint of a mail: its sender, date and content, independent of its route."""

import hashlib
import json
import re
import unicodedata

from ..mailtext.incoming import Mail
from ..mailtext.origin.head import read_head

IDENTIFYING_HEADERS = ("from", "date", "subject", "message-id", "in-reply-to")

# Mbox stores escape a line that begins with "From " as ">From ".
_MBOX_ESCAPE = re.compile(r"^>+(?=From )", re.MULTILINE)


def canonical(raw: bytes, mail: Mail) -> str:
    """Return a text that is the same for each delivery of a mail, to be hashed with a key.

    The route, line endings and transfer encoding don't matter. The Message-ID is only one part of the text, so that
    nobody can suppress a mail by reusing its Message-ID. HTML counts with its markup, because an image or a link may be
    all that a mail contains. A mail that could not be parsed completely is identified by a few headers and the bytes of
    its body. Runs in linear time.
    """
    if mail.faults:
        return _canonical_bytes(raw)
    parts = (
        "mail",
        [sender.address.casefold() for sender in mail.senders],
        mail.date.isoformat() if mail.date else None,
        _normalize_text(mail.subject),
        mail.message_id.strip(),
        list(mail.in_reply_to),
        None if mail.plain is None else _normalize_text(mail.plain),
        None if mail.html is None else _normalize_text(mail.html),
        [(attachment.name, attachment.bytes, attachment.digest) for attachment in mail.attachments],
    )
    return json.dumps(parts)  # unlike joined strings, the values can't run into each other


def _canonical_bytes(raw: bytes) -> str:
    head = read_head(raw)
    # If the head is ambiguous, nobody can say where the body begins.
    body_offset = head.body_offset if head.is_unambiguous else 0
    body = raw[body_offset:].replace(b"\r\n", b"\n").rstrip(b"\n")
    fields = [[_normalize_text(value) for value in head.all(name)] for name in IDENTIFYING_HEADERS]
    return json.dumps(("bytes", fields, hashlib.sha256(body).hexdigest()))


def _normalize_text(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", _MBOX_ESCAPE.sub("", text)).split())
