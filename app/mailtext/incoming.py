"""Plain values for parsed mails: messages, attachments, and the results of trimming."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple


@dataclass(frozen=True)
class Mailbox:
    """A mailbox of a header: the decoded name, and the address without angle brackets."""

    name: str
    address: str


@dataclass(frozen=True)
class Attachment:
    """An attachment: its name, its decoded size in bytes, its media type, and the SHA-256 of its content."""

    name: str
    bytes: int
    kind: str
    digest: str = field(default="", compare=False)


class AttachedFile(NamedTuple):
    """An attached file as shown to the desk: its sanitized name, its decoded size in bytes, and its kind.

    The kind is one of `parsing.files.KINDS`, detected from the first bytes, or "" if they were not examined.
    """

    name: str
    bytes: int
    kind: str = ""


@dataclass(frozen=True)
class Mail:
    """A parsed message.

    `plain` and `html` each contain the complete text: several parts are joined, and a part that exists only in the
    other type is converted, such as the plain footer that a mailing list adds to an HTML mail.
    """

    senders: tuple[Mailbox, ...] = ()  # of From
    reply_to: tuple[Mailbox, ...] = ()
    to: tuple[Mailbox, ...] = ()
    cc: tuple[Mailbox, ...] = ()
    delivered_to: tuple[str, ...] = ()  # by mail servers, in Delivered-To, X-Original-To and Envelope-To
    return_path: str | None = None  # None without this header, "" for the null path
    subject: str = ""
    date: datetime | None = None
    message_id: str = ""
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    language: str = ""
    headers: tuple[tuple[str, str], ...] = ()  # of the top level in order, names as written, values decoded
    plain: str | None = None  # None if there is no part of this type
    html: str | None = None  # the same; it is safe to parse (see `html_tree.flatten_if_too_complex`)
    body: str = ""  # the readable text: `plain`, or else `html` without tags
    attachments: tuple[Attachment, ...] = ()
    report: tuple[tuple[str, str], ...] = ()  # media type and text of each part of a multipart/report
    # Problems, as codes: "bytes", "parts", "depth", "time", "broken", "charset", "winmail", "encrypted".
    faults: tuple[str, ...] = ()

    @property
    def from_name(self) -> str:
        return self.senders[0].name if self.senders else ""

    @property
    def from_address(self) -> str:
        return self.senders[0].address if self.senders else ""

    def all(self, name: str) -> list[str]:
        """Return the values of a header, topmost first; the name is not case-sensitive."""
        return [value for key, value in self.headers if key.casefold() == name.casefold()]


@dataclass(frozen=True)
class TrimContext:
    """Texts that help to recognize quotes in a reply: our own addresses, and texts that it may quote."""

    addresses: frozenset[str] = frozenset()
    texts: tuple[str, ...] = ()  # complete mails as we sent them
    editions: tuple[str, ...] = ()  # our parts of editions; the newsletter's sending tool adds others


@dataclass(frozen=True)
class Forward:
    """A forwarded mail: its author, trimmed text, the `rest` that was cut, and the `comment` of the forwarding person.

    `doubts` are codes of what is uncertain (see `trim.forwards`).
    """

    author: Mailbox | None = None
    text: str = ""
    rest: str = ""
    comment: str = ""
    language: str = ""
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trimmed:
    """The result of trimming: the `text` that the person wrote, and the `rest` (quotes, signature, footer) in order."""

    text: str
    rest: str = ""
