"""Mail transports: into a folder or to an SMTP server, depending on `MAIL_TRANSPORT`."""

import os
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path
from types import TracebackType
from typing import Any

import flask_mail
from flask import Flask

from app.settings.mail_accounts import OAuthAccount

from ..core.clock import utc_now
from ..db.engine import Database
from ..text.clean import single_line
from .delivery import Permanent, Send, Transient, Undelivered, Unreachable
from .message import Message
from .mime_message import Envelope, safe_address
from .outbox import SAID
from .reply_address import bounce_address
from .sign_ins import NoToken, access_token, mark_token_refused, xoauth2


class Deadline:
    """A timer that shuts the guarded connection down after `seconds`; `is_over` tells whether the time has run out.

    A socket's timeout starts again with each byte, so without a deadline a slow server could hold a client for hours.
    """

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self._line: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def guard(self, line: socket.socket) -> None:
        """Shut this connection down at the deadline, even after TLS has taken over its socket."""
        self._line = line.dup()
        if self.is_over:
            self._cut()

    def end(self) -> None:
        """Cancel the timer: the conversation is over."""
        self._timer.cancel()
        if self._line is not None:
            self._line.close()

    def _cut(self) -> None:
        self.is_over = True
        if self._line is not None:
            with suppress(OSError):  # already closed
                self._line.shutdown(socket.SHUT_RDWR)


TIMEOUT = 60.0  # default of MAIL_TIMEOUT: seconds for the whole hand-over of a mail
ABOUT_US = frozenset({530, 534, 535, 538})  # RFC 4954, section 6: our authentication is refused, not this mail

# Messages for the operator, for faults without a server reply.
WORDS: tuple[tuple[type[OSError] | tuple[type[OSError], ...], str], ...] = (
    (TimeoutError, "the server kept silent for too long"),
    ((smtplib.SMTPServerDisconnected, ConnectionResetError, BrokenPipeError), "the server ended the connection"),
    (ssl.SSLCertVerificationError, "the server's certificate can't be trusted"),
    (ssl.SSLError, "the encrypted connection failed"),
    (smtplib.SMTPNotSupportedError, "the server knows no encryption, or no way to sign in"),
)

_ADDRESS = re.compile(r"[^\s<>()\[\]\"',;:=]+@[^\s<>()\[\]\"',;:]+")


def transport(app: Flask) -> Send:
    """Return the function that sends mails; it raises `Transient` or `Permanent`.

    `MAIL_TRANSPORT` is 'folder' (files in MAIL_FOLDER) or 'smtp' (Flask-Mail's MAIL_SERVER and so on). Raises
    ValueError for any other value.
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
        name = f"{utc_now():%Y%m%dT%H%M%S.%fZ}-{message_id.strip('<').partition('.')[0]}.eml"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            part = folder / f".{name}"
            # These files contain sign-in links, so only their owner may read them.
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
            part.replace(folder / name)
        except OSError as error:
            raise Transient(f"the mail folder can't be written: {error.strerror}") from error

    return send


def _smtp(app: Flask, house: str) -> Send:
    dial, returns = line_of(app), app.config.get("MAIL_RETURN_PATH", "")

    def send(message: Message, message_id: str) -> None:
        envelope = Envelope(message, message_id, house)
        back_to = bounce_address(returns, message.return_token) if returns and message.return_token else house
        try:
            with app.app_context(), dial() as line:
                line.send(envelope, envelope_from=safe_address(back_to))
        except NoToken as fault:
            raise Transient(str(fault)) from fault
        except OSError as error:  # smtplib's errors are OSErrors too
            raise _classify_error(error, message.to) from error

    return send


def line_of(app: Flask) -> Callable[[], "_Line"]:
    """Return a function that returns a context manager: a connection to the SMTP server, signed in.

    Connecting raises `OSError`, and `NoToken` if the account uses OAuth and there is no token.
    """
    flask_mail.Mail(app)
    mail = app.extensions["mail"]
    # Flask-Mail reconnects after `max_emails` mails and would report a failure to connect for the mail just accepted.
    mail.max_emails = None
    mail.timeout = float(app.config.get("MAIL_TIMEOUT", TIMEOUT))
    return _dialing(app, mail)


def _dialing(app: Flask, mail: Any) -> Callable[[], "_Line"]:
    account: OAuthAccount | None = app.config.get("MAIL_SMTP_ACCOUNT")
    if account is None:
        return lambda: _Line(mail)
    database: Database = app.extensions["database"]
    # Get the token before connecting: without one there is no point in opening a connection.
    return lambda: _LineByToken(mail, database, account, access_token(database, account))


TRANSPORTS: dict[str, Callable[[Flask, str], Send]] = {"folder": _folder, "smtp": _smtp}


@dataclass(frozen=True)
class Greeted:
    """The greeting of a mail server, `said`, and whether it `could_encrypt` although the settings don't ask for TLS."""

    said: str
    could_encrypt: bool


