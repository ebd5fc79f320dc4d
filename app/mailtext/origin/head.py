"""The head of a raw message, without any decoding or repair.

Code that trusts a header must read it exactly as the server that wrote it. After decoding it may be too late: an
envelope sender written as an encoded word (RFC 2047) would become a separate result in Authentication-Results, and a
bare CR begins a new header in Python's `email` but in no mail server.
"""

import re
from dataclasses import dataclass

MAX_BYTES = 256 * 1024  # of the head that are read
MAX_FIELDS = 1000

_NAME = re.compile(rb"[\x21-\x39\x3b-\x7e]+(?=:)")  # RFC 5322, section 2.2


@dataclass(frozen=True)
class Head:
    """The head of a message.

    `fields` are (name in lower case, unfolded value), topmost first. `is_unambiguous` is False if two programs may read
    this head differently: if a line is no header field, there is a NUL or a bare CR, or a limit was reached.
    `body_offset` is the byte at which the body begins.
    """

    fields: tuple[tuple[str, str], ...]
    is_unambiguous: bool
    body_offset: int

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key == name]


def read_head(raw: bytes) -> Head:
    """Parse the head of any bytes in linear time. Never raises."""
    end, body_offset = _find_end(raw)
    head = raw[: min(end, MAX_BYTES)].removesuffix(b"\r")  # with CRLF, `end` is between the last line's CR and its LF
    normalized = head.replace(b"\r\n", b"\n")
    has_unusual_bytes = b"\0" in head or b"\r" in normalized
    is_unambiguous = end <= MAX_BYTES and not has_unusual_bytes
    fields: list[tuple[str, list[bytes]]] = []
    for number, line in enumerate(normalized.split(b"\n")):
        name = _NAME.match(line)
        is_continuation = line[:1] in (b" ", b"\t") and line.strip()
        is_mbox_separator = number == 0 and line.startswith(b"From ")  # a pipe may pass it on
        if is_continuation and fields:
            _, folded_lines = fields[-1]
            folded_lines.append(line)
        elif name and len(fields) < MAX_FIELDS:
            fields.append((name.group().decode("ascii").lower(), [line[name.end() + 1 :]]))
        elif line and not is_mbox_separator:
            is_unambiguous = False
    unfolded = tuple((name, b"".join(lines).decode("utf-8", "replace").strip()) for name, lines in fields)
    return Head(unfolded, is_unambiguous, body_offset)


def _find_end(raw: bytes) -> tuple[int, int]:
    """Return the end of the head and the start of the body, at the first empty line with LF or CRLF."""
    if raw.startswith((b"\n", b"\r\n")):
        return 0, raw.index(b"\n") + 1
    ends = [(end, end + len(separator)) for separator in (b"\n\n", b"\n\r\n") if (end := raw.find(separator)) >= 0]
    return min(ends, default=(len(raw), len(raw)))
