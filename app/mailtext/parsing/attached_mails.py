"""Messages that hang on a message (message/rfc822), as "forward as attachment" makes them."""

from ..incoming import Mail
from .mime import Part, Reader, decode_content
from .parse import MAX_PARSED, parse

MOST = 3  # that are read; whoever needs to know more than that there are several asks a person


def attached(raw: bytes) -> list[Mail]:
    """Return the messages that hang on a message itself, and not on one of those."""
    top = Reader(raw[:MAX_PARSED], set()).message()
    found: list[Part] = [part for part in top.walk() if part.kind == "message/rfc822" and part is not top]
    return [parse(decode_content(part)) for part in found[:MOST]]