def greet(app: Flask, seconds: float) -> Greeted:
    """Connect to the mail server with the configured encryption and sign-in, and send nothing.

    Takes at most `seconds`. Raises `Undelivered`.
    """
    mail: Any = flask_mail.Mail().init_mail(app.config, app.debug, app.testing)
    mail.timeout = seconds
    try:
        line = _dialing(app, mail)()
        line.host = line.configure_host()
        with ExitStack() as stack:
            stack.push(line.__exit__)
            line.host.ehlo_or_helo_if_needed()
            clear = not (mail.use_ssl or mail.use_tls) and line.host.has_extn("starttls")
            return Greeted(getattr(line.host, "greeting", b"").decode("utf-8", "replace"), clear)
    except NoToken as fault:
        raise Transient(str(fault)) from fault
    except OSError as error:
        raise _classify_error(error, mail.username or parseaddr(app.config["MAIL_FROM"])[1]) from error


class _Server(smtplib.SMTP):
    """An SMTP client that keeps the server's greeting, which may tell the time, and has a `Deadline`."""

    def __init__(self, deadline: Deadline, *where: Any, **more: Any) -> None:
        self._deadline = deadline
        super().__init__(*where, **more)

    def connect(self, host: str = "localhost", port: int = 0, source_address: Any = None) -> tuple[int, bytes]:
        self.sock, self.file = self.dial(host, port or self.default_port), None
        code, self.greeting = self.getreply()
        return code, self.greeting

    def dial(self, host: str, port: int) -> socket.socket:
        places = len(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))  # each address gets a share of the time
        line = socket.create_connection((host, port), self.timeout / places)
        line.settimeout(self.timeout)
        self._deadline.guard(line)
        return line


class _EncryptedServer(smtplib.SMTP_SSL, _Server):
    def __init__(self, deadline: Deadline, *where: Any, **more: Any) -> None:
        self._deadline = deadline
        smtplib.SMTP_SSL.__init__(self, *where, **more)

    def dial(self, host: str, port: int) -> socket.socket:
        return self.context.wrap_socket(super().dial(host, port), server_hostname=host)


class _Line(flask_mail.Connection):
    """Flask-Mail's connection with a deadline, verified certificates, and a QUIT whose failure doesn't matter."""

    def configure_host(self) -> smtplib.SMTP | smtplib.SMTP_SSL:
        context, self.deadline = ssl.create_default_context(), Deadline(self.mail.timeout)
        where, more = (self.deadline, self.mail.server, self.mail.port), {"timeout": self.mail.timeout}
        host = None
        try:
            host = _EncryptedServer(*where, context=context, **more) if self.mail.use_ssl else _Server(*where, **more)
            if self.mail.use_tls:
                host.starttls(context=context)
            self.sign_in(host)
        except BaseException as error:
            if host is not None:
                host.close()
            self._end(error)
            raise
        return host

    def _end(self, error: BaseException | None) -> None:
        """Cancel the deadline; raise `TimeoutError` if it was the cause of the error."""
        self.deadline.end()
        if self.deadline.is_over and isinstance(error, OSError):
            raise TimeoutError from error

    def sign_in(self, host: smtplib.SMTP) -> None:
        if self.mail.username and self.mail.password:
            host.login(self.mail.username, self.mail.password)

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self.host is not None:
            with suppress(OSError):
                self.host.quit()
            self.host.close()
            self._end(exc_value)


class _LineByToken(_Line):
    """A connection that signs in with an OAuth token instead of a password (XOAUTH2)."""

    def __init__(self, mail: Any, database: Database, account: OAuthAccount, token: str) -> None:
        super().__init__(mail)
        self._database, self._account, self._token = database, account, token

    def sign_in(self, host: smtplib.SMTP) -> None:
        host.ehlo_or_helo_if_needed()
        if "XOAUTH2" not in host.esmtp_features.get("auth", "").upper().split():
            raise smtplib.SMTPNotSupportedError("no XOAUTH2")

        def answer(challenge: bytes | None = None) -> str:
            # The challenge after the token is the reason why it was refused; the protocol asks for an empty response.
            return "" if challenge else xoauth2(self._account.user, self._token)

        try:
            host.auth("XOAUTH2", answer)
        except smtplib.SMTPAuthenticationError:
            mark_token_refused(self._database, self._account, self._token)
            raise


def _classify_error(error: OSError, address: str) -> Undelivered:
    code, of_this_mail = -1, False
    answer: bytes | str = describe_error(error)
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, answer = next(iter(error.recipients.values()))
        of_this_mail = True
    elif isinstance(error, smtplib.SMTPResponseException):
        code, answer = error.smtp_code, error.smtp_error
        of_this_mail = isinstance(error, smtplib.SMTPSenderRefused | smtplib.SMTPDataError)
    said = _redact_addresses(answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer, address)
    if code > 0:
        said = f"{code} {said}"
    if not of_this_mail or code in ABOUT_US:
        return Unreachable(said)
    return (Permanent if 500 <= code < 600 else Transient)(said)


def describe_error(error: OSError) -> str:
    """Return our own description of a connection error, without any text from the server."""
    # smtplib reports a timeout as a lost connection.
    known = error.__context__ if isinstance(error.__context__, TimeoutError) else error
    words = next((words for kind, words in WORDS if isinstance(known, kind)), None)
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{words}: {error.verify_message}"
    return words or error.strerror or type(error).__name__


def _redact_addresses(answer: str, address: str) -> str:
    said = _ADDRESS.sub("…", single_line(answer))
    local = re.escape(address.partition("@")[0])
    return re.sub(rf"(?<!\w){local}(?!\w)", "…", said, flags=re.IGNORECASE)[:SAID]
