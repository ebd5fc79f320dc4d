"""The ladder: Leyla is asked; if she says no or lets the time pass, Marek is, and after him Gulnara. Once each, whatever breaks."""

import os
import signal
import subprocess
import sys
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import assigning, ladder, mailed_answers
from app.answers.models import Assignment
from app.audit import Event
from app.core.actors import Clock
from app.core.clock import utc_now
from app.core.domain_errors import InvalidTransition, PermissionDenied
from app.db.engine import Database
from app.editions.models import Edition
from app.mail import outbox
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.people.models import Expert
from app.questions import wording
from app.workflows import invitations, undo
from app.workflows.letters import endings
from app.workflows.newsletters import pausing
from tests.support.assignments import ExpertAssignment, ask_expert
from tests.support.database_checks import dump_tables
from tests.support.desk import Desk
from tests.support.sample_newsroom import Newsroom


@pytest.fixture
def salt(database: Database, newsroom: Newsroom) -> ExpertAssignment:
    """Leyla is invited; Marek stands after her, Gulnara after him."""
    made = ask_expert(database, newsroom)

    def climb(session: Session) -> None:
        before = made.assignment(session)
        for who in (newsroom.marek, newsroom.gulnara):
            one = assigning.assign(session, newsroom.nora, before.question, session.get_one(Expert, who.expert_id))
            ladder.put_after(session, newsroom.nora, one, before)
            before = one

    database.write(climb)
    return made


def step(salt: ExpertAssignment, time: datetime | None = None) -> int:
    return ladder.climb(salt.database, invitations.invite_next, time)


def list_states(salt: ExpertAssignment) -> list[str | None]:
    with salt.database.read() as session:
        return [row.state for row in assigning.assignments_of(session, salt.assignment(session).question)]


def time_up(salt: ExpertAssignment, index: int = 0) -> datetime:
    with salt.database.read() as session:
        reply_by = assigning.assignments_of(session, salt.assignment(session).question)[index].reply_by
    assert reply_by is not None
    return reply_by


def invited(salt: ExpertAssignment) -> list[str]:
    """To whom invitations went, in order."""
    with salt.database.read() as session:
        mails = session.scalars(select(OutboxMail).filter_by(kind="expert.invitation").order_by(OutboxMail.id))
        return [outbox.read(session, mail).to for mail in mails]


def decline_at(salt: ExpertAssignment, index: int = 0) -> None:
    def decline(session: Session) -> None:
        one = assigning.assignments_of(session, salt.assignment(session).question)[index]
        assigning.decline(session, salt.newsroom.nora, one, "not my field")

    salt.database.write(decline)


def test_a_no_brings_the_next_one_and_only_that_one(salt: ExpertAssignment) -> None:
    assert step(salt) == 0
    decline_at(salt)
    assert [step(salt), step(salt)] == [1, 0]
    assert (list_states(salt), invited(salt)) == (
        ["declined", "invited", "drafted"],
        ["leyla@field.example", "marek@water.example"],
    )
    with salt.database.read() as session:
        event = session.scalars(select(Event).filter_by(action="assignment.invite").order_by(Event.id.desc())).first()
        assert event is not None and event.actor == "clock"
        mail = session.scalars(select(OutboxMail).order_by(OutboxMail.id.desc())).first()
        assert mail is not None and (mail.state, "I’m asking only you." in outbox.read(session, mail).text) == (
            "queued",
            True,
        )


def test_silence_until_the_date_brings_the_next_one_and_the_letter_says_who_else_is_asked(
    salt: ExpertAssignment,
) -> None:
    up = time_up(salt)
    assert [step(salt, up - timedelta(minutes=1)), step(salt, up), step(salt, up)] == [0, 1, 0]
    assert list_states(salt) == ["invited", "invited", "drafted"]
    with salt.database.read() as session:
        mail = session.scalars(select(OutboxMail).order_by(OutboxMail.id.desc())).first()
        assert mail is not None and "I’m asking one other expert too." in outbox.read(session, mail).text
    assert [step(salt, time_up(salt, 1)), list_states(salt)] == [1, ["invited", "invited", "invited"]]


def test_an_editor_sets_another_date_or_takes_somebody_off(app: Flask, salt: ExpertAssignment) -> None:
    nora = Desk(app, salt.newsroom.nora)
    with salt.database.read() as session:
        question = salt.assignment(session).question.public_id
        leyla, marek, gulnara = (
            row.public_id for row in assigning.assignments_of(session, salt.assignment(session).question)
        )
    here = f"questions/{question}"
    said = nora.get_text(here)
    assert "Is asked next, if Leyla Aydın says no or has said nothing by" in said
    assert "Is asked next, once Marek Dvořák was asked and can’t. It is sent automatically." in said
    before = dump_tables(salt.database)
    assert "Give a time that is still to come" in nora.press(
        f"{here}/assignments/{marek}/ladder", 422, before=leyla, due_at="2020-01-01T10:00"
    )
    nora.press(f"{here}/assignments/{marek}/ladder", 409, before=gulnara)  # each would wait for the other
    Desk(app, salt.newsroom.ilya).press(f"{here}/assignments/{marek}/off", 404)
    after = dump_tables(salt.database)
    assert {name for name in before if before[name] != after[name]} == {"sessions", "sign_ins", "audit"}
    nora.press(f"{here}/assignments/{marek}/ladder", before=leyla, due_at="2040-01-01T10:00")
    assert step(salt, time_up(salt)) == 0
    nora.press(f"{here}/assignments/{marek}/off")
    decline_at(salt)
    assert (step(salt), "Is asked next, if Leyla" in nora.get_text(here)) == (0, False)
    nora.press(f"{here}/assignments/{gulnara}/ladder", 409, before=leyla)  # who said no stands before nobody


