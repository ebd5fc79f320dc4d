"""What the tests of the mailroom begin with: the Steppe Letter takes mail, and Leyla has an address that opens her assignment."""

import atexit
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db.engine import Database
from app.editions import locking, slots
from app.editions.models import Edition
from app.letters.models import Letter
from app.mail import inbound, outbox
from app.mail.mime_message import Envelope
from app.mail.models import Inbound, OutboxMail
from app.mail.reading import Reading
from app.mail.reply_address import tokens_in
from app.mailroom.placing import Settings, place_due
from app.newsletters.models import Newsletter
from app.questions.models import Question
from app.workflows.letters import public_state
from tests.support.assignments import ExpertAssignment, ask_expert
from tests.support.cast import Newsroom, answered_question
from tests.support.incoming_mails import DESK, MX

LEYLA = "leyla@field.example"
MAREK = "marek@water.example"
LIST = "letter@steppe.example"
SETTINGS = Settings(authserv_id=MX, received_by=frozenset({MX}))


@cache
def reading() -> Reading:
    """One child process reads the mails of all tests in this process."""
    child = Reading(10)
    atexit.register(child.__exit__, None, None, None)
    return child.__enter__()


@dataclass(frozen=True)
class Room:
    """The mailroom of a newsletter that takes mail at ask@steppe.example."""

    database: Database
    newsroom: Newsroom
    inbox: str = DESK

    def __post_init__(self) -> None:
        def take_mail(session: Session) -> None:
            newsletter = session.get_one(Newsletter, self.newsroom.newsletter_id)
            newsletter.inbox, newsletter.list_address = self.inbox, LIST

        self.database.write(take_mail)

    def store(self, raw: bytes, at: datetime | None = None, **facts: object) -> int:
        return self.database.write(lambda session: stored(session, raw, **facts), at)

    def place(self, at: datetime | None = None, limit: int = 100) -> Counter[str]:
        return place_due(self.database, reading(), SETTINGS, limit, now=at)

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
        assert address is not None and len(tokens_in([address], [DESK])) == 1
        return found, address

    def ran(self, words: str, locked: bool = True) -> int:
        """An edition with one Q&A, locked; its key."""

        def run(session: Session) -> int:
            question = answered_question(session, self.newsroom, words)
            edition = public_state.list_editions_to_run(session, self.newsroom.newsletter_id, 1)[0]
            slots.pick(session, self.newsroom.nora, session.get_one(Question, question.id), edition)
            if locked:
                locking.lock_edition(session, self.newsroom.nora, edition)
            return edition.id

        return self.database.write(run)

    def edition(self, key: int) -> Edition:
        with self.database.read() as session:
            return session.get_one(Edition, key)


def stored(session: Session, raw: bytes, **facts: object) -> int:
    row = inbound.store(session, raw, **{"source": "pipe", **facts})  # type: ignore[arg-type]
    assert row is not None
    return row.id


def later(room: Room, minutes: float) -> datetime:
    """A time after the newest mail came."""
    with room.database.read() as session:
        newest = session.scalar(select(func.max(Inbound.stored_at)))
        assert newest is not None
        return newest + timedelta(minutes=minutes)
