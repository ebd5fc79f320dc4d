"""The head of a raw message, without any decoding or repair.

Code that trusts a header must read it exactly as the server that wrote it. After decoding it may be too late: an
envelope sender written as an encoded word (RFC 2047) would become a separate result in Authentication-Results, and a
bare CR begins a new header in Python's `email` but in no mail server.
"""

import re
from dataclasses import dataclass

LIMIT = 256 * 1024  # bytes of the head that are read
MOST = 1000  # fields that are read

_NAME = re.compile(rb"[\x21-\x39\x3b-\x7e]+(?=:)")  # RFC 5322, section 2.2


@dataclass(frozen=True)
class Head:
    """The head of a message.

    `fields` are (name in lower case, unfolded value), topmost first. `whole` is False if a line is no header field or a
    limit was reached, so that two programs may read this head differently. `body` is the byte offset of the body.
    """

    fields: tuple[tuple[str, str], ...]
    whole: bool
    body: int

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key == name]


def read_head(raw: bytes) -> Head:
    """Parse the head of any bytes in linear time. Never raises."""
    end, body = _end(raw)
    whole = end <= LIMIT
    block = raw[: min(end, LIMIT)].removesuffix(b"\r")  # `end` is within the CRLF before the empty line
    if b"\0" in block or b"\r" in block.replace(b"\r\n", b"\n"):
        whole = False
    fields: list[tuple[str, list[bytes]]] = []
    for number, line in enumerate(block.replace(b"\r\n", b"\n").split(b"\n")):
        name = _NAME.match(line)
        if line[:1] in (b" ", b"\t") and fields and line.strip():
            fields[-1][1].append(line)
        elif name and len(fields) < MOST:
            fields.append((name.group().decode("ascii").lower(), [line[name.end() + 1 :]]))
        elif line and not (number == 0 and line.startswith(b"From ")):  # a pipe may pass on the mbox separator
            whole = False
    joined = tuple((name, b"".join(lines).decode("utf-8", "replace").strip()) for name, lines in fields)
    return Head(joined, whole, body)


def _end(raw: bytes) -> tuple[int, int]:
    """Return the end of the head and the start of the body, at the first empty line with LF or CRLF."""
    if raw.startswith((b"\n", b"\r\n")):
        return 0, raw.index(b"\n") + 1
    ends = [(at, at + len(mark)) for mark in (b"\n\n", b"\n\r\n") if (at := raw.find(mark)) >= 0]
    return min(ends, default=(len(raw), len(raw)))
