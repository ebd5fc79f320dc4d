"""An expert's mail that was filed as the wrong thing: undone for a minute, and let wait again while nothing is built on it."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.answers import assigning, editing, ladder, writing
from app.answers.models import Answer, AnswerText, Assignment, Check, Draft
from app.core.clock import utc_now
from app.db.declarative import Base
from app.db.engine import Database
from app.db.session import now
from app.letters.models import Letter
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.people.models import Expert
from app.questions.models import Note, Question
from app.workflows import invitations, undo
from tests.support.assignments import ExpertAssignment, ask_expert_and_send, send_queued_mails
from tests.support.database_checks import get_one
from tests.support.databases import VOLATILE_COLUMNS
from tests.support.desk import press_undo
from tests.support.mailroom import receive_expert_mail
from tests.support.sample_newsroom import Newsroom

pytestmark = pytest.mark.usefixtures("one_minute_undo")

KEPT = (Letter, Question, Assignment, Answer, AnswerText, Check, Draft, Note)


@pytest.fixture
def salt(database: Database, newsroom: Newsroom) -> ExpertAssignment:
    """Timur asks, Leyla was invited; her invitation has arrived."""
    return ask_expert_and_send(database, newsroom)


def facts(database: Database, *models: type[Base]) -> list[dict[str, Any]]:
    """All rows of these tables, but for what any change counts up."""
    with database.read() as session:
        rows = [row for model in models or KEPT for row in session.scalars(select(model).order_by(model.id))]  # type: ignore[attr-defined]
        return [
            {name: getattr(row, name) for name in row.__table__.columns.keys() if name not in VOLATILE_COLUMNS}  # noqa: SIM118
            for row in rows
        ]


def invited(salt: ExpertAssignment) -> None:
    """Leyla hasn't said anything yet, and has begun to type."""
    typing = "Nobody is told to"
    salt.database.write(
        lambda session: writing.save_draft(
            session, salt.newsroom.leyla, salt.assignment(session), "tab", writing.AnswerContent(typing), 1
        )
    )


def declined(salt: ExpertAssignment) -> None:
    day = date(2099, 5, 5)
    salt.database.write(
        lambda session: assigning.decline(session, salt.newsroom.leyla, salt.assignment(session), "no time", day)
    )


def return_answer(salt: ExpertAssignment) -> None:
    """Her text went back to her once: there are versions already."""
    salt.send()
    salt.database.write(
        lambda session: editing.send_back(
            session, salt.newsroom.nora, salt.answer(session), "Who counts?", now(session) + timedelta(days=3)
        )
    )


def checking(policy: str) -> Callable[[ExpertAssignment], None]:
    """She has the edited text before her, and has begun to type what is wrong."""

    def fn(salt: ExpertAssignment) -> None:
        salt.database.write(
            lambda s: setattr(s.get_one(Newsletter, salt.newsroom.newsletter_id), "check_policy", policy)
        )
        salt.send()
        salt.edit()
        salt.send_to_check()
        salt.database.write(
            lambda session: writing.save_draft(
                session,
                salt.newsroom.leyla,
                salt.assignment(session),
                "tab",
                writing.AnswerContent("The year"),
                1,
                "reply",
            )
        )

    return fn


@pytest.mark.parametrize(
    ("so_far", "kind", "then"),
    [
        (invited, "answer", "received"),
        (declined, "answer", "received"),
        (return_answer, "answer", "received"),
        (invited, "cannot", "declined"),
        (invited, "later", "declined"),
        (invited, "question back", "invited"),
        (checking("facts"), "fine", "received"),
        (checking("facts"), "wrong", "received"),
        (checking("approve"), "yes", "received"),
    ],
)
def test_each_filing_has_its_inverse_and_all_stands_as_it_stood(nora, database, salt, so_far, kind, then):
    so_far(salt)
    database.write(send_queued_mails)
    letter = receive_expert_mail(database, salt.assignment_id, "The plates were put up in 2010.")
    before = facts(database)
    led = nora.post(f"/letters/{letter}/reply", kind=kind, version="1")
    assert (salt.state(), get_one(database, Letter, public_id=letter).filed_as) == (then, kind)
    assert facts(database) != before
    assert press_undo(nora, led) == "Undone."
    assert facts(database) == before
    # and it can be filed anew as what it is
    nora.post(f"/letters/{letter}/reply", kind=kind, version=get_one(database, Letter, public_id=letter).version)
    assert (salt.state(), get_one(database, Letter, public_id=letter).filed_as) == (then, kind)


def test_what_somebody_built_on_the_filing_is_not_pulled_away_under_it(nora, ilya, database, salt):
    letter = receive_expert_mail(database, salt.assignment_id)
    page = nora.get(nora.post(f"/letters/{letter}/reply", kind="answer", version="1"))
    salt.edit("Nobody has to.")
    assert press_undo(nora, page) == "One stays as it is: it has gone on from there."
    assert (salt.state(), get_one(database, Answer).state) == ("received", "edited")
    assert "Let it wait again" not in nora.get(f"/letters/{letter}")
    nora.post(f"/letters/{letter}/reopen", 409, version=get_one(database, Letter, public_id=letter).version)


def test_after_the_minute_it_can_still_be_let_wait_again(nora, database, salt, monkeypatch):
    letter = receive_expert_mail(database, salt.assignment_id)
    monkeypatch.setattr(undo, "UNDO_PERIOD", timedelta(seconds=-11))
    page = nora.get(nora.post(f"/letters/{letter}/reply", kind="cannot", version="1"))
    assert press_undo(nora, page) == "One stays as it is: the minute is over."
    assert "Let it wait again" in nora.get(f"/letters/{letter}")
    nora.post(f"/letters/{letter}/reopen", version=get_one(database, Letter, public_id=letter).version)
    assert (salt.state(), get_one(database, Letter, public_id=letter).state) == ("invited", "received")
    assert "It is the answer" in nora.get(f"/letters/{letter}")


