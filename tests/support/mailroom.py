"""The mailroom of the Steppe Letter: it stores, reads and places mails, which come by LMTP or a webhook as well."""

import atexit
import base64
import hashlib
import hmac
import socket
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import count
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.answers import mailed_answers
from app.answers.models import Assignment
from app.core.actors import Mailroom
from app.core.clock import unix_time
from app.db.engine import Database
from app.db.session import now
from app.editions import locking, slots
from app.editions.models import Edition
from app.editions.queries import list_editions_to_run
from app.letters.models import Letter
from app.mail import inbound, outbox
from app.mail.mime_message import Envelope
from app.mail.models import Inbound, OutboxMail
from app.mail.reading import ParserClient
from app.mail.reply_address import tokens_in
from app.mailroom.placing import Settings, place_due
from app.newsletters.models import Newsletter
from app.questions.models import Question
from tests.support.assignments import ExpertAssignment, ask_expert
from tests.support.cast import Newsroom, answered_question
from tests.support.incoming_mails import DESK_ADDRESS, MX
from tests.support.waiting import PATIENCE

LEYLAS_ADDRESS = "leyla@field.example"
MAREKS_ADDRESS = "marek@water.example"
LIST_ADDRESS = "letter@steppe.example"
SETTINGS = Settings(authserv_id=MX, received_by=frozenset({MX}))


@cache
def start_mail_reader() -> ParserClient:
    """One child process reads the mails of all tests in this process."""
    child = ParserClient(10)
    atexit.register(child.__exit__, None, None, None)
    return child.__enter__()


@dataclass(frozen=True)
class Room:
    """The mailroom of a newsletter that takes mail at ask@steppe.example."""

    database: Database
    newsroom: Newsroom
    inbox: str = DESK_ADDRESS

    def __post_init__(self) -> None:
        def take_mail(session: Session) -> None:
            newsletter = session.get_one(Newsletter, self.newsroom.newsletter_id)
            newsletter.inbox, newsletter.list_address = self.inbox, LIST_ADDRESS

        self.database.write(take_mail)

    def store(self, raw: bytes, at: datetime | None = None, **facts: object) -> int:
        return self.database.write(lambda session: store_mail(session, raw, **facts), at)

    def place(self, at: datetime | None = None, limit: int = 100) -> Counter[str]:
        return place_due(self.database, start_mail_reader(), SETTINGS, limit, now=at)

    def bring(self, raw: bytes, **facts: object) -> Inbound:
        """A mail comes in and is placed."""
        key = self.store(raw, **facts)
        self.place()
        return self.row(key)

    def row(self, key: int) -> Inbound:
        with self.database.read() as session:
            return session.get_one(Inbound, key)

    def places(self) -> list[str | None]:
        """The place of every mail, in the order they came."""
        with self.database.read() as session:
            return list(session.scalars(select(Inbound.state).order_by(Inbound.id)))

    def letters(self) -> list[Letter]:
        """Every letter that came by mail."""
        with self.database.read() as session:
            return list(
                session.scalars(select(Letter).filter_by(channel="mail").order_by(Letter.received_at, Letter.id))
            )

    def outgoing(self) -> int:
        with self.database.read() as session:
            return session.scalar(select(func.count()).select_from(OutboxMail)) or 0

    def wire(self, sender: str) -> dict[str, bytes]:
        """Every mail that waits to go out, as it would be sent by `sender`, by Message-ID."""
        with self.database.read() as session:
            mails = session.scalars(select(OutboxMail).order_by(OutboxMail.id)).all()
            return {
                one.message_id: Envelope(outbox.read(session, one), one.message_id, sender).as_bytes() for one in mails
            }

    def invited(self, to: str = "leyla", words: str | None = None) -> tuple[ExpertAssignment, str]:
        """An expert is asked; with the address that a reply to the invitation goes to."""
        found = ask_expert(self.database, self.newsroom, to=to, **({"words": words} if words else {}))
        with self.database.read() as session:
            invitation = session.scalars(select(OutboxMail).filter_by(assignment_id=found.assignment_id)).one()
            address = outbox.read(session, invitation).reply_to
        assert address is not None and len(tokens_in([address], [DESK_ADDRESS])) == 1
        return found, address

    def ran(self, words: str, locked: bool = True) -> int:
        """An edition with one Q&A, locked; its key."""

        def run(session: Session) -> int:
            question = answered_question(session, self.newsroom, words)
            edition = list_editions_to_run(session, self.newsroom.newsletter_id, 1)[0]
            slots.pick(session, self.newsroom.nora, session.get_one(Question, question.id), edition)
            if locked:
                locking.lock_edition(session, self.newsroom.nora, edition)
            return edition.id

        return self.database.write(run)

    def edition(self, key: int) -> Edition:
        with self.database.read() as session:
            return session.get_one(Edition, key)


