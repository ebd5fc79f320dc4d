"""Small SMTP servers (RFC 5321) on this machine that accept, defer, refuse, stay silent or hang up as configured.

`python -m tests.support.smtp_servers FILE` runs one as a process. It prints its port and logs what it received to FILE.
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
TRICKLE = b"2"  # a reply that never ends: one digit after the other
RESET = None  # the connection is reset, not closed
DEFAULT_REPLIES = {
    "GREETING": b"220 ready",
    "DATA": b"354 go on",
    "QUIT": b"221 bye",
    "STARTTLS": b"220 go on",
    "AUTH": b"235 yes",
}


class SmtpServer(socketserver.ThreadingTCPServer):
    """An SMTP server. `replies` overrides its reply to a step with bytes, SILENCE, TRICKLE or RESET.

    A step is a command in upper case, GREETING, or END for the reply after the final dot. `commands` has what clients
    sent, `mails` the sender, recipient and bytes of each received mail. With a `certificate` (PEM with its key) it
    offers STARTTLS. Connections and received mails are logged to the file `log_path`.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(
        self, certificate: Path | None = None, log_path: Path | None = None, address: tuple[str, int] = ("127.0.0.1", 0)
    ) -> None:
        super().__init__(address, SmtpSession)
        self.replies: dict[str, bytes | None] = {}
        self.mails: list[tuple[str, str, bytes]] = []
        self.commands: list[str] = []
        self.certificate = certificate
        self.stop = threading.Event()
        self._log_file = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND) if log_path else None

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def receive(self, sender: str, recipient: str, raw: bytes) -> None:
        self.mails.append((sender, recipient, raw))
        self.log(f"took {get_message_id(raw)} {recipient}")

    def log(self, line: str) -> None:
        if self._log_file is not None:
            os.write(self._log_file, f"{line}\n".encode())


class SmtpSession(socketserver.StreamRequestHandler):
    server: SmtpServer

    def handle(self) -> None:
        self.server.log("opened")
        try:
            with suppress(OSError):
                self._run_dialogue()
        finally:
            self.server.log("closed")

    def _run_dialogue(self) -> None:
        sender = recipient = ""
        if not self.send_reply("GREETING"):
            return
        while line := self.rfile.readline():
            verb = line.split(b":")[0].split()[0].decode().upper()
            self.server.commands.append(verb)
            if verb == "MAIL":
                sender = parseaddr(line.decode().partition(":")[2].split()[0])[1]
            elif verb == "RCPT":
                recipient = parseaddr(line.decode().partition(":")[2])[1]
            if not self.send_reply(verb) or verb == "QUIT":
                return
            if verb == "STARTTLS":
                self._start_tls()
            if verb == "DATA" and "DATA" not in self.server.replies:
                # The client has doubled each dot at the beginning of a line (RFC 5321, section 4.5.2).
                lines: list[bytes] = []
                while (line := self.rfile.readline()) != b".\r\n":
                    if not line:  # the client was killed while sending
                        return
                    lines.append(line)
                self._receive_mail(sender, recipient, re.sub(rb"(?m)^\.", b"", b"".join(lines)))
                if not self.send_reply("END"):
                    return

    def _receive_mail(self, sender: str, recipient: str, raw: bytes) -> None:
        """Keep the mail if the reply is 250, or if the connection breaks before it could be sent."""
        end = self.server.replies.get("END", b"250 queued")
        if end is RESET or end.startswith(b"2"):
            self.server.receive(sender, recipient, raw)

    def send_reply(self, step: str) -> bool:
        reply = self.server.replies.get(step, self._get_default_reply(step))
        if reply is RESET:
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        if reply == SILENCE:
            self.server.stop.wait()
            return False
        if reply == TRICKLE:
            while not self.server.stop.wait(0.05):
                self.wfile.write(reply)
            return False
        self.wfile.write(reply + b"\r\n")
        return True

    def _get_default_reply(self, step: str) -> bytes:
        if step == "EHLO" and self.server.certificate:
            return b"250-fine\r\n250 STARTTLS"
        if step == "EHLO":
            return b"250-fine\r\n250 AUTH PLAIN"
        return DEFAULT_REPLIES.get(step, b"250 fine")

    def _start_tls(self) -> None:
        assert self.server.certificate is not None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server.certificate)
        self.request = self.connection = context.wrap_socket(self.request, server_side=True)
        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", 0)


def get_message_id(raw: bytes) -> str:
    match = re.search(rb"(?mi)^message-id:\s*(<[^>]+>)", raw)
    return match[1].decode() if match else ""


@contextmanager
def run_smtp_server(certificate: Path | None = None) -> Iterator[SmtpServer]:
    """Run a server in a thread of this process until the block ends."""
    server = SmtpServer(certificate)
    with run_server(server, server.stop):
        yield server


@contextmanager
def start_smtp_process(log_path: Path) -> Iterator[int]:
    """Start a server as a process, which outlives its killed clients; yield its port."""
    command = [sys.executable, "-m", "tests.support.smtp_servers", str(log_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent.parent) as child:
        assert child.stdout is not None
        yield int(child.stdout.readline())
        child.terminate()


def create_self_signed_certificate(folder: Path) -> Path:
    """Create a self-signed certificate for 127.0.0.1, in one file with its key."""
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
    """Create a Flask app with just the configuration for sending mail."""
    app = Flask("desk")
    app.config.update(MAIL_FROM=SENDER_ADDRESS, MAIL_TRANSPORT="smtp", MAIL_SERVER="127.0.0.1", **settings)
    return app


if __name__ == "__main__":
    with SmtpServer(log_path=Path(sys.argv[1])) as server:
        print(server.port, flush=True)
        server.serve_forever()
