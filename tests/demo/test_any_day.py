"""The demo newsroom is coherent on whatever day it is loaded: what is asked is due in time, what happened is past, and the
first pages tell of an edition ahead."""

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
    slug: tomllib.loads((CONTENT / f"questions-{side}.toml").read_text(encoding="utf-8"))["question"]
    for slug, side in {"shift-change": "a", "nafas": "b"}.items()
}
# The newsletter that is between a cut-off and its edition at a moment.
IN_THE_GAP = {"leap-day": "shift-change", "spring-forward": "nafas"}
MOMENTS = {name: CLOCKS[name].start for name in ("leap-day", "spring-forward", "five-years-on")} | {
    "long-before": datetime(2027, 1, 4, 12, 0, tzinfo=UTC),  # hours before a cut-off, nineteen days after an edition
    "just-sent": datetime(2026, 11, 18, 8, 2, tzinfo=UTC),  # two minutes after an edition
}
REPLIES = sum(path.read_text(encoding="utf-8").count("about_edition_back =") for path in CONTENT.glob("*.toml"))
EDITORS = {"shift-change": "tereza@platan.example", "nafas": "shirin@platan.example"}
AGE = re.compile(r"(?P<number>\d+) (?P<unit>mins?|hrs?|days?)(?P<late> over)?(?: left)?")


@dataclass(frozen=True)
class Loaded:
    """The newsroom as it was loaded at a moment, and its pages as they are then."""

    name: str
    at: datetime
    database: Database
    app: Flask

    def get(self, path: str) -> Page:
        response = self.app.test_client().get(path, base_url=BASE_URL)
        assert response.status_code == 200, (path, response.status_code)
        return Page(response.text)

    def home(self, slug: str) -> Page:
        with self.database.read() as session:
            person = directory.by_email(session, EDITORS[slug])
            assert person is not None
            editor = Staff(person.id, person.name, 0, "editor")
        return Desk(self.app, editor, slug).get("/")


@pytest.fixture(scope="module", params=MOMENTS)
def platan(
    request: pytest.FixtureRequest,
    sqlite_template: Path,
    bytecode_cache: FileSystemBytecodeCache,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Loaded]:
    at, folder = MOMENTS[request.param], tmp_path_factory.mktemp("any_day")
    database = Database(f"sqlite:///{shutil.copy(sqlite_template, folder / 'newsroom.db')}", Keys(SECRETS), BASE_URL)
    with pytest.MonkeyPatch.context() as patch, open_app(database, folder, bytecode_cache, limits="0") as app:
        patch.setattr(clock, "datetime", SimpleNamespace(now=at.astimezone))
        patch.setattr(clock, "time", SimpleNamespace(time=at.timestamp))
        load_newsroom(database)
        yield Loaded(request.param, at, database, app)
    database.close()


def test_every_question_has_come_as_far_as_the_content_says(platan: Loaded) -> None:
    """In the gap between cut-off and edition the reserve is picked too."""
    with platan.database.read() as session:
        for newsletter in all_newsletters(session):
            rows = QUESTIONS[newsletter.slug]
            in_the_gap = IN_THE_GAP.get(platan.name) == newsletter.slug
            picked = {row["headline"] for row in rows if row["state"] == "queued" or in_the_gap and row.get("reserve")}
            ready = {row["headline"] for row in rows if row["state"] == "answered"} - picked
            found = session.scalars(select(Question).filter_by(newsletter_id=newsletter.id)).all()
            assert {one.headline for one in found if one.state == "queued"} == picked
            assert {one.headline for one in found if one.state == "answered"} == ready
            others = ("published", "shelved", "closed", "merged")
            states = Counter(str(one.state) for one in found)
            assert [states[name] for name in others] == [sum(row["state"] == name for row in rows) for name in others]


def test_the_next_edition_is_before_its_cut_off_or_full_and_locked(platan: Loaded) -> None:
    with platan.database.read() as session:
        for newsletter in all_newsletters(session):
            editions = select(Edition).filter_by(newsletter_id=newsletter.id).order_by(Edition.runs_at)
            first, second = session.scalars(editions.where(Edition.runs_at > platan.at).limit(2))
            filled = session.scalar(select(func.count()).where(Question.edition_id == first.id))
            if IN_THE_GAP.get(platan.name) == newsletter.slug:
                assert (first.state, filled) == ("locked", first.slots)
                assert first.cutoff_at < platan.at < first.runs_at
            else:
                assert (first.state, filled) == ("planned", first.slots - 1)
                assert platan.at < first.cutoff_at
            assert platan.at < second.cutoff_at and second.runs_at - first.runs_at < timedelta(days=29)
            past = session.scalars(editions.where(Edition.runs_at <= platan.at)).all()
            assert {str(edition.state) for edition in past} <= {"sent", "skipped"} and past[-1].state == "sent"


