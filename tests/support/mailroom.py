"""The mailroom of the Steppe Letter: storing and placing mails, and delivering them by LMTP or webhook."""

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
from tests.support.incoming_mails import DESK_ADDRESS, MX
from tests.support.sample_newsroom import Newsroom, create_answered_question
from tests.support.waiting import WAIT_TIMEOUT

LEYLAS_ADDRESS = "leyla@field.example"
MAREKS_ADDRESS = "marek@water.example"
LIST_ADDRESS = "letter@steppe.example"
SETTINGS = Settings(authserv_id=MX, received_by=frozenset({MX}))


@cache
def start_mail_reader() -> ParserClient:
    """Start the child process that parses the mails of all tests in this process."""
    child = ParserClient(10)
    atexit.register(child.__exit__, None, None, None)
    return child.__enter__()


@dataclass(frozen=True)
class NewsletterMailroom:
    """The mailroom of a newsletter; by default, it receives mail at ask@steppe.example."""

    database: Database
    newsroom: Newsroom
    inbox: str = DESK_ADDRESS

    def __post_init__(self) -> None:
        def set_inbox(session: Session) -> None:
            newsletter = session.get_one(Newsletter, self.newsroom.newsletter_id)
            newsletter.inbox, newsletter.list_address = self.inbox, LIST_ADDRESS

        self.database.write(set_inbox)

    def store_mail(self, raw: bytes, now: datetime | None = None, **facts: object) -> int:
        """Store a mail as it arrives and return its key; `facts` are arguments of `inbound.store`."""

        def store(session: Session) -> int:
            mail = inbound.store(session, raw, **{"source": "pipe", **facts})  # type: ignore[arg-type]
            assert mail is not None
            return mail.id

        return self.database.write(store, now)

    def place_mails(self, now: datetime | None = None, limit: int = 100) -> Counter[str]:
        return place_due(self.database, start_mail_reader(), SETTINGS, limit, now=now)

    def receive(self, raw: bytes, **facts: object) -> Inbound:
        """Store a mail, place all mails that are due, and return it."""
        key = self.store_mail(raw, **facts)
        self.place_mails()
        return self.get_mail(key)

    def get_mail(self, key: int) -> Inbound:
        with self.database.read() as session:
            return session.get_one(Inbound, key)

    def list_states(self) -> list[str | None]:
        """Return the state of every incoming mail, oldest first."""
        with self.database.read() as session:
            return list(session.scalars(select(Inbound.state).order_by(Inbound.id)))

    def list_letters(self) -> list[Letter]:
        """Return the letters that came by mail, oldest first."""
        with self.database.read() as session:
            return list(
                session.scalars(select(Letter).filter_by(channel="mail").order_by(Letter.received_at, Letter.id))
            )

    def count_outgoing(self) -> int:
        with self.database.read() as session:
            return session.scalar(select(func.count()).select_from(OutboxMail)) or 0

    def render_outgoing(self, sender: str) -> dict[str, bytes]:
        """Return every mail of the outbox by Message-ID, rendered as if `sender` sent it."""
        with self.database.read() as session:
            mails = session.scalars(select(OutboxMail).order_by(OutboxMail.id)).all()
            return {
                mail.message_id: Envelope(outbox.read(session, mail), mail.message_id, sender).as_bytes()
                for mail in mails
            }

    def invite_expert(self, expert: str = "leyla", text: str | None = None) -> tuple[ExpertAssignment, str]:
        """Invite an expert. Return the assignment and the address for replies to the invitation."""
        assignment = ask_expert(self.database, self.newsroom, expert=expert, **({"body": text} if text else {}))
        with self.database.read() as session:
            invitation = session.scalars(select(OutboxMail).filter_by(assignment_id=assignment.assignment_id)).one()
            address = outbox.read(session, invitation).reply_to
        assert address is not None and len(tokens_in([address], [DESK_ADDRESS])) == 1
        return assignment, address

    def run_edition(self, text: str, lock: bool = True) -> int:
        """Put one Q&A with this answer into the next edition, lock the edition by default, and return its key."""

        def run(session: Session) -> int:
            question = create_answered_question(session, self.newsroom, text)
            edition = list_editions_to_run(session, self.newsroom.newsletter_id, 1)[0]
            slots.pick(session, self.newsroom.nora, session.get_one(Question, question.id), edition)
            if lock:
                locking.lock_edition(session, self.newsroom.nora, edition)
            return edition.id

        return self.database.write(run)

    def get_edition(self, key: int) -> Edition:
        with self.database.read() as session:
            return session.get_one(Edition, key)


