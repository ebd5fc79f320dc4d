"""Silence means that a text runs, but only the silence of somebody who was told. And who was told too early is told nothing."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import editing
from app.answers.models import Assignment
from app.core.actors import Clock
from app.db.engine import Database
from app.db.session import now
from app.letters import receive
from app.letters.models import Letter
from app.mail import outbox
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.workflows.letters import endings
from tests.support.sample_newsroom import Newsroom, create_submitted_answer

LATER = timedelta(days=30)


def _send(session: Session, mail: OutboxMail) -> None:
    outbox.move(session, Clock(), mail, "send", sent_at=now(session), said=None)


def _fail(session: Session, mail: OutboxMail) -> None:
    outbox.move(session, Clock(), mail, "fail", said="550 no such mailbox here")


def _come_back(session: Session, mail: OutboxMail) -> None:
    _send(session, mail)
    outbox.mark_bounced(session, Clock(), mail, "550 no such mailbox here")


def _wait(_session: Session, _mail: OutboxMail) -> None:
    pass


@pytest.mark.parametrize(("became", "counts"), [(_send, True), (_fail, False), (_come_back, False), (_wait, False)])
def test_only_who_was_told_can_be_silent(database: Database, newsroom: Newsroom, became, counts: bool) -> None:
    def check(session: Session) -> int:
        answer = create_submitted_answer(session, newsroom, "Who measures the salt?")
        editing.edit(session, newsroom.nora, answer, "We put up salt plates.")
        editing.ask_check(session, newsroom.nora, answer)
        became(session, session.scalars(select(OutboxMail).filter_by(kind="expert.check")).one())
        return answer.id

    answer_id = database.write(check)
    with database.read() as session:
        session.info["at"] = now(session) + LATER
        assert list(editing.overdue_checks(session)) == ([answer_id] if counts else [])


def test_an_expert_without_an_address_was_not_told_and_so_is_not_silent(database: Database, newsroom: Newsroom) -> None:
    """The desk reads the text to them on the phone, and notes what they say."""

    def check(session: Session) -> None:
        answer = create_submitted_answer(session, newsroom, "Who measures the salt?")
        assignment = session.get_one(Assignment, answer.assignment_id)
        person = assignment.expert.person
        person.email_sealed = person.email_mac = None
        editing.edit(session, newsroom.nora, answer, "We put up salt plates.")
        editing.ask_check(session, newsroom.nora, answer)

    database.write(check)
    with database.read() as session:
        assert session.scalars(select(OutboxMail).filter_by(kind="expert.check")).all() == []
        session.info["at"] = now(session) + LATER
        assert list(editing.overdue_checks(session)) == []


def test_a_letter_that_is_opened_again_takes_its_notice_back(database: Database, newsroom: Newsroom) -> None:
    def asked_and_ended(session: Session) -> int:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        ask = receive.Submission("Who measures the salt?", hear_back="once", email="timur@post.example")
        letter = receive.send(session, newsroom.nora, newsletter, ask, channel="phone")
        endings.end_letter(session, newsroom.nora, letter, "outside")
        return letter.id

    letter_id = database.write(asked_and_ended)
    database.write(lambda s: endings.reopen_letter(s, newsroom.nora, s.get_one(Letter, letter_id)))
    database.write(lambda s: endings.end_letter(s, newsroom.nora, s.get_one(Letter, letter_id), "later"))
    with database.read() as session:
        mails = session.scalars(select(OutboxMail).filter_by(letter_id=letter_id).order_by(OutboxMail.id))
        assert [mail.state for mail in mails] == ["discarded", "queued"]