def test_a_question_that_was_closed_since_keeps_the_no(nora, database, salt):
    letter = receive_expert_mail(database, salt.assignment_id)
    page = nora.get(nora.post(f"/letters/{letter}/reply", kind="cannot", version="1"))
    with database.read() as session:
        question = salt.assignment(session).question.public_id
    nora.post_action(f"/questions/{question}", "close", reason="nobody")
    assert press_undo(nora, page) == "One stays as it is: it has gone on from there."
    assert salt.state() == "declined"
    assert "Let it wait again" not in nora.get(f"/letters/{letter}")


@pytest.fixture
def marek_next(salt: ExpertAssignment) -> ExpertAssignment:
    """Marek stands after Leyla on the ladder."""

    def fn(session: Any) -> None:
        before = salt.assignment(session)
        marek = session.get_one(Expert, salt.newsroom.marek.expert_id)
        ladder.put_after(
            session, salt.newsroom.nora, assigning.assign(session, salt.newsroom.nora, before.question, marek), before
        )

    salt.database.write(fn)
    return salt


def of_marek(salt: ExpertAssignment) -> tuple[str, list[str]]:
    """Where his assignment stands, and the states of his mails."""
    with salt.database.read() as session:
        his = session.scalars(select(Assignment).filter_by(expert_id=salt.newsroom.marek.expert_id)).one()
        mails = select(OutboxMail.state).filter_by(assignment_id=his.id).order_by(OutboxMail.id)
        return str(his.state), list(session.scalars(mails))


def test_whom_the_ladder_asked_because_of_a_wrong_no_is_only_next_again(nora, database, marek_next):
    salt = marek_next
    letter = receive_expert_mail(database, salt.assignment_id)
    page = nora.get(nora.post(f"/letters/{letter}/reply", kind="cannot", version="1"))
    assert ladder.climb(database, invitations.invite_next) == 1
    assert of_marek(salt) == ("invited", ["queued"])
    assert press_undo(nora, page) == "Undone."
    assert (salt.state(), of_marek(salt)) == ("invited", ("drafted", ["discarded"]))


def test_whose_invitation_was_stopped_for_a_text_that_was_none_is_invited_all_the_same(nora, database, marek_next):
    salt = marek_next
    with database.read() as session:
        up = salt.assignment(session).reply_by
    assert ladder.climb(database, invitations.invite_next, up) == 1
    letter = receive_expert_mail(database, salt.assignment_id)
    before = facts(database)
    led = nora.post(f"/letters/{letter}/reply", kind="answer", version="1")
    assert of_marek(salt) == ("drafted", ["discarded"])
    assert press_undo(nora, led) == "Undone."
    assert (facts(database), of_marek(salt)) == (before, ("invited", ["queued"]))


def test_each_filing_of_an_experts_mail_has_its_key_and_the_help_says_so(nora, database, salt):
    page = nora.get(f"/letters/{receive_expert_mail(database, salt.assignment_id)}")
    buttons = "section.pane button[type=submit][data-key]"
    assert page.texts(buttons) == [
        "It is the answer i", "Asks back b", "Just a comment c", "Spam or a robot s", "Can’t d", "Later l",
    ]  # fmt: skip
    assert page.attributes(buttons, "data-key") == [*"ibcsdl"]
    assert page.texts(".keys-help dt > kbd:only-child") == [*"idlbcs", *"jkoxu/?"]


def test_later_without_a_day_is_a_week_from_now_and_is_said_as_such(nora, database, salt):
    letter = receive_expert_mail(database, salt.assignment_id, "from next week on, gladly")
    nora.post(f"/letters/{letter}/reply", kind="later", later_on="", version="1")
    with database.read() as session:
        assignment, today = salt.assignment(session), now(session).date()
        question, leyla = assignment.question.public_id, assignment.expert.public_id
    assert today + timedelta(days=6) <= assignment.later_on <= today + timedelta(days=8)
    page = nora.get(f"/questions/{question}")
    [said] = page.texts("p.standing")
    assert re.sub(r" on \w+ \d+ \w+( \d+)? on", " on DAY on", said.replace("from ", "on ")) == (
        "Leyla Aydın has no time now, but can on DAY on. Nobody has it now. One reader is waiting."
    )
    again = f'href="/desk/steppe/questions/{question}/ask?expert={leyla}">'
    assert f'{again}Ask them again<span class="unseen">' in page
    assert f"{again}Ask Leyla Aydın again" not in page


def test_from_that_day_on_she_is_the_one_to_ask(nora, database, salt):
    def could(session: Any) -> tuple[str, str]:
        assignment = salt.assignment(session)
        assigning.decline(session, salt.newsroom.leyla, assignment, "no time", now(session).date() + timedelta(days=2))
        return assignment.question.public_id, assignment.expert.public_id

    question, leyla = database.write(could, utc_now() - timedelta(days=3))
    ask = f"/desk/steppe/questions/{question}/ask?expert={leyla}"
    assert f'<a class="btn btn--next" href="{ask}">Ask Leyla Aydın again</a>' in nora.get(f"/questions/{question}")
    assert f'value="{leyla}" id="e-{leyla}" checked>' in nora.get(ask)
