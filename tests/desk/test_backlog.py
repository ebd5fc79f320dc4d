"""Home says how many there are, however few it shows; the whole list stands by age, and what is old is stood down by one press."""

from datetime import timedelta

import pytest
from flask import Flask, g
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.answers import assigning
from app.answers.models import Answer, Assignment
from app.core.clock import utc_now
from app.db.engine import Database
from app.db.session import now
from app.mail.models import OutboxMail
from app.people.models import Expert
from app.questions import actions, wording
from app.questions.models import Question
from app.web.formatting import day
from app.workflows import invitations
from tests.support.assignments import ask_expert, ask_expert_and_send, send_queued_mails
from tests.support.desk import Desk
from tests.support.sample_newsroom import Newsroom, create_submitted_answer

LATE_BY = {"recent": (2, 14), "month": (15, 13), "old": (100, 10)}  # days late, how many


@pytest.fixture
def backlog(database: Database, newsroom: Newsroom) -> None:
    """Leyla was asked 39 questions and answers none: 37 of them are late, ten by months."""

    def ask(session: Session) -> None:
        leyla = session.get_one(Expert, newsroom.leyla.expert_id)
        days = [days for days, many in LATE_BY.values() for _ in range(many)] + [-3, -3]
        for number, late in enumerate(days):
            words = f"Who measures plate {number}?"
            question = actions.open_question(session, newsroom.nora, [], headline=words, body=words, language="en")
            wording.clear(session, newsroom.nora, question, question.text_id or 0)
            one = assigning.assign(session, newsroom.nora, question, leyla)
            invitations.invite(session, newsroom.nora, one)
            by = now(session) - timedelta(days=late, minutes=number)
            session.execute(update(Assignment).where(Assignment.id == one.id).values(reply_by=by, due_at=by))
        send_queued_mails(session)

    database.write(ask)


@pytest.mark.usefixtures("backlog")
def test_home_counts_all_who_are_late_and_leads_to_them(nora: Desk) -> None:
    home = nora.get("")
    assert "37 replies and texts from experts are late." in home.main_text
    [column] = [part for part in home.parts("section[aria-labelledby^=waits-]") if "For experts" in part.main_text]
    assert column.texts("h3") == ["For experts 39"]
    assert len(column.texts("li")) == 12
    assert column.links[-1] == ("Who has something, by age: 39", "/desk/steppe/waiting/experts")


@pytest.mark.usefixtures("backlog")
def test_what_pressed_last_comes_first_and_what_is_old_is_only_counted(nora: Desk) -> None:
    [column] = [p for p in nora.get("").parts("section[aria-labelledby^=waits-]") if "For experts" in p.main_text]
    assert column.texts(".about")[:2] == ["Who measures plate 0?", "Who measures plate 1?"]


def test_what_has_waited_for_months_comes_after_what_is_new(nora: Desk, database: Database, newsroom: Newsroom) -> None:
    days_by_headline = {"Old": 546, "Older": 600, "Of last week": 7, "Of yesterday": 1}

    def submit(session: Session) -> None:
        for headline, days in days_by_headline.items():
            answer = create_submitted_answer(session, newsroom, headline)
            times = {"state_at": now(session) - timedelta(days=days)}
            session.execute(update(Answer).where(Answer.id == answer.id).values(times))
            question = actions.open_question(
                session, newsroom.nora, [], headline=f"Unasked, {headline}", body="Who?", language="en"
            )
            opened = {"opened_at": now(session) - timedelta(days=days)}
            session.execute(update(Question).where(Question.id == question.id).values(opened))

    database.write(submit)
    columns = {
        column.texts("h3")[0]: column.texts(".about")
        for column in nora.get("").parts("section[aria-labelledby^=waits-]")
    }
    assert columns["For you 5"] == ["Of last week", "Of yesterday", "Old", "Older"]
    assert [text for text in columns["For an answer 8"] if text.startswith("Unasked")] == [
        "Unasked, Of last week", "Unasked, Of yesterday", "Unasked, Old", "Unasked, Older",
    ]  # fmt: skip


@pytest.mark.usefixtures("backlog")
def test_the_whole_list_stands_by_age_the_newest_first(nora: Desk) -> None:
    assert nora.get("waiting/experts").texts("h2") == [
        "In time 2", "Late by up to a week 14", "Late by up to four weeks 13", "Late by more than twelve weeks 10",
    ]  # fmt: skip


@pytest.mark.usefixtures("backlog")
def test_one_press_stands_down_what_is_old(nora: Desk, database: Database) -> None:
    page = nora.get("waiting/experts")
    old = page.parts("section.block")[-1]
    ticked = tuple(old.attributes("input[name=assignment][checked]", "value"))
    assert (len(ticked), len(page.attributes("input[name=assignment][checked]", "value"))) == (10, 10)
    led = nora.post("waiting", act="stand_down", assignment=ticked, sentence=old.value("sentence"))
    assert nora.get(led).notice == "10 invitations withdrawn. Everyone who had been notified is told."
    assert nora.get("waiting/experts").texts("h2")[-1] == "Late by up to four weeks 13"
    with database.read() as session:
        mails = session.scalars(select(OutboxMail).filter_by(kind="expert.cancelled")).all()
        assert len(mails) == 10
    assert "27 replies and texts from experts are late." in nora.get_text("")


def test_no_other_list_is_there(nora: Desk) -> None:
    assert nora.get("waiting/letters", 404).heading
    groups = ("checking", "ask", "edit", "settle", "translation", "invite")
    assert [nora.get(f"waiting/{group}").texts("h2") for group in groups] == [[]] * 6


@pytest.mark.usefixtures("backlog")
def test_whoever_may_not_invite_is_offered_no_standing_down(ilya: Desk) -> None:
    assert ilya.get("waiting/experts").attributes("input[name=assignment]", "value") == []


def test_what_was_marked_as_sent_before_its_day_ran_on_the_day_when_it_was_sent(
    app: Flask, nora: Desk, database: Database, newsroom: Newsroom
) -> None:
    with app.test_request_context():
        g.zone = "Europe/Prague"
        today = day(utc_now())
    salt = ask_expert_and_send(database, newsroom)
    salt.send()
    salt.approve()
    salt.publish()
    with database.read() as session:
        question = salt.assignment(session).question.public_id
    assert f"It ran on {today}." in nora.get_text(f"questions/{question}")
    assert f"It ran on {today}" in nora.get_text("questions?state=all")


def test_failed_mails_stand_in_a_list_of_their_own(nora: Desk, database: Database, newsroom: Newsroom) -> None:
    for to in ("leyla", "marek"):
        ask_expert(database, newsroom, f"Who measures the salt, {to}?", expert=to)
    refused = {"state": "failed", "said": "550 no such mailbox", "ended_at": utc_now()}
    mine = OutboxMail.__table__.c.kind == "expert.invitation"
    database.write(lambda s: s.execute(OutboxMail.__table__.update().where(mine).values(refused)))
    [alarm] = [part for part in nora.get("").parts("section.alarm") if "delivered" in part.main_text]
    assert alarm.texts("li") == [
        "Invitation, Marek Dvořák : 550 no such mailbox", "Invitation, Leyla Aydın : 550 no such mailbox",
    ]  # fmt: skip
    assert ";" not in alarm.main_text
