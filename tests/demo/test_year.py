"""The demo newsroom is loaded by the product's own functions, and has the states and dates that its content gives."""

import shutil
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.answers.models import Answer, Assignment, Check, Draft
from app.audit import Event
from app.core.actors import Reader
from app.crypto.seal import Keys
from app.db.engine import Database
from app.editions import archive
from app.editions.items import block_from
from app.editions.models import Edition, EditionItem
from app.editions.queries import list_editions_to_run
from app.letters import receipts
from app.letters.models import Contact, Credit, Letter
from app.mail import outbox
from app.mail.models import OutboxMail
from app.newsletters.queries import all_newsletters
from app.people import links, sign_in
from app.people.models import Expert, Person
from app.questions import queries as questions
from app.questions.models import Question, QuestionTopic, Translator
from app.typesetting.house_languages import marks_for
from app.typesetting.renderers import to_html, to_markdown, to_text
from app.workflows.letters import public_state
from demo.entry_urls import list_entry_urls
from demo.loader import has_newsroom, load_newsroom
from tests.support.app import BASE_URL, SECRETS
from tests.support.databases import execute_as_admin, postgres_url

CONTENT = Path(__file__).parent.parent.parent / "demo" / "content"
FILES = {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in CONTENT.glob("*.toml")}
FILE_SUFFIXES = {"shift-change": "a", "nafas": "b"}
QUESTIONS = {slug: FILES[f"questions-{suffix}"]["question"] for slug, suffix in FILE_SUFFIXES.items()}
UNFILED = {slug: FILES[f"letters-{suffix}"]["letter"] for slug, suffix in FILE_SUFFIXES.items()}
TODAY = datetime(2026, 11, 25, 14, 20, tzinfo=UTC)  # a Wednesday between two editions
# The states of a question and of its last assignment and answer, by the question's state in the content.
EXPECTED_STATES = {
    "published": ("published", "done", "approved"),
    "queued": ("queued", "done", "approved"),
    "answered": ("answered", "done", "approved"),
    "checking": ("seeking", "received", "checking"),
    "edited": ("seeking", "received", "edited"),
    "submitted": ("seeking", "received", "submitted"),
    "accepted": ("seeking", "accepted", None),
    "invited": ("seeking", "invited", None),
    "declined": ("open", "declined", None),
    "prepared": ("open", "drafted", None),
    "open": ("open", None, None),
    "shelved": ("shelved", None, None),
    "closed": ("closed", None, None),
    "merged": ("merged", None, None),
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    if request.param == "sqlite":
        template = request.getfixturevalue("sqlite_template")
        url = f"sqlite:///{shutil.copy(template, tmp_path_factory.mktemp('demo') / 'newsroom.db')}"
    else:
        name = f"demo_{uuid4().hex}"
        execute_as_admin(f"CREATE DATABASE {name} TEMPLATE {request.getfixturevalue('postgres_template')}")
        url = postgres_url(name)
    database = Database(url, Keys(SECRETS), BASE_URL)
    yield database
    database.close()
    if request.param == "postgresql":
        execute_as_admin(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def platan(empty: Database) -> Database:
    """The demo newsroom as of `TODAY`."""
    assert not has_newsroom(empty)
    steps: list[tuple[int, int]] = []
    started_at = time.process_time()
    load_newsroom(empty, lambda done, total: steps.append((done, total)), loaded_at=TODAY)
    cpu_time = time.process_time() - started_at
    print(
        f"\nThe demo newsroom was loaded in {cpu_time:.1f} s of CPU on {empty.writer.dialect.name}, in {len(steps)} steps."
    )
    assert steps == [(number, len(steps)) for number in range(1, len(steps) + 1)]
    assert has_newsroom(empty)
    assert cpu_time < 60  # seconds; goal: 10
    return empty


@pytest.fixture
def session(platan: Database) -> Iterator[Session]:
    with platan.read() as session:
        session.info["at"] = TODAY
        yield session


def get_questions_by_headline(session: Session) -> dict[str, Question]:
    return {question.headline: question for question in session.scalars(select(Question))}


def get_question(session: Session, slug: str, key: str) -> Question:
    [headline] = [row["headline"] for row in QUESTIONS[slug] if row["key"] == key]
    return get_questions_by_headline(session)[headline]


def test_every_question_is_in_the_state_that_the_content_gives(session: Session) -> None:
    assignments = {row.question_id: row for row in session.scalars(select(Assignment))}
    answers = {row.question_id: row.state for row in session.scalars(select(Answer))}
    slugs = {newsletter.id: newsletter.slug for newsletter in all_newsletters(session)}
    states = {
        (slugs[row.newsletter_id], row.headline): (
            row.state,
            assignments[row.id].state if row.id in assignments else None,
            answers.get(row.id),
        )
        for row in session.scalars(select(Question))
    }
    expected = {
        (slug, row["headline"]): EXPECTED_STATES[row["state"]] for slug, rows in QUESTIONS.items() for row in rows
    }
    assert states == expected
    assert Counter(state for state, *_ in states.values()) == Counter(EXPECTED_STATES[row["state"]][0] for rows in QUESTIONS.values() for row in rows)  # fmt: skip


def test_every_letter_occurs_once_and_is_filed_or_not(session: Session) -> None:
    letters = Counter(map(tuple, session.execute(select(Letter.body, Letter.state, Letter.language))))
    filed = [letter for rows in QUESTIONS.values() for row in rows for letter in row["letter"]]
    expected = Counter((letter["body"], "filed", letter["language"]) for letter in filed)
    for letter in (letter for rows in UNFILED.values() for letter in rows):
        expected[letter["body"], "held" if "held_reason" in letter else "received", letter["language"]] += 1
    assert letters == expected


def test_all_times_are_between_the_founding_and_today(session: Session) -> None:
    for table, column in (
        (Letter, "received_at"), (Question, "opened_at"), (Question, "state_at"), (Assignment, "state_at"),
        (Answer, "state_at"), (OutboxMail, "created_at"), (Check, "asked_at"), (Expert, "verified_at"),
    ):  # fmt: skip
        first, last = session.execute(select(func.min(getattr(table, column)), func.max(getattr(table, column)))).one()
        assert TODAY - timedelta(days=425) <= first <= last <= TODAY, (table, column)


def test_every_published_question_is_a_public_page_in_its_edition(session: Session) -> None:
    for newsletter in all_newsletters(session):
        editions = archive.sent_editions(newsletter).page(session, None, 100)
        items = archive.items(session, editions)
        past = session.scalars(
            select(Edition).where(Edition.newsletter_id == newsletter.id, Edition.runs_at <= TODAY)
            .order_by(Edition.runs_at.desc())
        ).all()  # fmt: skip
        numbers = {edition.id: number for number, edition in enumerate(past, 1)}
        published = [
            (numbers[edition.id], item.question.headline)
            for edition in editions
            for item in sorted(items[edition.id], key=lambda item: item.position)
        ]
        rows = [row for row in QUESTIONS[newsletter.slug] if row["state"] == "published"]
        assert published == [(row["edition_back"], row["headline"]) for row in rows]
        assert archive.count(session, newsletter) == len(rows)
        for _, headline in published:
            story = archive.story(session, newsletter, get_questions_by_headline(session)[headline].public_id)
            assert story and story[0].question.headline == headline
        assert {edition.state for edition in past} == {"sent", "skipped"}


def test_every_item_is_typeset_and_its_quotation_marks_balance(session: Session) -> None:
    items = session.scalars(select(EditionItem)).all()
    assert len(items) == 35
    for item in items:
        block = block_from(item, "desk@platan.example")
        (opens, closes), (inner_opens, inner_closes) = marks_for(block.language, "typographic").levels
        answer = [paragraph for paragraph in block.paragraphs if paragraph.role == "answer"]
        text = to_text(block)
        assert [paragraph.text.startswith(opens) for paragraph in answer] == [True] * len(answer), text
        assert [paragraph.text.endswith(closes) for paragraph in answer] == [False] * (len(answer) - 1) + [True], text
        assert text.count(opens) - text.count(closes) == len(answer) - 1, text
        # An apostrophe looks like a closing mark.
        assert text.count(inner_opens) <= text.count(inner_closes), text
        assert '"' not in text and "{" not in text and to_markdown(block) and to_html(block)


def test_a_single_asker_is_named_as_agreed_and_a_group_is_not(session: Session) -> None:
    credits = {
        item.question.headline: list(item.credits) for item in session.scalars(select(EditionItem)) if any(item.credits)
    }
    assert credits == {
        "Ask for the Annex": ["Milutin, Serbia"],
        "خانهٔ خنک، بی کولر": ["نسرین، کوهرنگان"],
        "چنار پیر را باید برید؟": ["بهرام، چشمه‌بید"],
    }
    without_consent = select(Credit).where(Credit.choice != "none", Credit.consent_text.is_(None))
    assert session.scalars(without_consent).all() == []


def test_open_assignments_have_dates_that_are_still_possible(session: Session) -> None:
    def get_assignment(key: str) -> Assignment:
        return session.scalars(
            select(Assignment).filter_by(question_id=get_question(session, "shift-change", key).id)
        ).one()

    late, recent, away = get_assignment("home-sewing"), get_assignment("face-clock"), get_assignment("mine-rescue")
    assert [assignment.state for assignment in (late, recent, away)] == ["invited", "invited", "declined"]
    assert late.reply_by and recent.reply_by and late.reply_by < TODAY < recent.reply_by
    assert (away.decline_reason, away.later_on, away.suggestion_sealed is not None) == (
        "no time", (TODAY + timedelta(days=33)).date(), True,
    )  # fmt: skip
    waiting = session.scalars(select(Assignment).where(Assignment.state.in_(("invited", "accepted")))).all()
    assert [row.due_at > TODAY for row in waiting if row.due_at] == [True] * 4
    [check] = session.scalars(select(Check).where(Check.ended_at.is_(None)))
    assert check.due_at > TODAY
    [draft] = session.scalars(select(Draft))
    assert draft.assignment_id == get_assignment("paid-in-yarn").id and draft.body.startswith("I was once paid in yarn")


def test_queued_questions_are_in_the_coming_editions(session: Session) -> None:
    for newsletter in all_newsletters(session):
        coming = list_editions_to_run(session, newsletter.id, 1)[0]
        queued = session.scalars(select(Question).filter_by(edition_id=coming.id)).all()
        assert [(row.state, row.position) for row in queued] == [("queued", 1)]
        row = next(row for row in FILES["newsletters"]["newsletter"] if row["slug"] == newsletter.slug)
        assert (len(newsletter.skips), len(newsletter.extra)) == (len(row["skip"]), len(row["extra"]))
        planned = session.scalars(select(Edition.rule_date).filter_by(newsletter_id=newsletter.id, state="planned"))
        days = {day.isoformat() for day in planned}
        assert days & set(newsletter.skips) == set() and set(newsletter.extra) <= days


def test_three_questions_are_shown_to_readers_and_all_have_topics(session: Session) -> None:
    for newsletter in all_newsletters(session):
        shown = {row["headline"] for row in QUESTIONS[newsletter.slug] if row.get("shown")}
        assert {row.headline for row in questions.list_public_questions(session, newsletter.id)} == shown and len(
            shown
        ) == 3
    topic_count = session.scalar(select(func.count()).select_from(QuestionTopic))
    assert topic_count == sum(len(row["topics"]) for rows in QUESTIONS.values() for row in rows)


def test_a_merged_question_moves_its_letter_to_its_lead(session: Session) -> None:
    lead = get_question(session, "shift-change", "envelope")
    assert len(questions.letters_of(session, lead)) == 4
    assert get_question(session, "shift-change", "cash-half").merged_into_id == lead.id


def test_only_mails_of_the_last_day_wait(session: Session) -> None:
    waiting = session.scalars(select(OutboxMail).where(OutboxMail.state == "queued")).all()
    assert Counter(mail.kind for mail in waiting) == {
        "expert.invitation": 1, "expert.check": 1, "desk.answer": 3, "sign_in": 1, "translator.invitation": 1,
    }  # fmt: skip
    assert min(mail.created_at for mail in waiting) >= datetime(2026, 11, 24, tzinfo=UTC)
    assert {mail.state for mail in session.scalars(select(OutboxMail))} == {"held", "queued", "sent"}
    assert all(outbox.read(session, mail).text for mail in waiting)


def test_an_assistants_mail_is_held_and_her_invitation_is_a_draft(session: Session) -> None:
    [held] = session.scalars(select(OutboxMail).filter_by(state="held"))
    assert (held.kind, held.question_id) == ("expert.letter", get_question(session, "shift-change", "paid-in-yarn").id)
    assert "who sets the price of the yarn" in outbox.read(session, held).text
    [drafted] = session.scalars(select(Assignment).filter_by(state="drafted"))
    assert (drafted.question_id, drafted.expert.name) == (
        get_question(session, "shift-change", "sugar-season").id, "Gulmira Sarsenova",
    )  # fmt: skip
    aizada = session.scalars(select(Person).filter_by(name="Aizada Toktorova")).one()
    for action, key in (("assignment.write", held.assignment_id), ("assignment.draft", drafted.id)):
        actors = session.scalars(select(Event.actor).filter_by(action=action, noun_id=key)).all()
        assert actors == [f"staff:{aizada.id}"]


def test_no_address_is_kept_of_a_reader_who_has_been_notified(session: Session) -> None:
    contacts = (
        select(Contact).join(Letter, Letter.id == Contact.letter_id).join(Question, Question.id == Letter.question_id)
    )
    assert session.scalars(contacts.where(Question.state.in_(("published", "closed", "merged")))).all() == []
    assert session.scalars(select(Contact).where(Contact.erase_on < TODAY.date())).all() == []


def test_the_entry_urls_work(platan: Database) -> None:
    urls = [url for _, url in list_entry_urls(platan)]
    assert all(url.startswith(f"{BASE_URL}/") for url in urls)
    paths = [url.removeprefix(BASE_URL) for url in urls]
    assert paths[:2] == ["/shift-change/", "/nafas/"] and paths[-2:] == ["/mails/", "/shift-change/receipt"]
    with platan.read() as session:
        tokens = [path.split("/")[2] for path in paths if path.startswith("/a/")]
        found_links = [links.find_link(session, token) for token in tokens]
        assignments = [
            session.get_one(Assignment, link.assignment_id) for link in found_links if link and link.assignment_id
        ]
        assert [assignment.question.headline for assignment in assignments] == [
            "Paid in Yarn",
            "Who Audits the Auditors?",
        ]
        translators = [
            session.get_one(Translator, link.translator_id) for link in found_links if link and link.translator_id
        ]
        assert [(row.name, row.language, row.state) for row in translators] == [("Oybek Rahimov", "ru", "invited")]
        sign_ins = [sign_in.find(session, path.split("/")[2]) for path in paths if path.startswith("/sign-in/")]
        assert [row.door if row else None for row in sign_ins] == ["desk", "desk", "desk", "desk", "expert"]


def test_the_printed_receipt_shows_that_the_question_is_published(platan: Database, session: Session) -> None:
    label, _ = list_entry_urls(platan)[-1]
    letter = receipts.find_receipt(session, label.partition("type ")[2])
    assert letter is not None
    newsletter = all_newsletters(session)[0]
    public = public_state.get_public_state(session, newsletter, letter)
    envelope = get_question(session, "shift-change", "envelope")
    assert (public.state, public.path) == (
        "published",
        f"/shift-change/q/{envelope.public_id}/half-the-pay-in-an-envelope",
    )
    assert receipts.reader_of(letter) == Reader(letter.id)
