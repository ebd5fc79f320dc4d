"""The Long Road is inserted in bulk, and its rows are as the product would have left them."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.answers.editing import approved_of
from app.answers.lifecycle import ANSWER, ASSIGNMENT
from app.answers.models import Answer, Assignment
from app.audit import Event
from app.core.actors import Mailroom
from app.crypto.seal import Keys
from app.db.engine import Database
from app.editions.items import block_from, item_digest
from app.editions.lifecycle import EDITION
from app.editions.models import Edition, EditionItem
from app.letters import contacts, receive
from app.letters.lifecycle import LETTER
from app.letters.models import Contact, Credit, Letter
from app.mail import inbound, outbox
from app.mail.lifecycle import INBOUND, MAIL
from app.mail.models import Inbound, OutboxMail
from app.mailroom import integrity
from app.mailroom.batch import BatchLookups, Settings
from app.mailroom.inbound_context import InboundContext
from app.mailroom.routing import decide
from app.mailtext.parsing.parse import parse
from app.models import Base
from app.newsletters.models import Newsletter
from app.newsletters.queries import by_slug
from app.people import directory
from app.people.models import Expert
from app.questions.lifecycle import QUESTION, has_cleared_text
from app.questions.models import Question
from app.text.languages import script_of
from config import DEMO_AUTHSERV_ID
from demo.cli import demo
from demo.scale import generator, pen_mails
from demo.scale.generator import CannotGenerate, check_can_generate, generate_newsletter
from demo.scale.long_road import SLUG
from demo.scale.phrasebooks import list_phrasebooks
from tests.support.app import BASE_URL, SECRETS
from tests.support.databases import postgres_copy, postgres_url
from tests.support.sample_newsroom import Newsroom

TODAY = datetime(2026, 11, 25, 14, 20, tzinfo=UTC)
QUESTION_COUNT = 900
MACHINES: dict[type[Any], Any] = {
    Question: QUESTION, Letter: LETTER, Assignment: ASSIGNMENT, Answer: ANSWER, Edition: EDITION, OutboxMail: MAIL,
}  # fmt: skip
SCRIPTS = {"ru": "Cyrl", "uk": "Cyrl", "kk": "Cyrl", "fa": "Arab", "ug": "Arab", "zh": "Hani"}  # all others: Latn


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def long_road(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """The Long Road in a database of its own."""
    if request.param == "sqlite":
        template = request.getfixturevalue("sqlite_template")
        yield from _generate_long_road(
            f"sqlite:///{shutil.copy(template, tmp_path_factory.mktemp('scale') / 'newsroom.db')}"
        )
        return
    with postgres_copy(request.getfixturevalue("postgres_template")) as name:
        yield from _generate_long_road(postgres_url(name))


def _generate_long_road(url: str) -> Iterator[Database]:
    database = Database(url, Keys(SECRETS), BASE_URL)
    steps: list[tuple[int, int]] = []
    generate_newsletter(database, QUESTION_COUNT, lambda done, total: steps.append((done, total)), loaded_at=TODAY)
    assert steps == [(number, QUESTION_COUNT) for number in range(1, QUESTION_COUNT + 1)]
    yield database
    database.close()


@pytest.fixture
def session(long_road: Database) -> Iterator[Session]:
    with long_road.read() as session:
        session.info["at"] = TODAY
        yield session


def test_every_state_occurs(session: Session) -> None:
    for model, machine in MACHINES.items():
        missing = {"held over"} if model is Answer else set()  # needs two answers to one question
        assert set(session.scalars(select(model.state).distinct())) == set(machine.states) - missing, model
    assert session.scalar(select(func.count(Question.id))) == QUESTION_COUNT


def test_the_events_of_every_row_are_valid_moves_to_its_state(session: Session) -> None:
    events_by_row: dict[tuple[str, int], list[Event]] = {}
    for event in session.scalars(select(Event).order_by(Event.id)):
        if event.new:
            events_by_row.setdefault((event.noun, event.noun_id), []).append(event)
    for model, machine in (MACHINES | {Inbound: INBOUND}).items():
        for key, state, state_at in session.execute(select(model.id, model.state, model.state_at)):
            events = events_by_row.get((model.__name__.lower(), key), [])
            last_state: str | None = None
            last_time = state_at
            if model is OutboxMail:  # the insertion of a mail is no event
                last_state = events[0].old if events else state
            for event in events:
                assert event.old == last_state
                assert event.new in machine.find_move(event.action.partition(".")[2], last_state).target
                last_state, last_time = event.new, event.at
            assert (last_state, last_time) == (state, state_at), (model, key)


def test_events_are_in_the_order_of_time(session: Session) -> None:
    """Except those of readers, of which at most the day is stored."""
    times = list(session.scalars(select(Event.at).where(Event.actor != "reader").order_by(Event.id)))
    assert times == sorted(times)


@pytest.mark.threat("rewritten trail")
def test_foreign_keys_are_valid_and_the_trail_is_append_only_again(long_road: Database, session: Session) -> None:
    for table in Base.metadata.sorted_tables:
        for key in table.foreign_key_constraints:
            target = key.referred_table.alias()
            pairs = [(element.parent, target.c[element.column.name]) for element in key.elements]
            dangling = select(func.count()).select_from(table).where(
                *(column.is_not(None) for column, _ in pairs),
                ~select(1).where(*(column == target_column for column, target_column in pairs)).exists(),
            )  # fmt: skip
            assert session.scalar(dangling) == 0, key.name
    with pytest.raises(Exception, match="append-only"):
        long_road.write(lambda writing: writing.execute(text("UPDATE audit SET actor = 'nobody' WHERE id = 1")))
    if long_road.is_sqlite:
        query = text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'")
        assert set(session.scalars(query)) == {
            f"audit_is_append_only_{event}" for event in ("update", "delete", "insert")
        }


def test_a_question_is_in_the_state_that_fits_its_assignments_and_answer(session: Session) -> None:
    """One with an expert has a cleared text, and an answered or published one has an approved answer."""
    for question in session.scalars(select(Question)):
        assignment_states = session.scalars(select(Assignment.state).filter_by(question_id=question.id)).all()
        if any(state not in ("drafted", "cancelled") for state in assignment_states):
            assert has_cleared_text.holds(question)
        has_answer = bool(approved_of(session, question.id))
        if question.state in ("answered", "queued", "published", "retracted"):
            assert has_answer
        elif question.state != "shelved":
            assert not has_answer
        if question.state == "merged":
            lead = session.get_one(Question, question.merged_into_id)
            assert lead.state not in ("merged", "closed", "retracted")


def test_published_questions_are_items_of_their_editions(session: Session) -> None:
    sent = list(session.scalars(select(Edition).filter_by(state="sent").order_by(Edition.runs_at)))
    items = list(session.scalars(select(EditionItem).join(Edition).where(Edition.state == "sent")))
    assert [edition.number for edition in sent] == list(range(1, len(sent) + 1))
    assert len(items) == int(QUESTION_COUNT * generator.PUBLISHED_SHARE)
    for item in items:
        assert item.sha256 == item_digest(item.input, item.output)
        assert (item.question.edition_id, item.question.position) == (item.edition_id, item.position)
        assert item.question.published_at == session.get_one(Edition, item.edition_id).runs_at
        assert block_from(item).paragraphs
    assert any(name for item in items for name in item.credits)
    item_counts = Counter(item.edition_id for item in items)
    assert [item_counts[edition.id] for edition in sent[:-1]] == [generator.SLOTS_PER_EDITION] * (len(sent) - 1)


def test_letters_are_in_nine_languages_and_their_scripts(session: Session) -> None:
    letters = session.execute(select(Letter.language, Letter.body).where(Letter.body.is_not(None))).all()
    assert {language for language, _ in letters} == {phrasebook.language for phrasebook in list_phrasebooks()} | {
        "kk-Latn"
    }
    assert {(language, script_of(body)) for language, body in letters} == {
        (language, SCRIPTS.get(language, "Latn")) for language, _ in letters
    }
    duplicates = len(letters) - len({body for _, body in letters})
    assert duplicates < len(letters) * 0.12


def test_sealed_values_can_be_opened(session: Session) -> None:
    for letter in session.scalars(select(Letter).join(Contact, Contact.letter_id == Letter.id)):
        assert contacts.email_of(session, letter) == f"reader{letter.id}@readers.example"
    credited = list(session.scalars(select(Letter).join(Credit, Credit.letter_id == Letter.id)))
    assert credited
    assert all(contacts.get_credit_name(session, letter) for letter in credited)
    for expert in session.scalars(select(Expert)):
        email = directory.email_of(session, expert.person)
        assert email is not None
        assert directory.by_email(session, email) == expert.person
    waiting = list(session.scalars(select(OutboxMail).where(OutboxMail.state.in_(("held", "queued")))))
    assert waiting
    assert {outbox.read(session, mail).kind for mail in waiting} == {mail.kind for mail in waiting}


def test_the_doctor_finds_no_faults(session: Session) -> None:
    assert integrity.check(session) == []


def test_nothing_happens_after_today(session: Session) -> None:
    for model in MACHINES:
        assert session.scalar(select(func.max(model.state_at))) <= TODAY, model


def test_mails_are_in_the_holding_pen_for_the_reasons_that_the_mailroom_gives(session: Session) -> None:
    newsletter = by_slug(session, SLUG)
    assert newsletter is not None
    mails = inbound.listing(newsletter.id, "pen").page(session, None, 50)
    assert len(mails) == pen_mails.MAX_MAILS
    assert [mail.stored_at for mail in mails] == sorted((mail.stored_at for mail in mails), reverse=True)
    lookups = BatchLookups(Settings(DEMO_AUTHSERV_ID, frozenset({DEMO_AUTHSERV_ID})))
    for mail in mails:
        raw = inbound.get_raw(session, mail)
        context = InboundContext(session, raw, parse(raw), lookups, Inbound(id=mail.id))
        decision = decide(context)
        assert (decision.place, list(decision.reasons), decision.newsletter_id) == ("pen", mail.reasons, newsletter.id)
        assert inbound.get_reading(session, mail) == context.reading
        assert mail.content_mac == inbound.compute_content_mac(session, context.content(newsletter.id))
        if mail.assignment_id:
            assert decision.assignment_id == mail.assignment_id
    assert len({reason for mail in mails for reason in mail.reasons}) >= 9


class Rollback(Exception):
    pass


def test_new_rows_get_the_next_keys(long_road: Database) -> None:
    def write(session: Session) -> None:
        newsletter, last_key = by_slug(session, SLUG), session.scalar(select(func.max(Letter.id)))
        assert newsletter is not None
        letter = receive.send(
            session, Mailroom(), newsletter, receive.Submission("Who cleans the canal?"), channel="mail"
        )
        assert letter.id == last_key + 1
        raise Rollback

    with pytest.raises(Rollback):
        long_road.write(write)


def test_the_same_number_gives_the_same_letters(sqlite_template: Any, tmp_path: Any) -> None:
    results = []
    for name in ("first.db", "second.db"):
        database = Database(f"sqlite:///{shutil.copy(sqlite_template, tmp_path / name)}", Keys(SECRETS), BASE_URL)
        generate_newsletter(database, 40, loaded_at=TODAY)
        with database.read() as session:
            results.append(
                session.execute(
                    select(Letter.public_id, Letter.state, Letter.body).order_by(Letter.received_at, Letter.id)
                ).all()
            )
        database.close()
    assert results[0] == results[1]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_interrupted_generation_leaves_no_rows(database: Database) -> None:
    def stop(done: int, _total: int) -> None:
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate_newsletter(database, generator.MAX_QUESTIONS, stop, loaded_at=TODAY)
    with database.read() as session:
        assert session.scalar(select(func.count(Newsletter.id))) == 0
        assert session.scalar(select(func.count(Event.id))) == 0


def test_it_is_generated_once(long_road: Database) -> None:
    with pytest.raises(CannotGenerate, match="The Long Road is here already"):
        check_can_generate(long_road, 10)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_real_newsroom_is_left_as_it_is(app: Flask, database: Database, newsroom: Newsroom) -> None:
    result = app.test_cli_runner().invoke(demo, args=("--questions", "10"))
    assert result.exit_code == 1
    assert result.output.splitlines()[-1] == (
        "Error: There are newsletters here that are not the demo's (steppe): nothing was changed."
    )
    with database.read() as session:
        assert session.scalars(select(Newsletter.slug)).all() == ["steppe"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("number", ["-1", "0", "1000001", "many"])
def test_an_invalid_number_is_refused(app: Flask, number: str) -> None:
    result = app.test_cli_runner().invoke(demo, args=("--questions", number))
    assert result.exit_code == 2
    assert f"'--questions': {number!r} is not" in result.output or f"'--questions': {number} is not" in result.output


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_command_is_registered_with_flask(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READERS_ASKED_ENV", "demo")
    monkeypatch.setenv("DATABASE_URL", database.url)
    assert import_module("wsgi").app.cli.commands["demo"] is demo


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_one_command_fills_a_new_database(app: Flask, database: Database) -> None:
    result = app.test_cli_runner().invoke(demo, args=("--questions", "30"))
    assert result.exit_code == 0, result.output
    with database.read() as session:
        assert set(session.scalars(select(Newsletter.slug))) == {"shift-change", "nafas", SLUG}
        newsletter = by_slug(session, SLUG)
        assert newsletter is not None
        assert session.scalar(select(func.count(Question.id)).filter_by(newsletter_id=newsletter.id)) == 30
    report = json.loads(app.test_cli_runner().invoke(args=("doctor", "--json")).stdout)
    faults = {check["name"] for check in report["checks"] if check["state"] == "fault"}
    # no worker runs, and the demo's times differ from the clock
    assert faults <= {"worker", "trail", "list of erasures", "outgoing mail", "clock"}
    second = app.test_cli_runner().invoke(demo, args=())
    assert (second.exit_code, second.output.splitlines()[-1]) == (
        1, "Error: There is already a newsroom here; nothing was changed."
    )  # fmt: skip
