"""The demo newsroom is coherent on whatever day it is loaded.

All deadlines are possible, nothing has happened in the future, and the first pages are about a coming edition.
"""

import re
import shutil
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from jinja2 import FileSystemBytecodeCache
from sqlalchemy import func, select

from app.answers import reminders
from app.answers.models import Answer, Assignment, Check, Draft
from app.core import clock
from app.core.actors import Staff
from app.crypto.seal import Keys
from app.db.engine import Database
from app.editions.models import Edition
from app.letters.models import Letter
from app.mail.models import OutboxMail
from app.newsletters.queries import all_newsletters
from app.people import directory
from app.questions.models import Question
from demo.entry_urls import list_entry_urls
from demo.loader import get_stale_edition_time, load_newsroom
from tests.support.app import BASE_URL, SECRETS, open_app
from tests.support.clock import CLOCKS
from tests.support.desk import Desk
from tests.support.pages import Page

CONTENT = Path(__file__).parent.parent.parent / "demo" / "content"
QUESTIONS = {
    slug: tomllib.loads((CONTENT / f"questions-{suffix}.toml").read_text(encoding="utf-8"))["question"]
    for slug, suffix in {"shift-change": "a", "nafas": "b"}.items()
}
# The newsletter that is between a cut-off and its edition, by the name of the loading time.
NEWSLETTERS_AFTER_CUTOFF = {"leap-day": "shift-change", "spring-forward": "nafas"}
LOADING_TIMES = {name: CLOCKS[name].start for name in ("leap-day", "spring-forward", "five-years-on")} | {
    "long-before": datetime(2027, 1, 4, 12, 0, tzinfo=UTC),  # hours before a cut-off, nineteen days after an edition
    "just-sent": datetime(2026, 11, 18, 8, 2, tzinfo=UTC),  # two minutes after an edition
}
REPLY_COUNT = sum(path.read_text(encoding="utf-8").count("about_edition_back =") for path in CONTENT.glob("*.toml"))
EDITORS = {"shift-change": "tereza@platan.example", "nafas": "shirin@platan.example"}
AGE = re.compile(r"today|(?P<number>\d+) (?P<unit>mins?|hrs?|days?)(?P<late> over)?(?: left)?")


@dataclass(frozen=True)
class LoadedNewsroom:
    """The newsroom as it was loaded at a time, and its pages at that time."""

    name: str
    at: datetime
    database: Database
    app: Flask

    def get(self, path: str) -> Page:
        response = self.app.test_client().get(path, base_url=BASE_URL)
        assert response.status_code == 200, (path, response.status_code)
        return Page(response.text)

    def get_desk_home(self, slug: str) -> Page:
        with self.database.read() as session:
            person = directory.by_email(session, EDITORS[slug])
            assert person is not None
            editor = Staff(person.id, person.name, 0, "editor")
        return Desk(self.app, editor, slug).get("/")


