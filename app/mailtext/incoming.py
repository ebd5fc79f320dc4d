"""A message that came in, as far as it can be read: plain values, whatever bytes they were."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple


@dataclass(frozen=True)
class Mailbox:
    """A name and an address as they were written; the name is decoded, the address has no angle brackets."""

    name: str
    address: str


@dataclass(frozen=True)
class Attachment:
    """An attachment of a message: its name, its size in bytes after decoding, its media type, and the SHA-256 of the
    bytes.
    """

    name: str
    bytes: int
    kind: str
    digest: str = field(default="", compare=False)


class File(NamedTuple):
    """A file that hung on a message, as the desk may see it: its name made harmless, its size in bytes after decoding,
    and of which of `file_kinds.KINDS` its first bytes are; "" where nobody has looked.
    """

    name: str
    bytes: int
    kind: str = ""


@dataclass(frozen=True)
class Mail:
    """`headers` holds every top header in order, names as written, values decoded. `delivered_to` is where servers say
    it went (Delivered-To, X-Original-To, Envelope-To). `return_path` is None without such a header and "" for the null
    one.

    `plain` and `html` are the decoded text parts, None where there is none of the kind. Several are joined, and each of
    the two is the whole text: a stretch that came only as the other kind is put into it (the plain footer that a list
    adds to a page). `html` is safe to build a tree of (see html_tree.tamed). `body` is the text as a reader of it would
    see it: `plain`, else `html` without its tags. `report` holds (media type, text) of the parts of a multipart/report.
    `faults` are short codes of what could not be read: "bytes", "parts", "depth", "time", "broken", "charset",
    "winmail", "encrypted".
    """

    senders: tuple[Mailbox, ...] = ()
    reply_to: tuple[Mailbox, ...] = ()
    to: tuple[Mailbox, ...] = ()
    cc: tuple[Mailbox, ...] = ()
    delivered_to: tuple[str, ...] = ()
    return_path: str | None = None
    subject: str = ""
    date: datetime | None = None
    message_id: str = ""
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    language: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    plain: str | None = None
    html: str | None = None
    body: str = ""
    attachments: tuple[Attachment, ...] = ()
    report: tuple[tuple[str, str], ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def from_name(self) -> str:
        return self.senders[0].name if self.senders else ""

    @property
    def from_address(self) -> str:
        return self.senders[0].address if self.senders else ""

    def all(self, name: str) -> list[str]:
        """The values of a header, topmost first."""
        return [value for key, value in self.headers if key.casefold() == name.casefold()]


@dataclass(frozen=True)
class TrimContext:
    """Knowledge for cutting a reply: the house's own addresses, and what may be quoted in it. `texts` are mails as we
    sent them, whole; `editions` what is known of editions, to which the newsletter's own program adds.
    """

    addresses: frozenset[str] = frozenset()
    texts: tuple[str, ...] = ()
    editions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Forward:
    """A mail that was forwarded: its author, their words and what was cut of them, and the `comment` of whoever
    forwarded it. `doubts` are codes of what can't be told for sure.
    """

    author: Mailbox | None = None
    text: str = ""
    rest: str = ""
    comment: str = ""
    language: str = ""
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trimmed:
    """`text` is what the person wrote; `rest` is what was cut (quotes, signature, footer), in its order."""

    text: str
    rest: str = ""
