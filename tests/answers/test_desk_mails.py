"""Who at the desk hears what an expert did: its editors, and whoever invited the expert."""

from dataclasses import replace

import pytest
from sqlalchemy import select, update

from app.core.clock import utc_now
from app.db.engine import Database
from app.mail import outbox
from app.mail.models import OutboxMail
from app.people.models import Membership, Person
from tests.support.assignments import ask_expert
from tests.support.desk_people import NORA, VERA, hire_vera
from tests.support.sample_newsroom import Newsroom


def list_recipients(database: Database) -> list[str]:
    """The addresses of the mails to the desk about Leyla's answer."""
    with database.read() as session:
        mails = session.scalars(select(OutboxMail).where(OutboxMail.kind == "desk.answer")).all()
        return sorted(outbox.read(session, mail).to for mail in mails)


@pytest.mark.both_databases
def test_vera_the_admin_hears_of_the_answer_of_an_expert_whom_she_invited(
    database: Database, newsroom: Newsroom
) -> None:
    vera = hire_vera(database, newsroom)
    ask_expert(database, replace(newsroom, nora=vera)).send()
    assert list_recipients(database) == [NORA, VERA]


def test_of_an_expert_whom_an_editor_invited_the_editors_hear_once(database: Database, newsroom: Newsroom) -> None:
    hire_vera(database, newsroom)
    ask_expert(database, newsroom).send()
    assert list_recipients(database) == [NORA]


def test_an_editor_whose_own_language_is_persian_is_mailed_in_the_language_of_the_desk(
    database: Database, newsroom: Newsroom
) -> None:
    speak = update(Person).where(Person.id == newsroom.nora.person_id).values(language="fa")
    database.write(lambda session: session.execute(speak))
    ask_expert(database, newsroom).send()
    with database.read() as session:
        [mail] = session.scalars(select(OutboxMail).where(OutboxMail.kind == "desk.answer")).all()
        message = outbox.read(session, mail)
    assert (message.language, "It is here:" in message.text, "اینجاست" in message.text) == ("en", True, False)


def test_whoever_has_left_the_desk_hears_nothing(database: Database, newsroom: Newsroom) -> None:
    vera = hire_vera(database, newsroom)
    salt = ask_expert(database, replace(newsroom, nora=vera))
    left = update(Membership).where(Membership.person_id == vera.person_id).values(disabled_at=utc_now())
    database.write(lambda session: session.execute(left))
    salt.send()
    assert list_recipients(database) == [NORA]
