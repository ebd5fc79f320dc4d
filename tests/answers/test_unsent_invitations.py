"""Marek stands after Leyla on the ladder. While his invitation is still here, it is settled without him: he hears nothing."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import assigning, editing, ladder, writing
from app.answers.models import Assignment
from app.core.actors import Clock
from app.core.domain_errors import InvalidTransition
from app.db.engine import Database
from app.db.session import now
from app.letters import receipts
from app.letters.models import Letter
from app.mail import outbox
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.people.models import Expert
from app.workflows import invitations
from app.workflows.letters import endings, withdrawal
from tests.support.assignments import ANSWER, ExpertAssignment, ask_expert, send_queued_mails
from tests.support.desk import Desk
from tests.support.sample_newsroom import Newsroom

TO_MAREK = "marek@water.example"


@pytest.fixture(params=["held", "queued"])
def salt(request: pytest.FixtureRequest, database: Database, newsroom: Newsroom) -> ExpertAssignment:
    """Leyla's invitation has arrived and she says nothing; Marek's waits for a second person, or for its hour."""
    made = ask_expert(database, newsroom)
    database.write(send_queued_mails)

    def put_marek_next(session: Session) -> datetime:
        before = made.assignment(session)
        marek = session.get_one(Expert, newsroom.marek.expert_id)
        one = assigning.assign(session, newsroom.nora, before.question, marek)
        ladder.put_after(session, newsroom.nora, one, before)
        if request.param == "held":
            session.get_one(Newsletter, newsroom.newsletter_id).held_kinds = ["expert.invitation"]
        return before.reply_by or now(session)

    up = database.write(put_marek_next)
    assert ladder.climb(database, invitations.invite_next, up) == 1
    return made


def marek(salt: ExpertAssignment, session: Session) -> Assignment:
    return session.scalars(select(Assignment).filter_by(expert_id=salt.newsroom.marek.expert_id)).one()


def mails_to(salt: ExpertAssignment, to: str = TO_MAREK) -> list[tuple[str, str]]:
    with salt.database.read() as session:
        mails = session.scalars(select(OutboxMail).order_by(OutboxMail.id)).all()
        mine = select(Assignment.id).join(Expert, Expert.id == Assignment.expert_id)
        keys = set(session.scalars(mine.where(Expert.id == salt.newsroom.marek.expert_id)))
        return [(mail.kind, mail.state) for mail in mails if (mail.assignment_id in keys) == (to == TO_MAREK)
                and mail.kind.startswith("expert.")]  # fmt: skip


ACCEPTS: dict[str, Callable[[Session, ExpertAssignment], object]] = {
    "she says yes": lambda s, salt: assigning.accept(s, salt.newsroom.leyla, salt.assignment(s)),
    "her text is here": lambda s, salt: writing.submit(
        s, salt.newsroom.leyla, salt.assignment(s), writing.AnswerContent(ANSWER, own_words=True)
    ),
    "Nora writes down what she said": lambda s, salt: writing.enter_by_hand(
        s, salt.newsroom.nora, salt.assignment(s), writing.AnswerContent(ANSWER), "phone", now(s).date()
    ),
}


@pytest.mark.parametrize("variant", ACCEPTS)
def test_who_was_asked_before_has_it_and_the_next_one_is_only_next_again(
    app: Flask, salt: ExpertAssignment, variant: str
) -> None:
    salt.database.write(lambda session: ACCEPTS[variant](session, salt))
    assert mails_to(salt) == [("expert.invitation", "discarded")]
    with salt.database.read() as session:
        one = marek(salt, session)
        assert (one.state, one.invited_at, one.after_id) == ("drafted", None, salt.assignment_id)
        question, at = one.question.public_id, (one.reply_by or now(session)) + timedelta(days=40)
    assert ladder.climb(salt.database, invitations.invite_next, at) == 0
    said = Desk(app, salt.newsroom.nora).get_text(f"questions/{question}")
    assert (
        "Marek Dvořák is only next in line again: the expert asked before has it. The invitation hadn’t left." in said
    )


def test_she_can_not_after_all_and_he_is_asked_then(salt: ExpertAssignment) -> None:
    salt.database.write(lambda s: assigning.accept(s, salt.newsroom.leyla, salt.assignment(s)))
    salt.database.write(lambda s: assigning.decline(s, salt.newsroom.leyla, salt.assignment(s), "no time"))
    assert ladder.climb(salt.database, invitations.invite_next) == 1
    assert [kind for kind, _state in mails_to(salt)] == ["expert.invitation", "expert.invitation"]
    assert mails_to(salt)[0] == ("expert.invitation", "discarded")


def test_what_has_left_or_a_person_sent_stays_as_it_is(salt: ExpertAssignment) -> None:
    def mark_sent(session: Session) -> None:
        mail = session.scalars(select(OutboxMail).filter_by(assignment_id=marek(salt, session).id)).one()
        if mail.state == "held":
            mail.once_key = None  # as one that Nora pressed for herself
        else:
            outbox.move(session, Clock(), mail, "send", sent_at=now(session))

    salt.database.write(mark_sent)
    salt.database.write(lambda s: assigning.accept(s, salt.newsroom.leyla, salt.assignment(s)))
    with salt.database.read() as session:
        assert marek(salt, session).state == "invited"


def withdraw_letter(session: Session, salt: ExpertAssignment) -> None:
    letter = session.scalars(select(Letter)).one()
    withdrawal.withdraw(session, receipts.reader_of(letter), letter)


ENDS: dict[str, Callable[[Session, ExpertAssignment], object]] = {
    "closed": lambda s, salt: endings.close_question(s, salt.newsroom.nora, salt.assignment(s).question, "later"),
    "taken back by its reader": withdraw_letter,
    "not wanted from him": lambda s, salt: assigning.cancel(s, salt.newsroom.nora, marek(salt, s)),
}


@pytest.mark.parametrize("variant", ENDS)
def test_nobody_is_invited_to_what_has_ended_nor_told_of_its_end(
    app: Flask, salt: ExpertAssignment, variant: str
) -> None:
    salt.database.write(lambda session: ENDS[variant](session, salt))
    assert mails_to(salt) == [("expert.invitation", "discarded")]
    leyla = [] if variant == "not wanted from him" else [("expert.cancelled", "queued")]
    assert mails_to(salt, "leyla") == [("expert.invitation", "sent"), *leyla]
    with salt.database.read() as session:
        assert marek(salt, session).state == "cancelled"
        question = marek(salt, session).question.public_id
    if variant != "taken back by its reader":
        said = Desk(app, salt.newsroom.nora).get_text(f"questions/{question}")
        assert "The invitation to Marek Dvořák had not left yet, and was taken back." in said


def test_a_check_that_is_over_before_it_was_mailed_asks_nobody(database: Database, newsroom: Newsroom) -> None:
    made = ask_expert(database, newsroom)
    made.send()
    made.edit()

    def hold(session: Session) -> None:
        session.get_one(Newsletter, newsroom.newsletter_id).held_kinds = ["expert.check"]

    database.write(hold)
    for _ in range(2):
        made.send_to_check()
        database.write(lambda s: editing.recall_check(s, newsroom.nora, made.answer(s)))
    with database.read() as session:
        checks = session.scalars(select(OutboxMail).filter_by(kind="expert.check")).all()
        assert [mail.state for mail in checks] == ["discarded", "discarded"]


def test_a_text_that_was_to_go_back_and_is_not_wanted_any_more_does_not(database: Database, newsroom: Newsroom) -> None:
    made = ask_expert(database, newsroom)
    made.send()

    def fn(session: Session) -> None:
        session.get_one(Newsletter, newsroom.newsletter_id).held_kinds = ["expert.returned"]
        session.flush()
        answer, soon = made.answer(session), now(session) + timedelta(days=3)
        editing.send_back(session, newsroom.nora, answer, "Who reads the plates?", soon)
        editing.withdraw(session, newsroom.nora, answer, "It ran elsewhere.")

    database.write(fn)
    with database.read() as session:
        mails = session.execute(select(OutboxMail.kind, OutboxMail.state).order_by(OutboxMail.id)).all()
        assert [tuple(mail) for mail in mails if mail.kind in ("expert.returned", "expert.not_used")] == [
            ("expert.returned", "discarded"), ("expert.not_used", "queued"),
        ]  # fmt: skip


@pytest.mark.parametrize("state", ["drafted", "declined", "received", "done", "cancelled"])
def test_who_is_not_writing_is_given_no_more_time(database: Database, newsroom: Newsroom, state: str) -> None:
    made = ask_expert(database, newsroom)
    ways: dict[str, Callable[[Session], object]] = {
        "drafted": lambda s: None,
        "declined": lambda s: assigning.decline(s, newsroom.nora, made.assignment(s), "no time"),
        "received": lambda s: None,
        "done": lambda s: None,
        "cancelled": lambda s: assigning.cancel(s, newsroom.nora, made.assignment(s)),
    }
    if state in ("received", "done"):
        made.send()
    if state == "done":
        made.approve()
    database.write(ways[state])

    def extend(session: Session) -> None:
        one = made.assignment(session)
        if state == "drafted":
            gulnara = session.get_one(Expert, newsroom.gulnara.expert_id)
            one = assigning.assign(session, newsroom.nora, one.question, gulnara)
        assert one.state == state
        assigning.extend(session, newsroom.nora, one, now(session) + timedelta(days=30))

    with pytest.raises(InvalidTransition):
        database.write(extend)
