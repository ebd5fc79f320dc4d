"""A small mail, the hands of a server that brings it, and what is stored then."""

import base64
import hashlib
import hmac
import socket

from sqlalchemy import select

from app.core.clock import unix_time
from app.db.engine import Database
from app.mail import inbound
from app.mail.models import Inbound
from tests.support.waiting import PATIENCE

WORDS = b"From: Timur <timur@reader.example>\r\nSubject: Salt\r\n\r\nWhy is the salt rising?\r\n"


def stored(database: Database) -> list[tuple[str, bytes]]:
    """How each mail came in, and its bytes, in order."""
    with database.read() as session:
        rows = session.scalars(select(Inbound).order_by(Inbound.id))
        return [(row.source, inbound.raw_of(session, row)) for row in rows]


class Client:
    """A mail server that speaks LMTP by hand, so that each single reply is seen."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.replies = self.socket.makefile("rb")
        assert self.reply().startswith("220")
        self.say("LHLO mx.reader.example")
        while self.reply()[3] == "-":
            pass

    def say(self, line: str) -> None:
        self.socket.sendall(f"{line}\r\n".encode())

    def reply(self) -> str:
        return self.replies.readline().decode().strip()

    def asks(self, line: str) -> str:
        self.say(line)
        return self.reply()

    def hands_in(self, content: bytes, *recipients: str, sender: str = "timur@reader.example") -> list[str]:
        """One reply per recipient. `content` goes as it is, so whoever calls ends it with a dot."""
        assert self.asks(f"MAIL FROM:<{sender}>").startswith("250")
        for recipient in recipients:
            assert self.asks(f"RCPT TO:<{recipient}>").startswith("250")
        assert self.asks("DATA").startswith("354")
        self.socket.sendall(content)
        return [self.reply() for _ in recipients]

    def close(self) -> None:
        self.replies.close()
        self.socket.close()


def headers(
    raw: bytes, *, message_id: str = "msg_1", at: float | None = None, key: bytes = b"k" * 24
) -> dict[str, str]:
    """What the Standard Webhooks scheme says, by its text and not by our code."""
    stamp = str(int(unix_time() if at is None else at))
    made = hmac.new(key, f"{message_id}.{stamp}.".encode() + raw, hashlib.sha256).digest()
    signed = f"v1,{base64.b64encode(made).decode()}"
    return {"webhook-id": message_id, "webhook-timestamp": stamp, "webhook-signature": signed}
