"""A date that was left out by mistake: for a minute its picks come back to their slots, and the experts hear of nothing."""

from typing import Any

import pytest
from flask import Flask, g
from sqlalchemy import select

from app.core.actors import Clock
from app.db.engine import Database
from app.db.session import now
from app.editions import slots
from app.editions.models import Edition
from app.editions.queries import list_editions_to_run
from app.mail import outbox
from app.mail.kinds import list_kinds_with_purpose
from app.mail.models import OutboxMail
from app.questions.models import Question
from app.web.formatting import day
from app.workflows.publishing import publication, skip
from tests.support.desk import Desk, get_version_token, press_undo
from tests.support.pages import Page
from tests.support.sample_newsroom import Newsroom, create_answered_question

pytestmark = pytest.mark.usefixtures("one_minute_undo")

SALT, WIND = "Who measures the salt?", "Where does the wind come from?"


@pytest.fixture
def dates(database: Database, newsroom: Newsroom) -> list[str]:
    """The coming editions by their public ids; salt and wind are picked for the first one."""

    def fn(session: Any) -> list[str]:
        coming = list_editions_to_run(session, newsroom.newsletter_id, 100)
        for words in (SALT, WIND):
            slots.pick(session, newsroom.nora, create_answered_question(session, newsroom, words), coming[0])
        return [edition.public_id for edition in coming]

    return database.write(fn)


def press(nora: Desk, edition: str, act: str) -> Page:
    """The page after a press on the edition's page."""
    return nora.get(nora.post(f"/editions/{edition}/{act}", seen=get_version_token(nora.get(f"/editions/{edition}"))))


def in_slots(database: Database, edition: str) -> tuple[str, list[tuple[str, int | None]]]:
    """The state of an edition, and what stands in which of its slots."""
    with database.read() as session:
        row = session.scalars(select(Edition).filter_by(public_id=edition)).one()
        return str(row.state), [(one.headline, one.position) for one in slots.list_picked_questions(session, row)]


def mails(database: Database) -> list[tuple[str, str]]:
    with database.read() as session:
        kinds = (
            select(OutboxMail).where(OutboxMail.kind.in_(list_kinds_with_purpose("reschedule"))).order_by(OutboxMail.id)
        )
        return [(mail.kind, str(mail.state)) for mail in session.scalars(kinds)]


def date_of(app: Flask, database: Database, edition: str) -> str:
    with database.read() as session, app.test_request_context():
        g.zone = "Europe/Prague"
        return day(session.scalars(select(Edition.runs_at).filter_by(public_id=edition)).one())


def test_undo_gives_the_slots_back_in_their_order_and_the_experts_hear_nothing(nora, database, dates):
    page = press(nora, dates[0], "skip")
    assert in_slots(database, dates[1]) == ("planned", [(SALT, 1), (WIND, 2)])
    assert mails(database) == [("expert.carried_over", "queued")] * 2
    assert press_undo(nora, page) == "Undone."
    assert in_slots(database, dates[0]) == ("planned", [(SALT, 1), (WIND, 2)])
    assert in_slots(database, dates[1]) == ("planned", [])
    assert mails(database) == [("expert.carried_over", "discarded")] * 2
    press(nora, dates[0], "skip")
    assert [state for _kind, state in mails(database)] == ["discarded", "discarded", "queued", "queued"]


def test_the_page_says_where_the_picks_went_and_that_they_stay_there(app, nora, database, dates):
    there = date_of(app, database, dates[1])
    runs = f"“{SALT}” runs on {there}. “{WIND}” runs on {there}."
    assert press(nora, dates[0], "skip").notice == f"There is no edition on this date now. {runs}"
    assert f"<p>{runs}</p>" in nora.get(f"/editions/{dates[0]}")
    assert press(nora, dates[0], "unskip").notice == f"There is an edition on this date after all. {runs}"
    assert in_slots(database, dates[0]) == ("planned", [])


def test_what_had_no_later_slot_to_go_to_comes_back_as_well(nora, database, newsroom, dates):
    def no_room(session: Any) -> None:
        for edition in list_editions_to_run(session, newsroom.newsletter_id, 100)[1:]:
            skip.skip(session, newsroom.nora, edition)

    database.write(no_room)
    page = press(nora, dates[0], "skip")
    assert f"“{SALT}” is ready to run another time." in page.notice
    assert mails(database) == [("expert.dropped", "queued")] * 2
    assert press_undo(nora, page) == "Undone."
    assert in_slots(database, dates[0]) == ("planned", [(SALT, 1), (WIND, 2)])
    assert mails(database) == [("expert.dropped", "discarded")] * 2


def test_once_an_expert_has_been_told_the_date_stays_left_out(nora, database, dates):
    page = press(nora, dates[0], "skip")

    def goes_out(session: Any) -> None:
        mail = session.scalars(select(OutboxMail).filter_by(kind="expert.carried_over")).first()
        outbox.move(session, Clock(), mail, "send", sent_at=now(session))

    database.write(goes_out)
    assert press_undo(nora, page) == "One stays as it is: its expert has been told by mail."
    assert in_slots(database, dates[0]) == ("skipped", [])
    assert in_slots(database, dates[1]) == ("planned", [(SALT, 1), (WIND, 2)])


def test_what_was_moved_on_from_there_keeps_the_date_left_out(nora, database, newsroom, dates):
    page = press(nora, dates[0], "skip")

    def move_on(session: Any) -> None:
        question = session.scalars(select(Question).where(Question.edition_id.is_not(None))).first()
        publication.drop(session, newsroom.nora, question)

    database.write(move_on)
    assert press_undo(nora, page) == "One stays as it is: it has gone on from there."
    assert in_slots(database, dates[0]) == ("skipped", [])
