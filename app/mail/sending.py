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
from .outbox import LONGEST_REPLY
from .reply_address import bounce_address
from .sign_ins import NoToken, access_token, mark_token_refused, xoauth2


class Deadline:
    """A timer that shuts the guarded connection down after `seconds`. `is_over` is True once the time has run out.

    A socket's timeout starts again with each byte, so without a deadline a slow server could hold a client for hours.
    """

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def guard(self, connection: socket.socket) -> None:
        """Shut this connection down at the deadline, even after TLS has taken over its socket."""
        self._socket = connection.dup()
        if self.is_over:
            self._cut()

    def end(self) -> None:
        """Cancel the timer: the conversation is over."""
        self._timer.cancel()
        if self._socket is not None:
            self._socket.close()

    def _cut(self) -> None:
        self.is_over = True
        if self._socket is not None:
            with suppress(OSError):  # already closed
                self._socket.shutdown(socket.SHUT_RDWR)


TIMEOUT = 60.0  # default of MAIL_TIMEOUT: seconds for the whole hand-over of a mail
AUTHENTICATION_CODES = frozenset({530, 534, 535, 538})  # RFC 4954, section 6: our sign-in is refused, not this mail

# Messages for the operator, for faults without a server reply.
ERROR_DESCRIPTIONS: tuple[tuple[type[OSError] | tuple[type[OSError], ...], str], ...] = (
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
        create = TRANSPORTS[app.config["MAIL_TRANSPORT"]]
    except KeyError as error:
        raise ValueError("MAIL_TRANSPORT must be one of: " + ", ".join(TRANSPORTS)) from error
    return create(app, parseaddr(app.config["MAIL_FROM"])[1])


def _create_folder_transport(app: Flask, house_address: str) -> Send:
    folder = Path(app.config["MAIL_FOLDER"])

    def send(message: Message, message_id: str) -> None:
        raw = Envelope(message, message_id, house_address).as_bytes()
        name = f"{utc_now():%Y%m%dT%H%M%S.%fZ}-{message_id.strip('<').partition('.')[0]}.eml"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            unfinished = folder / f".{name}"  # renamed when it is complete
            # These files contain sign-in links, so only their owner may read them.
            with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(folder / name)
        except OSError as error:
            raise Transient(f"the mail folder can't be written: {error.strerror}") from error

    return send


def _create_smtp_transport(app: Flask, house_address: str) -> Send:
    connect = smtp_connector(app)
    return_pattern = app.config.get("MAIL_RETURN_PATH", "")

    def send(message: Message, message_id: str) -> None:
        envelope = Envelope(message, message_id, house_address)
        return_path = house_address
        if return_pattern and message.return_token:
            return_path = bounce_address(return_pattern, message.return_token)
        try:
            with app.app_context(), connect() as connection:
                connection.send(envelope, envelope_from=safe_address(return_path))
        except NoToken as fault:
            raise Transient(str(fault)) from fault
        except OSError as error:  # smtplib's errors are OSErrors too
            raise _classify_error(error, message.to) from error

    return send


def smtp_connector(app: Flask) -> Callable[[], "_Connection"]:
    """Return a function that returns a context manager: a connection to the SMTP server, signed in.

    Connecting raises `OSError`. If the account uses OAuth, the function raises `NoToken` if there is no token, and
    `Busy`.
    """
    flask_mail.Mail(app)
    mail = app.extensions["mail"]
    # Flask-Mail reconnects after `max_emails` mails and would report a failure to connect for the mail just accepted.
    mail.max_emails = None
    mail.timeout = float(app.config.get("MAIL_TIMEOUT", TIMEOUT))
    return _connector(app, mail)


def _connector(app: Flask, mail: Any) -> Callable[[], "_Connection"]:
    account: OAuthAccount | None = app.config.get("MAIL_SMTP_ACCOUNT")
    if account is None:
        return lambda: _Connection(mail)
    database: Database = app.extensions["database"]
    # Get the token before connecting: without one there is no point in opening a connection.
    return lambda: _OAuthConnection(mail, database, account, access_token(database, account))


TRANSPORTS: dict[str, Callable[[Flask, str], Send]] = {
    "folder": _create_folder_transport,
    "smtp": _create_smtp_transport,
}


@dataclass(frozen=True)
class Greeting:
    """The `text` of a mail server's greeting. `could_encrypt`: the server offers TLS, but the settings don't use it."""

    text: str
    could_encrypt: bool


def greet(app: Flask, seconds: float) -> Greeting:
    """Connect to the mail server with the configured encryption and sign-in, and send nothing.

    Takes at most `seconds`, and for an OAuth account the time to get a token. Raises `Undelivered`, and `Busy`.
    """
    mail: Any = flask_mail.Mail().init_mail(app.config, app.debug, app.testing)
    mail.timeout = seconds
    try:
        connection = _connector(app, mail)()
        host = connection.host = connection.configure_host()
        with ExitStack() as stack:
            stack.push(connection.__exit__)
            host.ehlo_or_helo_if_needed()
            is_encrypted = mail.use_ssl or mail.use_tls
            could_encrypt = not is_encrypted and host.has_extn("starttls")
            return Greeting(getattr(host, "greeting", b"").decode("utf-8", "replace"), could_encrypt)
    except NoToken as fault:
        raise Transient(str(fault)) from fault
    except OSError as error:
        raise _classify_error(error, mail.username or parseaddr(app.config["MAIL_FROM"])[1]) from error


class _Server(smtplib.SMTP):
    """An SMTP client that keeps the server's greeting, which may contain the server's time, and has a `Deadline`."""

    def __init__(self, deadline: Deadline, *args: Any, **kwargs: Any) -> None:
        self._deadline = deadline
        super().__init__(*args, **kwargs)

    def connect(self, host: str = "localhost", port: int = 0, source_address: Any = None) -> tuple[int, bytes]:
        self.sock = self.dial(host, port or self.default_port)
        self.file = None
        code, self.greeting = self.getreply()
        return code, self.greeting

    def dial(self, host: str, port: int) -> socket.socket:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        # This tries the addresses one after the other, each with the timeout.
        connection = socket.create_connection((host, port), self.timeout / len(addresses))
        connection.settimeout(self.timeout)
        self._deadline.guard(connection)
        return connection


class _EncryptedServer(smtplib.SMTP_SSL, _Server):
    def __init__(self, deadline: Deadline, *args: Any, **kwargs: Any) -> None:
        self._deadline = deadline
        smtplib.SMTP_SSL.__init__(self, *args, **kwargs)

    def dial(self, host: str, port: int) -> socket.socket:
        return self.context.wrap_socket(super().dial(host, port), server_hostname=host)


class _Connection(flask_mail.Connection):
    """Flask-Mail's connection with a deadline, verified certificates, and a QUIT whose failure doesn't matter."""

    def configure_host(self) -> smtplib.SMTP | smtplib.SMTP_SSL:
        is_encrypted = self.mail.use_ssl or self.mail.use_tls
        context = ssl.create_default_context() if is_encrypted else None  # loading the certificates takes 30 ms
        timeout = self.mail.timeout
        self.deadline = Deadline(timeout)
        host: _Server | None = None
        try:
            if self.mail.use_ssl:
                host = _EncryptedServer(
                    self.deadline, self.mail.server, self.mail.port, context=context, timeout=timeout
                )
            else:
                host = _Server(self.deadline, self.mail.server, self.mail.port, timeout=timeout)
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


class _OAuthConnection(_Connection):
    """A connection that signs in with an OAuth token instead of a password (XOAUTH2)."""

    def __init__(self, mail: Any, database: Database, account: OAuthAccount, token: str) -> None:
        super().__init__(mail)
        self._database, self._account, self._token = database, account, token

    def sign_in(self, host: smtplib.SMTP) -> None:
        host.ehlo_or_helo_if_needed()
        if "XOAUTH2" not in host.esmtp_features.get("auth", "").upper().split():
            raise smtplib.SMTPNotSupportedError("no XOAUTH2")

        def respond(challenge: bytes | None = None) -> str:
            # A challenge after the token states why it was refused; the protocol asks for an empty response.
            return "" if challenge else xoauth2(self._account.user, self._token)

        try:
            host.auth("XOAUTH2", respond)
        except smtplib.SMTPAuthenticationError:
            mark_token_refused(self._database, self._account, self._token)
            raise


def _classify_error(error: OSError, address: str) -> Undelivered:
    """Return the error as `Permanent` or `Transient` if it is about this mail, else as `Unreachable`."""
    code = -1  # no code, as in smtplib
    is_about_mail = False  # but about the connection or our account
    reply: bytes | str = describe_error(error)
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, reply = next(iter(error.recipients.values()))
        is_about_mail = True
    elif isinstance(error, smtplib.SMTPResponseException):
        code = error.smtp_code
        reply = error.smtp_error
        is_about_mail = isinstance(error, smtplib.SMTPSenderRefused | smtplib.SMTPDataError)
    if isinstance(reply, bytes):
        reply = reply.decode("utf-8", "replace")
    reason = _redact_addresses(reply, address)
    if code > 0:
        reason = f"{code} {reason}"
    if not is_about_mail or code in AUTHENTICATION_CODES:
        return Unreachable(reason)
    return Permanent(reason) if 500 <= code < 600 else Transient(reason)


def describe_error(error: OSError) -> str:
    """Return our own description of a connection error, without any text from the server."""
    # smtplib reports a timeout as a lost connection.
    cause = error.__context__ if isinstance(error.__context__, TimeoutError) else error
    description = next((text for error_type, text in ERROR_DESCRIPTIONS if isinstance(cause, error_type)), None)
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{description}: {error.verify_message}"
    return description or error.strerror or type(error).__name__


def _redact_addresses(reply: str, address: str) -> str:
    """Return the reply without addresses, and without the local part of `address`, which servers often repeat alone."""
    redacted = _ADDRESS.sub("…", single_line(reply))
    local = re.escape(address.partition("@")[0])
    return re.sub(rf"(?<!\w){local}(?!\w)", "…", redacted, flags=re.IGNORECASE)[:LONGEST_REPLY]
