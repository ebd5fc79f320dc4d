"""One of our mails as bytes: exact in every script, and no value in it that could begin a header of its own."""

import re
from base64 import b64encode
from email.charset import QP, Charset
from email.header import Header
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.policy import compat32
from email.utils import formataddr, formatdate
from typing import Any

import flask_mail

from .delivery import Permanent
from .kinds import GENERATED, KINDS, REPLIED
from .message import Message

EVEN = 8 * 1024  # bytes, of which mails have a multiple whose size is to tell nothing
WIDE = 76  # characters of a line that is folded
WORD = 60  # characters of an ASCII word that a header line of 78 (RFC 5322, section 2.1.1) has room for
# What Exchange is asked not to send back. A bounce of ours is wanted, except from whom we only answer.
SUPPRESSED = {GENERATED: "DR, RN, NRN, OOF, AutoReply", REPLIED: "All"}

_UNSAFE = re.compile(r"[\x00-\x1f\x7f]")
_ATOMS = re.compile(r"[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f]+")
_LIST = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_WEB = re.compile(r"https?://[!-;=?-~]+")  # printable ASCII without angle brackets
_IDS = re.compile(r"<[!-;=?-~]+@[!-;=?-~]+>(?: <[!-;=?-~]+@[!-;=?-~]+>)*")
# Nothing is folded or quoted behind our back: lines end as RFC 5322 wants, and "From " stays "From ".
_POLICY = compat32.clone(linesep="\r\n", mangle_from_=False)


def _filler(size: int) -> str:
    """A header's value of so many bytes, folded as headers are (RFC 5322, section 2.2.3)."""
    folds, rest = divmod(max(size - 1, 0), WIDE + len("\r\n "))
    return ("x" * WIDE + "\r\n ") * folds + "x" * (rest + 1)


class UnsafeHeader(Permanent):
    """A value can't stand in a header: a line end or another control in it would begin a header of its own."""


class Envelope(flask_mail.Message):
    """One of our mails as Flask-Mail sends it.

    Flask-Mail's own composing loses spaces in long non-Latin subjects (Python 3.11), sends lines over 998 octets and
    puts extra headers on the wire unchecked; so nothing but the container is taken from it. `house` is the address in
    the envelope and, where the message names no other, in From. Raises `UnsafeHeader`.
    """

    def __init__(self, message: Message, message_id: str, house: str) -> None:
        self.letter = message
        self.from_address = message.from_address or house
        super().__init__(
            subject=message.subject, recipients=[safe_address(message.to)], sender=safe_address(self.from_address)
        )
        self.msgId = _safe(message_id)
        self.compose()  # a mail that can't be composed is refused before a connection is opened

    def as_bytes(self) -> bytes:
        return self.compose().as_bytes()

    def as_string(self) -> str:
        return self.compose().as_string()

    def compose(self) -> MIMEBase:
        letter, automatic = self.letter, KINDS[self.letter.kind].automatic
        mime: Any = _alternatives(letter)  # typeshed knows no Header in a header
        headers = {
            "Subject": _text_header(letter.subject, "Subject"),
            "From": _mailbox(letter.from_name, self.from_address, "From"),
            "To": _mailbox(letter.to_name, letter.to, "To"),
            "Reply-To": _mailbox("", letter.reply_to, "Reply-To") if letter.reply_to else None,
            "Date": formatdate(self.date),
            "Message-ID": self.msgId,
            "In-Reply-To": _require_format(_IDS, letter.in_reply_to),
            "References": _require_format(_IDS, " ".join(letter.references)),
            "Content-Language": _safe(letter.language),
            # What tells other robots not to answer (RFC 3834, section 5). A letter that the desk wrote may be answered
            # by one: that an expert is away is good to know.
            "Auto-Submitted": automatic or None,
            "X-Auto-Response-Suppress": SUPPRESSED.get(automatic),
            **_lists(letter),
        }
        for name, value in headers.items():
            if value is not None:
                mime[name] = value
        if KINDS[self.letter.kind].even:
            mime["X-Filler"] = _filler(-(len(mime.as_bytes()) + len("X-Filler: \r\n")) % EVEN)
        made: MIMEBase = mime
        return made


def _lists(letter: Message) -> dict[str, str | None]:
    """The list that a mail is part of (RFC 2919, RFC 2369), and how to leave it without opening a page (RFC 8058)."""
    web = _require_format(_WEB, letter.unsubscribe)
    return {
        "List-Id": f"<{letter.list_id}>" if _require_format(_LIST, letter.list_id) else None,
        "List-Unsubscribe": f"<{web}>" if web else None,
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click" if web and web.startswith("https://") else None,
        "Precedence": "bulk" if letter.list_id else None,  # older robots look at nothing else
    }


def _safe(value: str) -> str:
    if _UNSAFE.search(value):
        raise UnsafeHeader("a line end or a control stands in a header")
    return value


def _require_format(form: re.Pattern[str], value: str | None) -> str | None:
    """The value where it has this form, None where there is none. Raises `UnsafeHeader`."""
    if value and not form.fullmatch(_safe(value)):
        raise UnsafeHeader("a value doesn't have the form that its header needs")
    return value or None


def safe_address(address: str) -> str:
    """The address as it goes on the wire, its domain in ASCII (IDNA). Local parts outside ASCII would need SMTPUTF8."""
    local, _at, domain = _safe(address).rpartition("@")
    try:
        domain = domain.encode("idna").decode()
    except UnicodeError as error:
        raise UnsafeHeader("this is not an address that mail can be sent to") from error
    if not (local.isascii() and _ATOMS.fullmatch(local) and _ATOMS.fullmatch(domain)):
        raise UnsafeHeader("this is not an address that mail can be sent to")
    return f"{local}@{domain}"


def _is_plain_ascii(value: str) -> bool:
    return value.isascii() and "=?" not in value and all(len(word) <= WORD for word in value.split(" "))


def _text_header(value: str, header: str) -> Header:
    """A header of words. Text that is not plain ASCII becomes encoded words (RFC 2047), spaces and all."""
    return Header(_safe(value), "us-ascii" if _is_plain_ascii(value) else "utf-8", header_name=header)


def _mailbox(name: str, address: str, header: str) -> Header:
    address = safe_address(address)
    if not name or _is_plain_ascii(_safe(name)):
        return Header(formataddr((name, address)), "us-ascii", header_name=header)
    made = Header(name, "utf-8", header_name=header)
    made.append(f"<{address}>", "us-ascii")
    return made


def _alternatives(letter: Message) -> MIMEBase:
    text = _text(letter.text, "plain")
    if letter.html is None:
        return text
    both = MIMEMultipart("alternative", policy=_POLICY)
    both.attach(text)
    both.attach(_text(letter.html, "html"))
    return both


def _text(text: str, subtype: str) -> MIMENonMultipart:
    """A body in lines of 76: quoted-printable while it stays readable so, else base64 over CRLF (RFC 2045, 6.8)."""
    part = MIMENonMultipart("text", subtype, policy=_POLICY, charset="utf-8")
    lines = "\r\n".join(text.splitlines()) + "\r\n"
    if sum(not char.isascii() for char in text) * 6 < len(text):
        charset = Charset("utf-8")
        charset.body_encoding = QP
        part["Content-Transfer-Encoding"] = "quoted-printable"
        part.set_payload(charset.body_encode(lines))
    else:
        part["Content-Transfer-Encoding"] = "base64"
        coded = b64encode(lines.encode()).decode()
        part.set_payload("\r\n".join(coded[at : at + 76] for at in range(0, len(coded), 76)))
    return part
