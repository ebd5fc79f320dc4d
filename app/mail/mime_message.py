"""Outgoing mails as bytes: exact in every script and safe from header injection."""

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

PADDED_SIZE = 8 * 1024  # bytes; mails of an `is_padded` kind are padded to a multiple of it
LINE_LENGTH = 76  # characters in a folded line
LONGEST_WORD = 60  # ASCII characters in a word that still fits a header line of 78 (RFC 5322, section 2.1.1)
# Automatic responses that Exchange should suppress. Bounces are wanted, except to automatic replies.
SUPPRESSED = {GENERATED: "DR, RN, NRN, OOF, AutoReply", REPLIED: "All"}

_UNSAFE = re.compile(r"[\x00-\x1f\x7f]")
_ATOMS = re.compile(r"[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f]+")
_LIST_ID = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_URL = re.compile(r"https?://[!-;=?-~]+")  # printable ASCII without angle brackets
_MESSAGE_IDS = re.compile(r"<[!-;=?-~]+@[!-;=?-~]+>(?: <[!-;=?-~]+@[!-;=?-~]+>)*")
# Lines end with CRLF (RFC 5322), and "From " at their beginning is not escaped.
_POLICY = compat32.clone(linesep="\r\n", mangle_from_=False)


def _filler(size: int) -> str:
    """Return a header value of `size` bytes, folded (RFC 5322, section 2.2.3)."""
    line_count, remainder = divmod(max(size - 1, 0), LINE_LENGTH + len("\r\n "))
    return ("x" * LINE_LENGTH + "\r\n ") * line_count + "x" * (remainder + 1)


class UnsafeHeader(Permanent):
    """A value is unsafe in a header, for example because a line end in it would begin a new header."""


class Envelope(flask_mail.Message):
    """A `Message` in the form that Flask-Mail sends.

    Flask-Mail's own MIME code loses spaces in long non-Latin subjects (Python 3.11), sends lines over 998 octets and
    doesn't check extra headers, so only its container is used. `house_address` is the installation's address, used in
    From if the message has none. Raises `UnsafeHeader`.
    """

    def __init__(self, message: Message, message_id: str, house_address: str) -> None:
        self.mail = message
        self.from_address = message.from_address or house_address
        super().__init__(
            subject=message.subject, recipients=[safe_address(message.to)], sender=safe_address(self.from_address)
        )
        self.msgId = _require_safe(message_id)
        self.compose()  # fail before a connection is opened

    def as_bytes(self) -> bytes:
        return self.compose().as_bytes()

    def as_string(self) -> str:
        return self.compose().as_string()

    def compose(self) -> MIMEBase:
        mail = self.mail
        automatic = KINDS[mail.kind].automatic
        mime: Any = _build_body(mail)  # Any, because typeshed doesn't know that a header can be a `Header`
        headers = {
            "Subject": _text_header(mail.subject, "Subject"),
            "From": _mailbox(mail.from_name, self.from_address, "From"),
            "To": _mailbox(mail.to_name, mail.to, "To"),
            "Reply-To": _mailbox("", mail.reply_to, "Reply-To") if mail.reply_to else None,
            "Date": formatdate(self.date),
            "Message-ID": self.msgId,
            "In-Reply-To": _require_format(_MESSAGE_IDS, mail.in_reply_to),
            "References": _require_format(_MESSAGE_IDS, " ".join(mail.references)),
            "Content-Language": _require_safe(mail.language),
            # Stops automatic replies (RFC 3834, section 5). Mails that the desk wrote don't have it: an expert's
            # vacation notice is useful.
            "Auto-Submitted": automatic or None,
            "X-Auto-Response-Suppress": SUPPRESSED.get(automatic),
            **_list_headers(mail),
        }
        for name, value in headers.items():
            if value is not None:
                mime[name] = value
        if KINDS[mail.kind].is_padded:
            size = len(mime.as_bytes()) + len("X-Filler: \r\n")
            mime["X-Filler"] = _filler(-size % PADDED_SIZE)  # up to the next multiple
        typed: MIMEBase = mime
        return typed