@pytest.fixture(scope="module", params=LOADING_TIMES)
def platan(
    request: pytest.FixtureRequest,
    sqlite_template: Path,
    bytecode_cache: FileSystemBytecodeCache,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[LoadedNewsroom]:
    at, folder = LOADING_TIMES[request.param], tmp_path_factory.mktemp("any_day")
    database = Database(f"sqlite:///{shutil.copy(sqlite_template, folder / 'newsroom.db')}", Keys(SECRETS), BASE_URL)
    with pytest.MonkeyPatch.context() as patch, open_app(database, folder, bytecode_cache, limits="0") as app:
        patch.setattr(clock, "datetime", SimpleNamespace(now=at.astimezone))
        patch.setattr(clock, "time", SimpleNamespace(time=at.timestamp))
        load_newsroom(database)
        yield LoadedNewsroom(request.param, at, database, app)
    database.close()


def test_every_question_is_in_the_state_that_the_content_gives(platan: LoadedNewsroom) -> None:
    """Between a cut-off and its edition the reserve is picked too."""
    with platan.database.read() as session:
        for newsletter in all_newsletters(session):
            rows = QUESTIONS[newsletter.slug]
            is_after_cutoff = NEWSLETTERS_AFTER_CUTOFF.get(platan.name) == newsletter.slug
            picked = {
                row["headline"] for row in rows if row["state"] == "queued" or is_after_cutoff and row.get("reserve")
            }
            answered = {row["headline"] for row in rows if row["state"] == "answered"} - picked
            questions = session.scalars(select(Question).filter_by(newsletter_id=newsletter.id)).all()
            assert {question.headline for question in questions if question.state == "queued"} == picked
            assert {question.headline for question in questions if question.state == "answered"} == answered
            other_states = ("published", "shelved", "closed", "merged")
            states = Counter(str(question.state) for question in questions)
            assert [states[name] for name in other_states] == [
                sum(row["state"] == name for row in rows) for name in other_states
            ]


def test_the_next_edition_is_before_its_cutoff_or_full_and_locked(platan: LoadedNewsroom) -> None:
    with platan.database.read() as session:
        for newsletter in all_newsletters(session):
            editions = select(Edition).filter_by(newsletter_id=newsletter.id).order_by(Edition.runs_at)
            first, second = session.scalars(editions.where(Edition.runs_at > platan.at).limit(2))
            picked = session.scalar(select(func.count()).where(Question.edition_id == first.id))
            if NEWSLETTERS_AFTER_CUTOFF.get(platan.name) == newsletter.slug:
                assert (first.state, picked) == ("locked", first.slots)
                assert first.cutoff_at < platan.at < first.runs_at
            else:
                assert (first.state, picked) == ("planned", first.slots - 1)
                assert platan.at < first.cutoff_at
            assert platan.at < second.cutoff_at and second.runs_at - first.runs_at < timedelta(days=29)
            past = session.scalars(editions.where(Edition.runs_at <= platan.at)).all()
            assert {str(edition.state) for edition in past} <= {"sent", "skipped"} and past[-1].state == "sent"


def test_deadlines_are_after_the_invitation_and_before_the_cutoff(platan: LoadedNewsroom) -> None:
    with platan.database.read() as session:
        invited = session.scalars(select(Assignment).where(Assignment.invited_at.is_not(None))).all()
        for assignment in invited:
            edition = session.get_one(Edition, assignment.for_edition_id)
            assert assignment.invited_at and assignment.reply_by and assignment.due_at
            assert (
                assignment.invited_at < assignment.reply_by <= assignment.due_at < edition.cutoff_at < edition.runs_at
            )
        assert len(invited) > 40
        [(check, edition)] = session.execute(
            select(Check, Edition)
            .join(Answer, Answer.id == Check.answer_id)
            .join(Assignment, Assignment.id == Answer.assignment_id)
            .join(Edition, Edition.id == Assignment.for_edition_id)
            .where(Check.ended_at.is_(None))
        )
        assert check.asked_at < platan.at < check.due_at < edition.cutoff_at


def test_one_expert_is_late_and_no_reminder_is_due(platan: LoadedNewsroom) -> None:
    """A reminder that the worker sends as it starts would hide that the invitation bounced."""
    with platan.database.read() as session:
        waiting = session.scalars(select(Assignment).where(Assignment.state.in_(("invited", "accepted")))).all()
        deadlines = [row.reply_by if row.state == "invited" else row.due_at for row in waiting]
        assert all(row.due_at and row.due_at > platan.at for row in waiting)
        [missed] = [time for time in deadlines if time and time < platan.at]
        assert timedelta(days=3) < platan.at - missed < timedelta(days=5)
        assert [reminders.find_due_reminders(session, newsletter) for newsletter in all_newsletters(session)] == [
            [],
            [],
        ]


def test_nothing_happens_in_the_future_and_no_letter_before_its_edition(platan: LoadedNewsroom) -> None:
    columns = (
        Letter.received_at, Question.opened_at, Question.state_at, Assignment.state_at, Answer.state_at, Check.asked_at,
        Draft.saved_at, OutboxMail.created_at, Edition.locked_at, Edition.sent_at,
    )  # fmt: skip
    with platan.database.read() as session:
        for column in columns:
            newest = session.scalar(select(func.max(column)))
            assert newest is not None and newest <= platan.at, column
        query = select(Letter.received_at, Edition.runs_at).join(Edition, Edition.id == Letter.about_edition_id)
        replies = session.execute(query).all()
        assert [received_at > runs_at for received_at, runs_at in replies] == [True] * REPLY_COUNT
        [oldest] = session.scalars(select(func.min(Draft.saved_at)))
        assert platan.at - oldest < timedelta(days=7)


@pytest.mark.parametrize("slug", EDITORS)
def test_the_first_page_of_a_desk_lists_nothing_old(platan: LoadedNewsroom, slug: str) -> None:
    home = platan.get_desk_home(slug)
    [summary] = home.texts(".standing")
    is_locked = NEWSLETTERS_AFTER_CUTOFF.get(platan.name) == slug
    assert re.match(
        r"The edition of .+ is locked\." if is_locked else r"One slot is still open and the cut-off is in ", summary
    )
    ages = [AGE.fullmatch(age) for age in home.texts(".waits .age")]
    assert len(ages) > 5 and all(ages), home.texts(".waits .age")
    days = [(int(age["number"]), bool(age["late"])) for age in ages if age and (age["unit"] or "").startswith("day")]
    assert max(number for number, _ in days) < 30
    assert [number in (3, 4) for number, late in days if late] == [True] * (slug == "shift-change")
    assert home.texts(".slot--open b") == ([] if is_locked else ["Open."])


def test_every_first_page_opens(platan: LoadedNewsroom) -> None:
    with platan.database.read() as session:
        paths = [
            f"/{newsletter.slug}/{page}?lang={language}"
            for newsletter in all_newsletters(session)
            for language in newsletter.languages
            for page in ("", "ask", "answers")
        ]
    paths += [link.removeprefix(BASE_URL) for _, link in list_entry_urls(platan.database)]
    pages = [platan.get(path) for path in paths]
    assert [page.heading for page in pages if not page.heading] == []
    assert [
        path
        for path, page in zip(paths, pages, strict=True)
        if re.search(r"\b(None|nan)\b(?! in particular)", page.main_text)
    ] == []


def test_a_demo_that_is_weeks_old_is_stale(platan: LoadedNewsroom) -> None:
    with platan.database.read() as session:
        last = session.scalar(select(func.max(Edition.sent_at)))
    assert (
        get_stale_edition_time(platan.database, platan.at),
        get_stale_edition_time(platan.database, platan.at + timedelta(weeks=5)),
    ) == (None, last)
