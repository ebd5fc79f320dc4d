"""Keys can be changed while the newsroom works: everything is sealed again, and nothing is lost."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import assigning
from app.answers.models import Assignment
from app.core.actors import ExpertActor, Reader
from app.crypto import seal
from app.crypto.seal import Keys
from app.db.engine import Database
from app.letters import contacts, receipts, receive
from app.letters.models import Contact, Credit, Letter
from app.mail import outbox
from app.mail.models import OutboxContent, OutboxMail
from app.newsletters.models import Newsletter
from app.people import directory
from app.people.models import Person
from app.workflows import key_rotation
from app.workflows.key_rotation import rotate
from tests.support.app import BASE_URL
from tests.support.main_job import STORY, TIMUR_FORM, MainJob
from tests.support.sample_newsroom import Newsroom

ASK = receive.Submission(
    "who measures the salt?", hear_back="while", email="timur@post.example", credit="first", name="Timur", place="Osh"
)


@pytest.mark.threat("stolen database and keys")
def test_everything_is_sealed_again_with_the_newest_key(database: Database) -> None:
    newsroom = MainJob(database, STORY)

    def ask(session: Any) -> None:
        receive.send(session, Reader(), session.get_one(Newsletter, newsroom.newsletter_id), ASK, form=TIMUR_FORM)

    newsroom.run_at(0, ask)
    newsroom.invite_expert()

    def suggest(session: Any) -> None:
        assignment = session.scalars(select(Assignment)).one()
        assigning.suggest(session, ExpertActor(assignment.expert_id, "-"), assignment, "Ana, of the station")

    newsroom.run_at(1, suggest)
    with database.read() as session:
        secrets = session.info["keys"]._secrets
    newer = Database(database.url, Keys({**secrets, 2: b"n" * 32}), "https://ask.newsroom.example")
    sealed_again = sum(rotate(newer))
    newest_only = Database(database.url, Keys({2: b"n" * 32}), "https://ask.newsroom.example")
    with newest_only.read() as session:
        counts = [len(session.scalars(select(table)).all()) for table in (Contact, Credit, OutboxContent, Assignment)]
        people = len(session.scalars(select(Person)).all())
        assert sealed_again == sum(counts) + people
        letter = session.scalars(select(Letter)).one()
        assert contacts.email_of(session, letter) == "timur@post.example"
        assert contacts.get_credit_name(session, letter) == "Timur, Osh"
        assert assigning.suggestion_of(session, session.scalars(select(Assignment)).one()) == "Ana, of the station"
        nora = directory.by_email(session, "nora@desk.example")
        assert nora is not None and directory.email_of(session, nora) == "nora@desk.example"
        assert [outbox.read(session, mail).kind for mail in session.scalars(select(OutboxMail).order_by(OutboxMail.id))] == [
            "expert.invitation", "desk.suggestion",
        ]  # fmt: skip
    with newer.read() as session:
        # Receipts are hashes of what only the reader holds: their old key stays until they have ended.
        assert receipts.find_receipt(session, receive.receipt_of(session, TIMUR_FORM)) is not None
    assert sum(rotate(newer)) == 0
    newer.close()
    newest_only.close()


def test_what_was_sealed_before_there_were_size_classes_is_padded_under_the_same_key(
    database: Database, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever steals it read off the length whose address it may be."""
    with monkeypatch.context() as of_former_days:
        of_former_days.setattr(seal, "PADDED", b"")
        of_former_days.setattr(seal, "_pad", lambda data: data)
        for number, address in enumerate(("li@x.example", "abdurakhman.begimbetov@university.example")):
            database.write(lambda session: ask_with(session, newsroom, address, number))  # noqa: B023
    with database.read() as session:
        before = [len(contact.email_sealed) for contact in session.scalars(select(Contact))]
    assert before == [12 + 30, 41 + 30]
    assert sum(rotate(database)) == len(before)
    assert sum(rotate(database)) == 0
    with database.read() as session:
        letters = session.scalars(select(Letter).order_by(Letter.id)).all()
        assert len({len(contact.email_sealed) for contact in session.scalars(select(Contact))}) == 1
        assert [contacts.email_of(session, letter) for letter in letters] == [
            "li@x.example", "abdurakhman.begimbetov@university.example",
        ]  # fmt: skip


@pytest.mark.threat("stolen database and keys")
def test_names_of_letters_that_keep_only_their_day_are_sealed_again_too(
    database: Database, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such letters have random ids, which are negative."""

    def ask(session: Session, number: int) -> None:
        newsletter, form = session.get_one(Newsletter, newsroom.newsletter_id), receive.FormToken(f"form {number}", 1)
        submission = replace(ASK, hear_back="number", email="", name=f"Timur {number}")
        receive.send(session, Reader(), newsletter, submission, form=form)

    for number in range(3):
        database.write(partial(ask, number=number))
    monkeypatch.setattr(key_rotation, "SEALED", [replace(sealed, batch=1) for sealed in key_rotation.SEALED])
    with database.read() as session:
        assert [letter.id < 0 for letter in session.scalars(select(Letter))] == [True] * 3
        secrets = session.info["keys"]._secrets
    newer = Database(database.url, Keys({**secrets, 2: b"n" * 32}), BASE_URL)
    for _ in key_rotation.rotate(newer):
        pass
    with newer.read() as session:
        credits = [(row.key_no, Keys.number_of(row.name_sealed)) for row in session.scalars(select(Credit))]
        names = {contacts.get_credit_name(session, letter) for letter in session.scalars(select(Letter))}
    newer.close()
    assert credits == [(2, 2)] * 3
    assert names == {"Timur 0, Osh", "Timur 1, Osh", "Timur 2, Osh"}


def ask_with(session: Any, newsroom: Newsroom, address: str, number: int) -> None:
    newsletter, form = session.get_one(Newsletter, newsroom.newsletter_id), receive.FormToken(f"form {number}", 1)
    receive.send(session, Reader(), newsletter, replace(ASK, email=address, credit="none"), form=form)
