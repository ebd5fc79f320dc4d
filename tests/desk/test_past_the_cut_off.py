"""Between an edition's cut-off and its run: the desk still fills it, readers wait for it, and nobody is asked to write for it."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask, g
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import assigning
from app.answers.models import Assignment, Check
from app.core.clock import utc_now
from app.db.engine import Database
from app.editions.models import Edition
from app.editions.queries import list_editions_to_run
from app.editor.conflict import version_token_of
from app.mail import outbox
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.people.models import Expert
from app.questions.models import Question
from app.web.formatting import day
from tests.support.assignments import ExpertAssignment
from tests.support.database_checks import get_one
from tests.support.desk import Desk, get_form_fields
from tests.support.letters import open_question
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom, create_answered_question

HOURS = timedelta(hours=1)


@pytest.fixture
def closed_edition(database: Database, newsroom: Newsroom) -> Edition:
    """The coming edition; its cut-off was 19 hours ago, and it runs in 29."""

    def close(session: Session) -> Edition:
        edition = list_editions_to_run(session, newsroom.newsletter_id)[0]
        edition.cutoff_at, edition.runs_at = utc_now() - 19 * HOURS, utc_now() + 29 * HOURS + timedelta(minutes=5)
        return edition

    return database.write(close)


@pytest.fixture
def later_edition(database: Database, newsroom: Newsroom, closed_edition: Edition) -> Edition:
    with database.read() as session:
        return list_editions_to_run(session, newsroom.newsletter_id)[1]


def test_home_says_when_it_runs_and_calls_nothing_late(nora: Desk, closed_edition: Edition) -> None:
    page = nora.get("")
    line = page.part(".coming section").main_text
    assert "past its cut-off, runs in 29 hours" in line
    assert "2 slots are still open; the edition is past its cut-off and runs in 29 hours." in page.main_text
    assert [task for task in page.texts("main li") if "slot 1" in task] == ["Fill slot 1 29 hrs left"]


def test_experts_are_asked_for_the_one_after_it(
    nora: Desk, database: Database, newsroom: Newsroom, closed_edition: Edition, later_edition: Edition
) -> None:
    question = open_question(database, newsroom)
    page = nora.get(f"questions/{question}/ask")
    offered = page.attributes("select[name=edition] option", "value")
    assert (closed_edition.public_id in offered, offered[0], page.value("edition")) == (
        False,
        later_edition.public_id,
        later_edition.public_id,
    )


def test_a_page_from_before_the_cut_off_is_told_and_keeps_what_was_typed(
    nora: Desk, database: Database, newsroom: Newsroom, closed_edition: Edition
) -> None:
    question = open_question(database, newsroom)
    typed = {
        "name": "Timo Back",
        "email": "timo@field.example",
        "brief": "How it is measured.",
        "edition": closed_edition.public_id,
    }
    page = nora.post(f"questions/{question}/ask", 422, act="send", **typed)
    assert page.errors == [("edition", "That edition takes no more answers. Choose a later one")]
    assert [page.value(name) for name in ("name", "email", "brief")] == [
        typed[name] for name in ("name", "email", "brief")
    ]
    with database.read() as session:
        assert session.query(Assignment).count() == 0


def test_an_answer_that_is_here_can_still_run_in_it(
    nora: Desk, database: Database, newsroom: Newsroom, closed_edition: Edition
) -> None:
    question = database.write(lambda s: create_answered_question(s, newsroom, "Who measures the salt?").public_id)
    with nora.client.application.test_request_context():
        g.zone = "Europe/Prague"
        assert f"Pick it for {day(closed_edition.runs_at)}" in nora.get(f"questions/{question}").buttons
    nora.post(f"questions/{question}/pick", edition=closed_edition.public_id)
    assert get_one(database, Question).edition_id == closed_edition.id


def test_readers_are_told_the_day_on_which_it_runs(app: Flask, closed_edition: Edition) -> None:
    front = app.test_client().get("/steppe/", base_url="https://localhost").text
    with app.test_request_context():
        g.zone = "Europe/Prague"
        assert day(closed_edition.runs_at) in front


@pytest.mark.parametrize("press", ["one", "all"])
def test_an_invitation_that_was_prepared_before_is_for_the_next_edition(
    nora: Desk, database: Database, newsroom: Newsroom, closed_edition: Edition, later_edition: Edition, press: str
) -> None:
    question = open_question(database, newsroom)

    def prepare(session: Session) -> str:
        row = session.scalars(select(Question).filter_by(public_id=question)).one()
        marek = session.get_one(Expert, newsroom.marek.expert_id)
        return assigning.assign(session, newsroom.nora, row, marek, for_edition_id=closed_edition.id).public_id

    drafted = database.write(prepare)
    page = nora.get(f"questions/{question}/assignments/{drafted}")
    dates = {name: page.value(name) for name in ("reply_by", "due_at")}
    if press == "one":
        nora.post(f"questions/{question}/assignments/{drafted}/invite", **dates)
    else:
        nora.post(f"questions/{question}/invitations", assignment=drafted)
    asked = get_one(database, Assignment)
    assert (asked.state, asked.for_edition_id) == ("invited", later_edition.id)
    assert utc_now() < asked.reply_by < asked.due_at < later_edition.cutoff_at < later_edition.runs_at
    with database.read() as session:
        letter = outbox.read(session, session.scalars(select(OutboxMail).filter_by(kind="expert.invitation")).one())
    local = [moment.astimezone(ZoneInfo("Europe/Prague")) for moment in (later_edition.runs_at, closed_edition.runs_at)]
    runs, over = (f"run on {moment:%A} {moment.day} {moment:%B}" for moment in local)
    assert (runs in letter.text, over in letter.text) == (True, False)


def test_a_new_newsletter_shows_the_dates_that_it_will_have(vera: Desk, database: Database) -> None:
    """It would run each day, the first two of which are past their cut-off."""
    typed = get_form_fields(vera, "new-newsletter") | {
        "name": "The Delta", "slug": "delta", "publisher": "Meridian", "editor": "Vera", "address": "delta@steppe.example",
        "languages": "en", "section": "Ask", "rule_by": "rule", "rule": "FREQ=DAILY", "at": "09:00", "zone": "Europe/Prague",
    }  # fmt: skip
    shown = vera.send("new-newsletter", typed | {"look": "1"}).text
    vera.press("new-newsletter", **typed)
    with database.read() as session:
        delta = session.scalars(select(Newsletter).filter_by(slug="delta")).one()
        first = list_editions_to_run(session, delta.id)[0]
        assert first.cutoff_at > utc_now()
    with vera.client.application.test_request_context():
        g.zone = "Europe/Prague"
        assert f"The next dates: {day(first.runs_at, 'short')}" in Page(shown).main_text


def test_a_quote_check_in_between_is_for_the_next_edition_and_the_desk_reads_so(
    nora: Desk,
    database: Database,
    newsroom: Newsroom,
    salt: ExpertAssignment,
    closed_edition: Edition,
    later_edition: Edition,
) -> None:
    def text_came(session: Session) -> str:
        salt.assignment(session).for_edition_id = closed_edition.id
        return session.get_one(Question, salt.question_id).public_id

    question = database.write(text_came)
    salt.send()
    salt.edit()
    with database.read() as session:
        answer = salt.answer(session)
        address, seen = f"questions/{question}/answers/{answer.public_id}/check", version_token_of(answer)
    nora.post(address, seen=seen)
    with nora.client.application.test_request_context():
        g.zone = "Europe/Prague"
        told = f"There was no time for a check before the cut-off, so the answer is for the edition of {day(later_edition.runs_at)}."
    assert told in nora.get(f"questions/{question}")
    check = get_one(database, Check)
    with database.read() as session:
        assert salt.assignment(session).for_edition_id == later_edition.id
    assert utc_now() < check.due_at < later_edition.cutoff_at
    local = check.due_at.astimezone(ZoneInfo("Europe/Prague"))
    assert (local.weekday() < 5, 9 <= local.hour <= 17, local.minute) == (True, True, 0)
