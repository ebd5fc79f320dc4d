"""Small SMTP servers (RFC 5321) on this machine that take, defer, refuse, keep silent or hang up, as they are told.

`python -m tests.support.smtp_servers FILE` serves in a process of its own, prints its port, and notes in FILE what it took.
"""

import os
import re
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from email.utils import parseaddr
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask

from app.core.clock import utc_now
from tests.support.fake_servers import run_server

SENDER_ADDRESS = "desk@newsroom.example"
SILENCE = b""
TRICKLE = b"2"  # an answer that never ends: a digit every now and then
RESET = None  # the connection is cut, not closed
USUAL_REPLIES = {
    "GREETING": b"220 ready",
    "DATA": b"354 go on",
    "QUIT": b"221 bye",
    "STARTTLS": b"220 go on",
    "AUTH": b"235 yes",
}


class SmtpServer(socketserver.ThreadingTCPServer):
    """Answers each step with what it was told to: bytes, SILENCE, TRICKLE or RESET. END is what follows the final dot.

    With a `certificate` it offers STARTTLS; `note` is a file in which connections and taken mails are written down.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(
        self, certificate: Path | None = None, note: Path | None = None, place: tuple[str, int] = ("127.0.0.1", 0)
    ) -> None:
        super().__init__(place, SmtpSession)
        self.answers: dict[str, bytes | None] = {}
        self.taken: list[tuple[str, str, bytes]] = []
        self.asked: list[str] = []
        self.certificate = certificate
        self.over = threading.Event()
        self._note = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_APPEND) if note else None

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def take(self, sender: str, recipient: str, raw: bytes) -> None:
        self.taken.append((sender, recipient, raw))
        self.note(f"took {get_message_id(raw)} {recipient}")

    def note(self, line: str) -> None:
        if self._note is not None:
            os.write(self._note, f"{line}\n".encode())


class SmtpSession(socketserver.StreamRequestHandler):
    server: SmtpServer

    def handle(self) -> None:
        self.server.note("opened")
        try:
            with suppress(OSError):
                self._talk()
        finally:
            self.server.note("closed")

    def _talk(self) -> None:
        sender = recipient = ""
        if not self.answer("GREETING"):
            return
        while line := self.rfile.readline():
            verb = line.split(b":")[0].split()[0].decode().upper()
            self.server.asked.append(verb)
            if verb == "MAIL":
                sender = parseaddr(line.decode().partition(":")[2].split()[0])[1]
            elif verb == "RCPT":
                recipient = parseaddr(line.decode().partition(":")[2])[1]
            if not self.answer(verb) or verb == "QUIT":
                return
            if verb == "STARTTLS":
                self._encrypt()
            if verb == "DATA" and "DATA" not in self.server.answers:
                # A dot that begins a line was doubled on the way (RFC 5321, section 4.5.2).
                lines: list[bytes] = []
                while (line := self.rfile.readline()) != b".\r\n":
                    if not line:  # whoever was writing was killed in the middle
                        return
                    lines.append(line)
                self._end(sender, recipient, re.sub(rb"(?m)^\.", b"", b"".join(lines)))
                if not self.answer("END"):
                    return

    def _end(self, sender: str, recipient: str, raw: bytes) -> None:
        """A server that says 250 has the mail, and so does one that is cut off before it could say it."""
        end = self.server.answers.get("END", b"250 queued")
        if end is RESET or end.startswith(b"2"):
            self.server.take(sender, recipient, raw)

    def answer(self, step: str) -> bool:
        reply = self.server.answers.get(step, self._usual(step))
        if reply is RESET:
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        if reply == SILENCE:
            self.server.over.wait()
            return False
        if reply == TRICKLE:
            while not self.server.over.wait(0.05):
                self.wfile.write(reply)
            return False
        self.wfile.write(reply + b"\r\n")
        return True

    def _usual(self, step: str) -> bytes:
        if step == "EHLO" and self.server.certificate:
            return b"250-fine\r\n250 STARTTLS"
        return b"250-fine\r\n250 AUTH PLAIN" if step == "EHLO" else USUAL_REPLIES.get(step, b"250 fine")

    def _encrypt(self) -> None:
        assert self.server.certificate is not None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server.certificate)
        self.request = self.connection = context.wrap_socket(self.request, server_side=True)
        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", 0)


def get_message_id(raw: bytes) -> str:
    found = re.search(rb"(?mi)^message-id:\s*(<[^>]+>)", raw)
    return found[1].decode() if found else ""


@contextmanager
def smtp_server(certificate: Path | None = None) -> Iterator[SmtpServer]:
    """A server in a thread of this process."""
    server = SmtpServer(certificate)
    with run_server(server, server.over):
        yield server


@contextmanager
def smtp_server_process(note: Path) -> Iterator[int]:
    """A server in a process of its own, which outlives whoever is killed while talking to it; gives its port."""
    command = [sys.executable, "-m", "tests.support.smtp_servers", str(note)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent.parent) as child:
        assert child.stdout is not None
        yield int(child.stdout.readline())
        child.terminate()


def self_signed_certificate(folder: Path) -> Path:
    """A certificate for this machine that nobody has vouched for, with its key in the same file."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    today = utc_now()
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "self-signed.pem"
    path.write_bytes(secret + certificate.public_bytes(pem))
    return path


def create_mail_app(**settings: Any) -> Flask:
    """As much of the product as sends mail."""
    app = Flask("desk")
    app.config.update(MAIL_FROM=SENDER_ADDRESS, MAIL_TRANSPORT="smtp", MAIL_SERVER="127.0.0.1", **settings)
    return app


if __name__ == "__main__":
    with SmtpServer(note=Path(sys.argv[1])) as alone:
        print(alone.port, flush=True)
        alone.serve_forever()