def store_mail(session: Session, raw: bytes, **facts: object) -> int:
    row = inbound.store(session, raw, **{"source": "pipe", **facts})  # type: ignore[arg-type]
    assert row is not None
    return row.id


def after_newest_mail(room: Room, minutes: float) -> datetime:
    """A time after the newest mail came."""
    with room.database.read() as session:
        newest = session.scalar(select(func.max(Inbound.stored_at)))
        assert newest is not None
        return newest + timedelta(minutes=minutes)


REPLY_TEXT = (
    "Dear Nora, nobody is told to. We put up salt plates in 2009 and count what falls on them.\n\n"
    "A village can ask for the list."
)
LEYLAS_REPLY = inbound.MailContent(
    from_name="Leyla Aydın",
    from_address="leyla.private@post.example",
    subject="Re: The Salt Wind",
    date="2022-11-01T09:00:00+00:00",
    language="en",
    text=REPLY_TEXT,
    rest="On Monday Nora Lind wrote:\n> Who measures the salt in the wind?\n-- \nLeyla",
    attachments=(("plates 2009.pdf", 48_213),),
)
_numbers = count()


def place_mail(
    database: Database,
    newsroom: Newsroom,
    place: str = "pen",
    reading: inbound.MailContent | None = LEYLAS_REPLY,
    reasons: Sequence[str] = ("other sender",),
    **facts: Any,
) -> str:
    """A mail comes in and gets its place; gives its public id."""

    def fn(session: Any) -> str:
        raw = f"Subject: number {next(_numbers)}\r\n\r\nwords".encode()
        row = inbound.store(session, raw, source="pipe", newsletter_id=newsroom.newsletter_id)
        assert row is not None
        if reading is not None:
            inbound.store_reading(session, row, reading)
        inbound.place(session, Mailroom(), row, place, reasons, **facts)
        return row.public_id

    return database.write(fn)


def get_mail(database: Database, public_id: str) -> Inbound:
    with database.read() as session:
        return session.query(Inbound).filter_by(public_id=public_id).one()


def receive_expert_mail(
    database: Database, assignment_id: int, words: str = REPLY_TEXT, reading: inbound.MailContent | None = LEYLAS_REPLY
) -> str:
    """An expert's mail that checks out becomes a letter on the assignment; gives the letter's public id."""

    def fn(session: Any) -> str:
        assignment = session.get_one(Assignment, assignment_id)
        row = inbound.store(session, f"Subject: {next(_numbers)}\r\n\r\n".encode(), source="imap",
                            newsletter_id=assignment.newsletter_id)  # fmt: skip
        assert row is not None
        if reading is not None:
            inbound.store_reading(session, row, reading)
        letter = mailed_answers.create_letter(session, Mailroom(), assignment, words, now(session))
        inbound.place(session, Mailroom(), row, "letter", (), letter_id=letter.id, assignment_id=assignment_id)
        return letter.public_id

    return database.write(fn)


SMALL_MAIL = b"From: Timur <timur@reader.example>\r\nSubject: Salt\r\n\r\nWhy is the salt rising?\r\n"


def list_stored_mails(database: Database) -> list[tuple[str, bytes]]:
    """How each mail came in, and its bytes, in order."""
    with database.read() as session:
        rows = session.scalars(select(Inbound).order_by(Inbound.id))
        return [(row.source, inbound.get_raw(session, row)) for row in rows]


class LmtpClient:
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


def webhook_headers(
    raw: bytes, *, message_id: str = "msg_1", at: float | None = None, key: bytes = b"k" * 24
) -> dict[str, str]:
    """What the Standard Webhooks scheme says, by its text and not by our code."""
    stamp = str(int(unix_time() if at is None else at))
    made = hmac.new(key, f"{message_id}.{stamp}.".encode() + raw, hashlib.sha256).digest()
    signed = f"v1,{base64.b64encode(made).decode()}"
    return {"webhook-id": message_id, "webhook-timestamp": stamp, "webhook-signature": signed}
