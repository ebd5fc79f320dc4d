"""Mails on the wire: exact in every script, and into a folder or to an SMTP server as the configuration says."""

import os
import re
import smtplib
import ssl
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from email.charset import QP, Charset
from email.header import Header
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.policy import compat32
from email.utils import formataddr, formatdate, parseaddr
from pathlib import Path
from types import TracebackType
from typing import Any

import flask_mail
from flask import Flask

from ..text import single_line
from .delivery import SAID, Permanent, Send, Transient, Undelivered
from .kinds import KINDS
from .letter import Message

TIMEOUT = 60  # seconds without a byte from the server
WORD = 60  # characters of an ASCII word that a header line of 78 (RFC 5322, section 2.1.1) has room for
ABOUT_US = frozenset({530, 534, 535, 538})  # RFC 4954, section 6: our signing in is refused, not this mail

_UNSAFE = re.compile(r"[\x00-\x1f\x7f]")
_ATOMS = re.compile(r"[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f]+")
_ADDRESS = re.compile(r"[^\s<>()\[\]\"',;:=]+@[^\s<>()\[\]\"',;:]+")
# Nothing is folded or quoted behind our back: lines end as RFC 5322 wants, and "From " stays "From ".
_POLICY = compat32.clone(linesep="\r\n", mangle_from_=False)


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
            subject=message.subject, recipients=[_safe_address(message.to)], sender=_safe_address(self.from_address)
        )
        self.msgId = _safe(message_id)
        self._message()  # a mail that can't be composed is refused before a connection is opened

    def _message(self) -> MIMEBase:
        letter = self.letter
        mime: Any = _alternatives(letter)  # typeshed knows no Header in a header
        headers = {
            "Subject": _words(letter.subject, "Subject"),
            "From": _mailbox(letter.from_name, self.from_address, "From"),
            "To": _mailbox(letter.to_name, letter.to, "To"),
            "Reply-To": _mailbox("", letter.reply_to, "Reply-To") if letter.reply_to else None,
            "Date": formatdate(self.date),
            "Message-ID": self.msgId,
            "Content-Language": _safe(letter.language),
            "Auto-Submitted": "auto-generated" if KINDS[letter.kind].automatic else None,  # RFC 3834, section 5
        }
        for name, value in headers.items():
            if value is not None:
                mime[name] = value
        made: MIMEBase = mime
        return made


def transport(app: Flask) -> Send:
    """The way mails leave this house. `MAIL_TRANSPORT` is 'folder' (written to MAIL_FOLDER) or 'smtp' (Flask-Mail's
    MAIL_SERVER and so on); ValueError for anything else. What is returned raises `Transient` or `Permanent`.
    """
    try:
        made = TRANSPORTS[app.config["MAIL_TRANSPORT"]]
    except KeyError as error:
        raise ValueError("MAIL_TRANSPORT must be one of: " + ", ".join(TRANSPORTS)) from error
    return made(app, parseaddr(app.config["MAIL_FROM"])[1])


def _folder(app: Flask, house: str) -> Send:
    folder = Path(app.config["MAIL_FOLDER"])

    def send(message: Message, message_id: str) -> None:
        raw = Envelope(message, message_id, house).as_bytes()
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{message_id.strip('<').partition('.')[0]}.eml"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            part = folder / f".{name}"
            # Sign-in links stand in these files: nobody but the house reads them.
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
            part.replace(folder / name)
        except OSError as error:
            raise Transient(f"the mail folder can't be written: {error.strerror}") from error

    return send


def _smtp(app: Flask, house: str) -> Send:
    flask_mail.Mail(app)
    mail = app.extensions["mail"]
    # Flask-Mail dials again after so many mails and would report the failure of that for the mail just taken.
    mail.max_emails = None

    def send(message: Message, message_id: str) -> None:
        envelope = Envelope(message, message_id, house)
        try:
            with app.app_context(), _Line(mail) as line:
                line.send(envelope, envelope_from=house)
        except OSError as error:  # smtplib's errors are OSErrors too
            raise _fault(error, message.to) from error

    return send


TRANSPORTS: dict[str, Callable[[Flask, str], Send]] = {"folder": _folder, "smtp": _smtp}


class _Line(flask_mail.Connection):
    """Flask-Mail's connection with a time limit, checked certificates, and a goodbye that can't undo a delivery."""

    def configure_host(self) -> smtplib.SMTP | smtplib.SMTP_SSL:
        context = ssl.create_default_context()
        host = (
            smtplib.SMTP_SSL(self.mail.server, self.mail.port, timeout=TIMEOUT, context=context)
            if self.mail.use_ssl
            else smtplib.SMTP(self.mail.server, self.mail.port, timeout=TIMEOUT)
        )
        try:
            if self.mail.use_tls:
                host.starttls(context=context)
            if self.mail.username and self.mail.password:
                host.login(self.mail.username, self.mail.password)
        except BaseException:
            host.close()
            raise
        return host

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self.host is not None:
            with suppress(OSError):
                self.host.quit()
            self.host.close()


def _fault(error: OSError, to: str) -> Undelivered:
    code, of_this_mail = -1, False
    answer: bytes | str = error.strerror or type(error).__name__
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, answer = next(iter(error.recipients.values()))
        of_this_mail = True
    elif isinstance(error, smtplib.SMTPResponseException):
        code, answer = error.smtp_code, error.smtp_error
        of_this_mail = isinstance(error, smtplib.SMTPSenderRefused | smtplib.SMTPDataError)
    said = _without_addresses(answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer, to)
    if code > 0:
        said = f"{code} {said}"
    # A greeting or a sign-in that fails speaks of the connection: the mail itself has not been judged.
    return (Permanent if of_this_mail and 500 <= code < 600 and code not in ABOUT_US else Transient)(said)


def _without_addresses(answer: str, to: str) -> str:
    said = _ADDRESS.sub("…", single_line(answer))
    local = re.escape(to.partition("@")[0])
    return re.sub(rf"(?<!\w){local}(?!\w)", "…", said, flags=re.IGNORECASE)[:SAID]


def _safe(value: str) -> str:
    if _UNSAFE.search(value):
        raise UnsafeHeader("a line end or a control stands in a header")
    return value


def _safe_address(address: str) -> str:
    """The address as it goes on the wire, its domain in ASCII (IDNA). Local parts outside ASCII would need SMTPUTF8."""
    local, _at, domain = _safe(address).rpartition("@")
    try:
        domain = domain.encode("idna").decode()
    except UnicodeError as error:
        raise UnsafeHeader("this is not an address that mail can be sent to") from error
    if not (local.isascii() and _ATOMS.fullmatch(local) and _ATOMS.fullmatch(domain)):
        raise UnsafeHeader("this is not an address that mail can be sent to")
    return f"{local}@{domain}"


def _plain(value: str) -> bool:
    return value.isascii() and "=?" not in value and all(len(word) <= WORD for word in value.split(" "))


def _words(value: str, header: str) -> Header:
    """A header of words. Text that is not plain ASCII becomes encoded words (RFC 2047), spaces and all."""
    return Header(_safe(value), "us-ascii" if _plain(value) else "utf-8", header_name=header)


def _mailbox(name: str, address: str, header: str) -> Header:
    address = _safe_address(address)
    if not name or _plain(_safe(name)):
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