def _list_headers(mail: Message) -> dict[str, str | None]:
    """Return the headers of a mailing list (RFC 2919, RFC 2369) with one-click unsubscribe (RFC 8058)."""
    url = _require_format(_URL, mail.unsubscribe)
    return {
        "List-Id": f"<{mail.list_id}>" if _require_format(_LIST_ID, mail.list_id) else None,
        "List-Unsubscribe": f"<{url}>" if url else None,
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click" if url and url.startswith("https://") else None,
        "Precedence": "bulk" if mail.list_id else None,  # older robots check only this
    }


def _require_safe(value: str) -> str:
    if _UNSAFE.search(value):
        raise UnsafeHeader("a line end or a control stands in a header")
    return value


def _require_format(pattern: re.Pattern[str], value: str | None) -> str | None:
    """Return the value, or None if it is empty. Raises `UnsafeHeader` if it doesn't match `pattern`."""
    if value and not pattern.fullmatch(_require_safe(value)):
        raise UnsafeHeader("a value doesn't have the form that its header needs")
    return value or None


def safe_address(address: str) -> str:
    """Return the address for the envelope, with its domain in ASCII (IDNA).

    Raises `UnsafeHeader`, also for local parts outside ASCII, which would need SMTPUTF8.
    """
    local, _at, domain = _require_safe(address).rpartition("@")
    try:
        domain = domain.encode("idna").decode()
    except UnicodeError as error:
        raise UnsafeHeader("this is not an address that mail can be sent to") from error
    if not (local.isascii() and _ATOMS.fullmatch(local) and _ATOMS.fullmatch(domain)):
        raise UnsafeHeader("this is not an address that mail can be sent to")
    return f"{local}@{domain}"


def _is_plain_ascii(value: str) -> bool:
    return value.isascii() and "=?" not in value and all(len(word) <= LONGEST_WORD for word in value.split(" "))


def _text_header(value: str, header: str) -> Header:
    """Return an unstructured header. Text other than plain ASCII becomes encoded words (RFC 2047), with its spaces."""
    return Header(_require_safe(value), "us-ascii" if _is_plain_ascii(value) else "utf-8", header_name=header)


def _mailbox(name: str, address: str, header: str) -> Header:
    address = safe_address(address)
    if not name or _is_plain_ascii(_require_safe(name)):
        return Header(formataddr((name, address)), "us-ascii", header_name=header)
    mailbox = Header(name, "utf-8", header_name=header)
    mailbox.append(f"<{address}>", "us-ascii")
    return mailbox


def _build_body(mail: Message) -> MIMEBase:
    text = _build_text_part(mail.text, "plain")
    if mail.html is None:
        return text
    alternatives = MIMEMultipart("alternative", policy=_POLICY)
    alternatives.attach(text)
    alternatives.attach(_build_text_part(mail.html, "html"))
    return alternatives


def _build_text_part(text: str, subtype: str) -> MIMENonMultipart:
    """Return a body in lines of 76: quoted-printable if it has few characters beyond ASCII, else base64.

    See RFC 2045, sections 6.7 and 6.8.
    """
    part = MIMENonMultipart("text", subtype, policy=_POLICY, charset="utf-8")
    lines = "\r\n".join(text.splitlines()) + "\r\n"
    non_ascii_count = sum(not char.isascii() for char in text)
    # Quoted-printable takes three characters for each byte outside ASCII, base64 four for every three bytes.
    if non_ascii_count * 6 < len(text):
        charset = Charset("utf-8")
        charset.body_encoding = QP
        part["Content-Transfer-Encoding"] = "quoted-printable"
        part.set_payload(charset.body_encode(lines))
    else:
        part["Content-Transfer-Encoding"] = "base64"
        encoded = b64encode(lines.encode()).decode()
        starts = range(0, len(encoded), LINE_LENGTH)
        part.set_payload("\r\n".join(encoded[start : start + LINE_LENGTH] for start in starts))
    return part