def get_time_after_newest_mail(room: NewsletterMailroom, minutes: float) -> datetime:
    """Return a time this many minutes after the newest mail was stored."""
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
    state: str = "pen",
    reading: inbound.MailContent | None = LEYLAS_REPLY,
    reasons: Sequence[str] = ("other sender",),
    **facts: Any,
) -> str:
    """Store a mail with this reading, put it into `state`, and return its public id."""

    def place(session: Any) -> str:
        raw = f"Subject: number {next(_numbers)}\r\n\r\nwords".encode()
        mail = inbound.store(session, raw, source="pipe", newsletter_id=newsroom.newsletter_id)
        assert mail is not None
        if reading is not None:
            inbound.store_reading(session, mail, reading)
        inbound.place(session, Mailroom(), mail, state, reasons, **facts)
        return mail.public_id

    return database.write(place)


def get_mail_by_public_id(database: Database, public_id: str) -> Inbound:
    with database.read() as session:
        return session.query(Inbound).filter_by(public_id=public_id).one()


def receive_expert_mail(
    database: Database, assignment_id: int, text: str = REPLY_TEXT, reading: inbound.MailContent | None = LEYLAS_REPLY
) -> str:
    """Store a verified mail of an expert, make it a letter on the assignment, and return the letter's public id."""

    def create_letter(session: Any) -> str:
        assignment = session.get_one(Assignment, assignment_id)
        mail = inbound.store(session, f"Subject: {next(_numbers)}\r\n\r\n".encode(), source="imap",
                            newsletter_id=assignment.newsletter_id)  # fmt: skip
        assert mail is not None
        if reading is not None:
            inbound.store_reading(session, mail, reading)
        letter = mailed_answers.create_letter(session, Mailroom(), assignment, text, now(session))
        inbound.place(session, Mailroom(), mail, "letter", (), letter_id=letter.id, assignment_id=assignment_id)
        return letter.public_id

    return database.write(create_letter)


SMALL_MAIL = b"From: Timur <timur@reader.example>\r\nSubject: Salt\r\n\r\nWhy is the salt rising?\r\n"


def list_stored_mails(database: Database) -> list[tuple[str, bytes]]:
    """Return the source and the bytes of each stored mail, oldest first."""
    with database.read() as session:
        rows = session.scalars(select(Inbound).order_by(Inbound.id))
        return [(row.source, inbound.get_raw(session, row)) for row in rows]


class LmtpClient:
    """A plain LMTP client that returns each reply of the server."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=WAIT_TIMEOUT)
        self.replies = self.socket.makefile("rb")
        assert self.read_reply().startswith("220")
        self.send_line("LHLO mx.reader.example")
        while self.read_reply()[3] == "-":
            pass

    def send_line(self, line: str) -> None:
        self.socket.sendall(f"{line}\r\n".encode())

    def read_reply(self) -> str:
        return self.replies.readline().decode().strip()

    def send_command(self, line: str) -> str:
        self.send_line(line)
        return self.read_reply()

    def deliver(self, content: bytes, *recipients: str, sender: str = "timur@reader.example") -> list[str]:
        """Send a mail and return one reply per recipient. `content` is sent as is and must end with the final dot."""
        assert self.send_command(f"MAIL FROM:<{sender}>").startswith("250")
        for recipient in recipients:
            assert self.send_command(f"RCPT TO:<{recipient}>").startswith("250")
        assert self.send_command("DATA").startswith("354")
        self.socket.sendall(content)
        return [self.read_reply() for _ in recipients]

    def close(self) -> None:
        self.replies.close()
        self.socket.close()


def build_webhook_headers(
    raw: bytes, *, message_id: str = "msg_1", timestamp: float | None = None, key: bytes = b"k" * 24
) -> dict[str, str]:
    """Return the headers of the Standard Webhooks scheme, computed from its specification and not by our code."""
    seconds = str(int(unix_time() if timestamp is None else timestamp))
    signature = hmac.new(key, f"{message_id}.{seconds}.".encode() + raw, hashlib.sha256).digest()
    header = f"v1,{base64.b64encode(signature).decode()}"
    return {"webhook-id": message_id, "webhook-timestamp": seconds, "webhook-signature": header}
