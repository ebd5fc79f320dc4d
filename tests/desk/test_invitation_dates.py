"""The dates that Nora sets for an invitation: to come, in order, in time for the quote check before the cut-off, and said in full."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask, g
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import assigning, schedule
from app.answers.models import Assignment
from app.core.clock import utc_now
from app.db.engine import Database
from app.db.session import now
from app.editions.models import Edition
from app.editions.queries import list_editions_to_run
from app.editor.form_fields import format_local_time, parse_local_time
from app.letters.models import Letter
from app.mail import outbox
from app.mail.models import OutboxMail
from app.people.models import Expert
from app.questions.models import Question
from app.web.formatting import day
from tests.support.clock import today
from tests.support.database_checks import get_one
from tests.support.desk import Desk, get_version
from tests.support.incoming_mails import dmarc_pass, mail
from tests.support.mailroom import LEYLAS_ADDRESS, NewsletterMailroom
from tests.support.pages import Browser
from tests.support.sample_newsroom import Newsroom, create_submitted_answer

PRAGUE = ZoneInfo("Europe/Prague")
WORDS = "Who measures the salt in the orchards?"


@pytest.fixture
def invitation(database: Database, newsroom: Newsroom) -> str:
    """The invitation to Marek, prepared for the coming edition; the address of its page."""

    def prepare(session):
        question = session.get_one(Question, create_submitted_answer(session, newsroom, WORDS).question_id)
        marek = session.get_one(Expert, newsroom.marek.expert_id)
        edition = list_editions_to_run(session, newsroom.newsletter_id, 2)[1]
        drafted = assigning.assign(session, newsroom.nora, question, marek, for_edition_id=edition.id)
        return f"/questions/{question.public_id}/assignments/{drafted.public_id}"

    return database.write(prepare)


def cutoff(database: Database, newsroom: Newsroom) -> datetime:
    with database.read() as session:
        return list_editions_to_run(session, newsroom.newsletter_id, 2)[1].cutoff_at.astimezone(PRAGUE)


def format_input(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M}"


def days(number: float) -> str:
    return format_input(utc_now().astimezone(PRAGUE) + timedelta(days=number))


def edition_of(database: Database) -> str:
    with database.read() as session:
        asked = session.scalars(select(Assignment).order_by(Assignment.id.desc())).first()
        return session.get_one(Edition, asked.for_edition_id).public_id


def state(database: Database) -> str:
    with database.read() as session:
        return str(session.scalars(select(Assignment).order_by(Assignment.id.desc())).first().state)


FAULTS = [
    (lambda: (days(4), days(3)), {"reply_by": "The text is due before that: give an earlier time."}),
    (lambda: (days(-1), days(3)), {"reply_by": "Give a time that is still to come"}),
    (lambda: (days(2), days(-3)), {"due_at": "Give a time that is still to come"}),
    (lambda: ("soon", days(3)), {"reply_by": "Give a day and a time"}),
    (
        lambda: ("2001-01-01T00:00", "0001-01-01T00:00"),
        {"reply_by": "Give a time that is still to come", "due_at": "Give a day and a time"},
    ),
]


@pytest.mark.parametrize(
    ("press", "dates", "said"), [(press, *fault) for press in ("look", "send") for fault in FAULTS]
)
def test_dates_that_cannot_be_meant_are_told_at_their_fields_with_what_was_typed(
    nora: Desk, database: Database, invitation: str, press: str, dates: Callable[[], tuple[str, str]],
    said: dict[str, str],
) -> None:  # fmt: skip
    reply_by, due_at = dates()
    look = {"look": "1"} if press == "look" else {}
    page = nora.post(f"{invitation}/invite", 422, reply_by=reply_by, due_at=due_at, **look)
    assert page.errors == list(said.items())
    assert page.attributes("[type=datetime-local]", "value") == [reply_by, due_at]
    assert "Not sent yet" in page and page.count("Dear Marek Dvořák,") == 1
    assert state(database) == "drafted"


def test_the_letter_is_shown_with_the_dates_that_it_would_say(
    nora: Desk, database: Database, newsroom: Newsroom, invitation: str
) -> None:
    due = cutoff(database, newsroom) - timedelta(days=1)
    page = nora.post(f"{invitation}/invite", 200, reply_by=days(1), due_at=format_input(due), look="1")
    assert f"by {due:%A} {due.day} {due:%B}" in page
    assert (page.errors, state(database)) == ([], "drafted")


@pytest.mark.parametrize("press", ["look", "send"])
def test_a_text_too_late_for_its_edition_is_refused_and_a_later_edition_offered(
    nora: Desk, database: Database, newsroom: Newsroom, invitation: str, press: str
) -> None:
    cut_off = cutoff(database, newsroom)
    in_time, late = (
        {"reply_by": days(1), "due_at": format_input(cut_off - timedelta(days=1, minutes=minutes))}
        for minutes in (0, -1)
    )
    look = {"look": "1"} if press == "look" else {}
    page = nora.post(f"{invitation}/invite", 422, **late, **look)
    [(field, sentence)] = page.errors
    assert field == "due_at"
    assert sentence.startswith("For the edition of ")
    assert sentence.endswith("give an earlier time, or choose a later edition")
    assert page.value("due_at") == late["due_at"]
    assert state(database) == "drafted"
    with database.read() as session:
        editions = list_editions_to_run(session, newsroom.newsletter_id, 7)
        offered = [edition.public_id for edition in editions if edition.cutoff_at > utc_now() + timedelta(days=3)]
    assert page.attributes("select[name=edition] option", "value") == [*offered[:6], ""]
    if press == "look":
        nora.post(f"{invitation}/invite", **in_time)
        assert (state(database), edition_of(database)) == ("invited", offered[offered.index(page.value("edition"))])
    else:
        later = offered[offered.index(page.value("edition")) + 1]
        nora.post(f"{invitation}/invite", **late, edition=later)
        assert (state(database), edition_of(database)) == ("invited", later)


def test_a_form_with_an_edition_that_has_closed_is_told_so(
    nora: Desk, database: Database, newsroom: Newsroom, invitation: str
) -> None:
    """The scripts of a stale page, or somebody's own, name an edition that is past its cut-off or locked."""

    def close(session: Session) -> str:
        edition = list_editions_to_run(session, newsroom.newsletter_id, 1)[0]
        edition.cutoff_at = utc_now() - timedelta(minutes=1)
        return edition.public_id

    closed = database.write(close)
    page = nora.post(f"{invitation}/invite", 422, reply_by=days(1), due_at=days(2), edition=closed)
    assert page.errors == [("edition", "That edition takes no more answers. Choose a later one")]
    assert closed not in page.attributes("select[name=edition] option", "value")
    assert state(database) == "drafted"


