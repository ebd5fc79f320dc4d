"""Mails that lie in their places, as the mailroom leaves them there: stored, read, placed for reasons."""

from collections.abc import Sequence
from itertools import count
from typing import Any

from app.answers import mailed_answers
from app.answers.models import Assignment
from app.core.actors import Mailroom
from app.db.engine import Database
from app.db.session import now
from app.mail import inbound
from app.mail.inbound import Reading
from app.mail.models import Inbound
from tests.support.cast import Newsroom

REPLY = "Dear Nora, nobody is told to. We put up salt plates in 2009 and count what falls on them.\n\nA village can ask for the list."
LEYLA = Reading(
    from_name="Leyla Aydın",
    from_address="leyla.private@post.example",
    subject="Re: The Salt Wind",
    date="2022-11-01T09:00:00+00:00",
    language="en",
    text=REPLY,
    rest="On Monday Nora Lind wrote:\n> Who measures the salt in the wind?\n-- \nLeyla",
    attachments=(("plates 2009.pdf", 48_213),),
)
_numbers = count()


def mail_in(
    database: Database,
    newsroom: Newsroom,
    place: str = "pen",
    reading: Reading | None = LEYLA,
    reasons: Sequence[str] = ("other sender",),
    **facts: Any,
) -> str:
    """A mail comes in and gets its place; gives its public id."""

    def fn(session: Any) -> str:
        raw = f"Subject: number {next(_numbers)}\r\n\r\nwords".encode()
        row = inbound.store(session, raw, source="pipe", newsletter_id=newsroom.newsletter_id)
        assert row is not None
        if reading is not None:
            inbound.keep_reading(session, row, reading)
        inbound.place(session, Mailroom(), row, place, reasons, **facts)
        return row.public_id

    return database.write(fn)


def the_mail(database: Database, public_id: str) -> Inbound:
    with database.read() as session:
        return session.query(Inbound).filter_by(public_id=public_id).one()


def expert_writes(database: Database, assignment_id: int, words: str = REPLY, reading: Reading | None = LEYLA) -> str:
    """An expert's mail that checks out becomes a letter on the assignment; gives the letter's public id."""

    def fn(session: Any) -> str:
        assignment = session.get_one(Assignment, assignment_id)
        row = inbound.store(session, f"Subject: {next(_numbers)}\r\n\r\n".encode(), source="imap",
                            newsletter_id=assignment.newsletter_id)  # fmt: skip
        assert row is not None
        if reading is not None:
            inbound.keep_reading(session, row, reading)
        letter = mailed_answers.create_letter(session, Mailroom(), assignment, words, now(session))
        inbound.place(session, Mailroom(), row, "letter", (), letter_id=letter.id, assignment_id=assignment_id)
        return letter.public_id

    return database.write(fn)