def test_asked_comes_before_due_and_due_before_the_cut_off(platan: Loaded) -> None:
    with platan.database.read() as session:
        asked = session.scalars(select(Assignment).where(Assignment.invited_at.is_not(None))).all()
        for assignment in asked:
            edition = session.get_one(Edition, assignment.for_edition_id)
            assert assignment.invited_at and assignment.reply_by and assignment.due_at
            assert (
                assignment.invited_at < assignment.reply_by <= assignment.due_at < edition.cutoff_at < edition.runs_at
            )
        assert len(asked) > 40
        [(check, edition)] = session.execute(
            select(Check, Edition)
            .join(Answer, Answer.id == Check.answer_id)
            .join(Assignment, Assignment.id == Answer.assignment_id)
            .join(Edition, Edition.id == Assignment.for_edition_id)
            .where(Check.ended_at.is_(None))
        )
        assert check.asked_at < platan.at < check.due_at < edition.cutoff_at


def test_one_expert_is_late_and_no_reminder_is_due(platan: Loaded) -> None:
    """A reminder sent as the worker starts would hide that the invitation came back."""
    with platan.database.read() as session:
        waiting = session.scalars(select(Assignment).where(Assignment.state.in_(("invited", "accepted")))).all()
        due = [one.reply_by if one.state == "invited" else one.due_at for one in waiting]
        assert all(one.due_at and one.due_at > platan.at for one in waiting)
        [late] = [moment for moment in due if moment and moment < platan.at]
        assert timedelta(days=3) < platan.at - late < timedelta(days=5)
        assert [reminders.find_due_reminders(session, newsletter) for newsletter in all_newsletters(session)] == [
            [],
            [],
        ]


def test_nothing_happens_later_than_now_and_no_letter_before_its_edition(platan: Loaded) -> None:
    moments = (
        Letter.received_at, Question.opened_at, Question.state_at, Assignment.state_at, Answer.state_at, Check.asked_at,
        Draft.saved_at, OutboxMail.created_at, Edition.locked_at, Edition.sent_at,
    )  # fmt: skip
    with platan.database.read() as session:
        for moment in moments:
            newest = session.scalar(select(func.max(moment)))
            assert newest is not None and newest <= platan.at, moment
        about = select(Letter.received_at, Edition.runs_at).join(Edition, Edition.id == Letter.about_edition_id)
        replies = session.execute(about).all()
        assert [came > ran for came, ran in replies] == [True] * REPLIES
        [oldest] = session.scalars(select(func.min(Draft.saved_at)))
        assert platan.at - oldest < timedelta(days=7)


@pytest.mark.parametrize("slug", EDITORS)
def test_this_edition_tells_of_nothing_old(platan: Loaded, slug: str) -> None:
    home = platan.home(slug)
    [standing] = home.texts(".standing")
    locked = IN_THE_GAP.get(platan.name) == slug
    assert re.match(
        r"The edition of .+ is locked\." if locked else r"One slot is still open and the cut-off is in ", standing
    )
    ages = [AGE.fullmatch(age) for age in home.texts(".waits .age")]
    assert len(ages) > 5 and all(ages), home.texts(".waits .age")
    days = [(int(age["number"]), bool(age["late"])) for age in ages if age and age["unit"].startswith("day")]
    assert max(number for number, _ in days) < 30
    assert [number in (3, 4) for number, late in days if late] == [True] * (slug == "shift-change")
    assert home.texts(".slot--open b") == ([] if locked else ["Open."])


def test_every_first_page_opens(platan: Loaded) -> None:
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


def test_a_demo_that_was_left_for_weeks_says_so(platan: Loaded) -> None:
    with platan.database.read() as session:
        last = session.scalar(select(func.max(Edition.sent_at)))
    assert (
        get_stale_edition_time(platan.database, platan.at),
        get_stale_edition_time(platan.database, platan.at + timedelta(weeks=5)),
    ) == (None, last)