def test_a_draft_stays_with_its_edition_when_only_its_own_date_is_still_in_time_for_it(
    nora: Desk, database: Database, invitation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The draft has a date from an invitation that was taken back. No other expert would have the time to write."""
    monkeypatch.setattr(schedule, "MIN_TIME_TO_WRITE", timedelta(days=30))

    def keep_date(session: Session) -> None:
        draft = session.scalars(select(Assignment).order_by(Assignment.id.desc())).first()
        draft.reply_by = draft.due_at = now(session) + timedelta(hours=1)

    database.write(keep_date)
    own = edition_of(database)
    form = nora.get(invitation).form(f"{nora.address(invitation)}/invite")
    assert form.fields["edition"] == own
    nora.post(f"{invitation}/invite", **form.fields)
    assert (state(database), edition_of(database)) == ("invited", own)


def test_a_date_in_another_year_says_its_year_in_the_mail_and_on_the_page(
    nora: Desk, database: Database, invitation: str
) -> None:
    due = {"reply_by": days(1), "due_at": "2088-11-20T18:00", "edition": ""}
    shown = nora.post(f"{invitation}/invite", 200, **due, look="1")
    assert "words by Sat 20 Nov 2088?" in shown
    nora.post(f"{invitation}/invite", **due)
    with database.read() as session:
        letter = outbox.read(session, get_one(database, OutboxMail, kind="expert.invitation"))
    assert letter.subject.endswith("words by Sat 20 Nov 2088?")
    assert "by Saturday 20 November 2088, 18:00 Prague time?" in letter.text
    assert "due Saturday 20 November 2088, 18:00" in nora.get(invitation.partition("/assignments")[0])


def test_from_a_day_that_is_over_nobody_has_time_again(
    app: Flask, database: Database, newsroom: Newsroom, nora: Desk
) -> None:
    room = NewsletterMailroom(database, newsroom)
    salt, address = room.invite_expert()
    room.receive(mail(LEYLAS_ADDRESS, address, body="Not now.", Authentication_Results=dmarc_pass(LEYLAS_ADDRESS)))
    letter = get_one(database, Letter, author="expert")
    here = f"/letters/{letter.public_id}"
    at = get_version(nora.get(here), "reply")
    for free_from in ("2026-01-05", f"{today()}"):
        page = nora.post(f"{here}/reply", 422, kind="later", later_on=free_from, version=at)
        assert page.errors == [(f"later-on-{letter.public_id}", "Give a day that is still to come.")]
        assert f'name="later_on" value="{free_from}"' in page
    question = f"/questions/{get_one(database, Question).public_id}"
    said_no = f"{question}/assignments/{salt.public_id}/decline"
    page = nora.post(said_no, 422, reason="no time", later_on="2026-01-05")
    assert page.errors == [(f"later-{salt.public_id}", "Give a day that is still to come.")]
    leyla = Browser(app)
    leyla.open(salt.link)
    assert leyla.press(f"{salt.link}/decline", reason="no time", until="2026-01-05").status_code == 400
    assert leyla.page.errors == [("until", "Give a day that is still to come.")]
    assert leyla.value("until") == "2026-01-05"
    assert salt.state() == "invited"
    nora.post(f"{here}/reply", kind="later", later_on="2088-01-05", version=at)
    assert salt.state() == "declined"


def test_more_time_than_the_edition_has_is_said_to_be_for_the_next_one(
    nora: Desk, database: Database, newsroom: Newsroom, invitation: str
) -> None:
    nora.post(f"{invitation}/invite", reply_by="", due_at="")
    extend = f"{invitation}/extend"
    nora.post(extend, due_at=format_input(cutoff(database, newsroom) - timedelta(days=1)))
    assert "With this date, it is for the edition of" not in nora.get(invitation.partition("/assignments")[0])
    before = edition_of(database)
    nora.post(extend, due_at=format_input(cutoff(database, newsroom)))
    question = nora.get(invitation.partition("/assignments")[0])
    with database.read() as session:
        later = list_editions_to_run(session, newsroom.newsletter_id, 3)[2]
    assert (before != later.public_id, edition_of(database)) == (True, later.public_id)
    with nora.client.application.test_request_context():
        g.zone = "Europe/Prague"
        assert f"With this date, it is for the edition of {day(later.runs_at)}." in question
    page = nora.post(extend, 422, due_at="2088-01-01T10:00")
    [(_field, sentence)] = page.errors
    assert sentence.startswith("Give a time until ")
    assert "2088-01-01T10:00" in page


@pytest.mark.parametrize(
    ("typed_time", "result"),
    [
        ("2026-10-25T02:57", "2026-10-25T01:57"),  # the clocks show it twice; at the second time, it is 01:57 in UTC
        ("2026-03-29T02:30", "2026-03-29T01:30"),  # the clocks skip it: half an hour after 02:00, in UTC
        ("2026-10-25T03:00", "2026-10-25T02:00"),
    ],
)
def test_a_time_that_the_clocks_show_twice_or_skip_means_the_later_one(typed_time: str, result: str) -> None:
    parsed = parse_local_time(typed_time, PRAGUE.key)
    assert parsed == datetime.fromisoformat(result).replace(tzinfo=UTC)


def test_a_deadline_in_the_hour_that_comes_twice_does_not_become_earlier_when_its_form_is_sent() -> None:
    for minute in range(0, 180, 10):
        deadline = datetime(2026, 10, 25, 0, 0, tzinfo=UTC) + timedelta(minutes=minute)
        sent = parse_local_time(format_local_time(deadline, PRAGUE.key), PRAGUE.key)
        assert sent is not None
        assert sent >= deadline
