"""The fingerprint of a mail: its writer, its date, its words; not the way it took."""

import hashlib
import json
import re
import unicodedata

from ..mailtext.incoming import Mail
from ..mailtext.origin.head import read_head

OF_THE_WRITER = ("from", "date", "subject", "message-id", "in-reply-to")

_OF_MBOX = re.compile(r"^>+(?=From )", re.MULTILINE)  # some stores write ">From " for a line that begins with "From "


def canonical(raw: bytes, mail: Mail) -> str:
    """A text whose keyed hash knows a mail that is delivered again: by another way, with other line ends, in another
    transfer encoding.

    Message-ID is one part among others, so that somebody who reuses another's suppresses nothing. HTML counts with its
    marks, because an image or an address in it may be all that a mail says. What could not be read whole is known by
    the bytes of its body. In linear time.
    """
    if mail.faults:
        return _of_bytes(raw)
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
    return json.dumps(parts)  # ASCII, and no value can run into the next


def _of_bytes(raw: bytes) -> str:
    head = read_head(raw)
    # In a head that can't be taken apart the words may stand anywhere.
    body = raw[head.body if head.whole else 0 :].replace(b"\r\n", b"\n").rstrip(b"\n")
    fields = [[_normalize_text(value) for value in head.all(name)] for name in OF_THE_WRITER]
    return json.dumps(("bytes", fields, hashlib.sha256(body).hexdigest()))


def _normalize_text(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", _OF_MBOX.sub("", text)).split())