@pytest.mark.parametrize("variant", ["accepted", "answered", "mailed", "closed", "unclear", "cancelled", "paused"])
def test_the_ladder_rests_when_somebody_has_it_or_nobody_may_be_asked(salt: ExpertAssignment, variant: str) -> None:
    def change(session: Session) -> None:
        nora, one = salt.newsroom.nora, salt.assignment(session)
        if variant == "accepted":
            assigning.accept(session, salt.newsroom.leyla, one)
        elif variant == "mailed":
            mailed_answers.create_letter(session, nora, one, "I will answer tomorrow.", utc_now())
        elif variant == "closed":
            endings.close_question(session, nora, one.question, "later")
        elif variant == "unclear":
            wording.reword(session, nora, one.question, headline="Salt", body="Who measures it?", language="en")
        elif variant == "cancelled":
            assigning.cancel(session, nora, one)
        elif variant == "paused":
            pausing.pause(session, Clock(), session.get_one(Newsletter, salt.newsroom.newsletter_id))

    if variant == "answered":
        salt.send()
    else:
        salt.database.write(change)
    before = dump_tables(salt.database)
    assert step(salt, time_up(salt) + timedelta(days=30)) == 0
    assert dump_tables(salt.database) == before


def test_a_wording_confirmed_later_lets_the_ladder_go_on(salt: ExpertAssignment) -> None:
    def reword(session: Session) -> None:
        question = salt.assignment(session).question
        wording.reword(session, salt.newsroom.nora, question, headline="Salt", body="Who measures it?", language="en")

    salt.database.write(reword)
    decline_at(salt)
    assert step(salt) == 0
    salt.database.write(
        lambda s: wording.clear(s, salt.newsroom.nora, q := salt.assignment(s).question, q.text_id or 0)
    )
    assert [step(salt), step(salt)] == [1, 0]


def test_where_invitations_are_held_the_next_one_waits_for_the_editor(app: Flask, salt: ExpertAssignment) -> None:
    def hold(session: Session) -> None:
        session.get_one(Newsletter, salt.newsroom.newsletter_id).held_kinds = ["expert.invitation"]

    salt.database.write(hold)
    decline_at(salt)
    assert step(salt) == 1
    with salt.database.read() as session:
        mail = session.scalars(select(OutboxMail).order_by(OutboxMail.id.desc())).first()
        assert mail is not None and mail.state == "held"
        question = salt.assignment(session).question.public_id
    assert "It waits in the outbox for you." in Desk(app, salt.newsroom.nora).get_text(f"questions/{question}")


def test_what_somebody_stopped_in_the_outbox_is_not_sent_again_by_the_clock(salt: ExpertAssignment) -> None:
    decline_at(salt)
    step(salt)

    def stop(session: Session) -> None:
        mail = session.scalars(select(OutboxMail).order_by(OutboxMail.id.desc())).first()
        assert mail is not None
        undo.discard(session, salt.newsroom.nora, mail)

    salt.database.write(stop)
    assert (step(salt), list_states(salt)) == (0, ["declined", "drafted", "drafted"])


def test_an_edition_that_takes_nothing_any_more_gives_way_to_the_next(salt: ExpertAssignment) -> None:
    decline_at(salt)
    with salt.database.read() as session:
        editions = session.scalars(select(Edition).order_by(Edition.runs_at)).all()
        coming = [one for one in editions if one.id >= (salt.assignment(session).for_edition_id or 0)]

    def set_edition(session: Session) -> None:
        marek = session.scalars(select(Assignment).filter_by(expert_id=salt.newsroom.marek.expert_id)).one()
        marek.for_edition_id = coming[0].id

    salt.database.write(set_edition)
    assert step(salt, coming[0].cutoff_at + timedelta(hours=1)) == 1
    with salt.database.read() as session:
        marek = session.scalars(select(Assignment).filter_by(expert_id=salt.newsroom.marek.expert_id)).one()
        assert marek.for_edition_id == coming[1].id


def test_only_an_editor_sets_a_ladder_up_and_never_a_ring(salt: ExpertAssignment, newsroom: Newsroom) -> None:
    def move_as_ilya(session: Session) -> None:
        leyla, marek, gulnara = assigning.assignments_of(session, salt.assignment(session).question)
        with pytest.raises(PermissionDenied):
            ladder.put_after(session, newsroom.ilya, gulnara, leyla)
        for one, before in ((marek, marek), (marek, gulnara), (leyla, marek)):
            with pytest.raises(InvalidTransition):
                ladder.put_after(session, newsroom.nora, one, before)

    before = dump_tables(salt.database)
    salt.database.write(move_as_ilya)
    assert dump_tables(salt.database) == before


CLIMB = """
import os, sys
from app.answers import ladder
from app.db.engine import Database
from app.workflows import invitations
from app.crypto.seal import Keys
from tests.support.app import SECRETS
database = Database(sys.argv[1], Keys(SECRETS), "https://ask.newsroom.example")
def invite(session, assignment, once_key):
    invitations.invite_next(session, assignment, once_key)
    if sys.argv[2] == "dies":
        os.kill(os.getpid(), 9)
print(ladder.climb(database, invite))
"""


def test_a_worker_that_is_killed_half_way_and_two_at_once_ask_once(salt: ExpertAssignment) -> None:
    decline_at(salt)

    def climb(variant: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", CLIMB, salt.database.url, variant]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": "."})

    assert climb("dies").wait() == -signal.SIGKILL
    assert list_states(salt) == ["declined", "drafted", "drafted"]
    both = [climb("lives"), climb("lives")]
    assert sorted(int(one.communicate()[0]) for one in both) == [0, 1]
    assert invited(salt) == ["leyla@field.example", "marek@water.example"]
