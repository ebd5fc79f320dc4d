"""The Long Road is written in bulk, and stands as the product's own verbs would have left it."""

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
MANY = 900
MACHINES: dict[type[Any], Any] = {
    Question: QUESTION, Letter: LETTER, Assignment: ASSIGNMENT, Answer: ANSWER, Edition: EDITION, OutboxMail: MAIL,
}  # fmt: skip
SCRIPTS = {"ru": "Cyrl", "uk": "Cyrl", "kk": "Cyrl", "fa": "Arab", "ug": "Arab", "zh": "Hani"}  # all others: Latn


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def long_road(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """The Long Road with so many questions, in a database of its own."""
    if request.param == "sqlite":
        template = request.getfixturevalue("sqlite_template")
        yield from _grown(f"sqlite:///{shutil.copy(template, tmp_path_factory.mktemp('scale') / 'newsroom.db')}")
        return
    with postgres_copy(request.getfixturevalue("postgres_template")) as name:
        yield from _grown(postgres_url(name))


def _grown(url: str) -> Iterator[Database]:
    opened = Database(url, Keys(SECRETS), BASE_URL)
    steps: list[tuple[int, int]] = []
    generate_newsletter(opened, MANY, lambda done, total: steps.append((done, total)), loaded_at=TODAY)
    assert steps == [(number, MANY) for number in range(1, MANY + 1)]
    yield opened
    opened.close()


@pytest.fixture
def session(long_road: Database) -> Iterator[Session]:
    with long_road.read() as session:
        session.info["at"] = TODAY
        yield session


def test_every_state_that_there_is_occurs(session: Session) -> None:
    for model, machine in MACHINES.items():
        left_out = {"held over"} if model is Answer else set()  # of one question it makes one text
        assert set(session.scalars(select(model.state).distinct())) == set(machine.states) - left_out, model
    assert session.scalar(select(func.count(Question.id))) == MANY


def test_the_trail_leads_every_row_by_legal_moves_to_where_it_stands(session: Session) -> None:
    trail: dict[tuple[str, int], list[Event]] = {}
    for event in session.scalars(select(Event).order_by(Event.id)):
        if event.new:
            trail.setdefault((event.noun, event.noun_id), []).append(event)
    for model, machine in (MACHINES | {Inbound: INBOUND}).items():
        for key, state, state_at in session.execute(select(model.id, model.state, model.state_at)):
            events = trail.get((model.__name__.lower(), key), [])
            before = (
                (events[0].old if events else state) if model is OutboxMail else None
            )  # how it is put in is in no trail
            at = state_at
            for event in events:
                assert event.old == before
                assert event.new in machine.find_move(event.action.partition(".")[2], before).target
                before, at = event.new, event.at
            assert (before, at) == (state, state_at), (model, key)


def test_the_trail_is_in_the_order_of_time(session: Session) -> None:
    """But for what readers did, of whom the day is kept at most."""
    moments = list(session.scalars(select(Event.at).where(Event.actor != "reader").order_by(Event.id)))
    assert moments == sorted(moments)


@pytest.mark.threat("rewritten trail")
def test_no_key_leads_nowhere_and_the_trail_is_guarded_again(long_road: Database, session: Session) -> None:
    for table in Base.metadata.sorted_tables:
        for key in table.foreign_key_constraints:
            target = key.referred_table.alias()
            pairs = [(element.parent, target.c[element.column.name]) for element in key.elements]
            lost = select(func.count()).select_from(table).where(
                *(column.is_not(None) for column, _ in pairs),
                ~select(1).where(*(column == there for column, there in pairs)).exists(),
            )  # fmt: skip
            assert session.scalar(lost) == 0, key.name
    with pytest.raises(Exception, match="append-only"):
        long_road.write(lambda writing: writing.execute(text("UPDATE audit SET actor = 'nobody' WHERE id = 1")))
    if long_road.is_sqlite:
        there = set(
            session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'"))
        )
        assert there == {f"audit_is_append_only_{event}" for event in ("update", "delete", "insert")}


def test_a_question_is_as_far_as_its_answer(session: Session) -> None:
    """What has an expert was cleared before; what is answered has an approved text, and what has run was set from it."""
    for question in session.scalars(select(Question)):
        asked = session.scalars(select(Assignment.state).filter_by(question_id=question.id)).all()
        if any(state not in ("drafted", "cancelled") for state in asked):
            assert has_cleared_text.holds(question)
        has_answer = bool(approved_of(session, question.id))
        if question.state in ("answered", "queued", "published", "retracted"):
            assert has_answer
        elif question.state != "shelved":
            assert not has_answer
        if question.state == "merged":
            lead = session.get_one(Question, question.merged_into_id)
            assert lead.state not in ("merged", "closed", "retracted")


def test_what_ran_stands_in_its_edition_as_it_was_set(session: Session) -> None:
    sent = list(session.scalars(select(Edition).filter_by(state="sent").order_by(Edition.runs_at)))
    items = list(session.scalars(select(EditionItem).join(Edition).where(Edition.state == "sent")))
    assert [edition.number for edition in sent] == list(range(1, len(sent) + 1))
    assert len(items) == int(MANY * generator.PUBLISHED_SHARE)
    for item in items:
        assert item.sha256 == item_digest(item.input, item.output)
        assert (item.question.edition_id, item.question.position) == (item.edition_id, item.position)
        assert item.question.published_at == session.get_one(Edition, item.edition_id).runs_at
        assert block_from(item).paragraphs
    assert any(name for item in items for name in item.credits)
    full = Counter(item.edition_id for item in items)
    assert [full[edition.id] for edition in sent[:-1]] == [generator.SLOTS_PER_EDITION] * (len(sent) - 1)


def test_letters_are_in_nine_tongues_and_their_scripts(session: Session) -> None:
    written = session.execute(select(Letter.language, Letter.body).where(Letter.body.is_not(None))).all()
    assert {language for language, _ in written} == {phrasebook.language for phrasebook in list_phrasebooks()} | {
        "kk-Latn"
    }
    assert {(tongue, script_of(body)) for tongue, body in written} == {
        (tongue, SCRIPTS.get(tongue, "Latn")) for tongue, _ in written
    }
    bodies = Counter(body for _, body in written)
    assert (
        sum(number - 1 for number in bodies.values()) < len(written) * 0.12
    )  # what two people wrote in the same words


def test_what_is_sealed_opens_in_its_own_row(session: Session) -> None:
    for letter in session.scalars(select(Letter).join(Contact, Contact.letter_id == Letter.id)):
        assert contacts.email_of(session, letter) == f"reader{letter.id}@readers.example"
    named = list(session.scalars(select(Letter).join(Credit, Credit.letter_id == Letter.id)))
    assert named
    assert all(contacts.get_credit_name(session, letter) for letter in named)
    for expert in session.scalars(select(Expert)):
        email = directory.email_of(session, expert.person)
        assert email is not None
        assert directory.by_email(session, email) == expert.person
    waiting = list(session.scalars(select(OutboxMail).where(OutboxMail.state.in_(("held", "queued")))))
    assert waiting
    assert {outbox.read(session, mail).kind for mail in waiting} == {mail.kind for mail in waiting}


def test_the_doctor_is_content(session: Session) -> None:
    assert integrity.check(session) == []


def test_nothing_happens_after_today(session: Session) -> None:
    for model in MACHINES:
        assert session.scalar(select(func.max(model.state_at))) <= TODAY, model


def test_a_few_dozen_mails_wait_in_the_pen_for_the_reasons_that_the_mailroom_gives(session: Session) -> None:
    road = by_slug(session, SLUG)
    assert road is not None
    penned = inbound.listing(road.id, "pen").page(session, None, 50)
    assert len(penned) == pen_mails.MAX_MAILS
    assert [mail.stored_at for mail in penned] == sorted((mail.stored_at for mail in penned), reverse=True)
    lookups = BatchLookups(Settings(DEMO_AUTHSERV_ID, frozenset({DEMO_AUTHSERV_ID})))
    for mail in penned:
        raw = inbound.get_raw(session, mail)
        context = InboundContext(session, raw, parse(raw), lookups, Inbound(id=mail.id))
        decided = decide(context)
        assert (decided.place, list(decided.reasons), decided.newsletter_id) == ("pen", mail.reasons, road.id)
        assert inbound.get_reading(session, mail) == context.reading
        assert mail.content_mac == inbound.compute_content_mac(session, context.content(road.id))
        if mail.assignment_id:
            assert decided.assignment_id == mail.assignment_id
    assert len({reason for mail in penned for reason in mail.reasons}) >= 9


class Undone(Exception):
    pass


def test_the_database_counts_on_behind_the_keys_that_were_taken(long_road: Database) -> None:
    def write(session: Session) -> None:
        newsletter, newest = by_slug(session, SLUG), session.scalar(select(func.max(Letter.id)))
        assert newsletter is not None
        letter = receive.send(
            session, Mailroom(), newsletter, receive.Submission("Who cleans the canal?"), channel="mail"
        )
        assert letter.id == newest + 1
        raise Undone

    with pytest.raises(Undone):
        long_road.write(write)


def test_the_same_number_gives_the_same_letters(sqlite_template: Any, tmp_path: Any) -> None:
    found = []
    for name in ("one.db", "two.db"):
        opened = Database(f"sqlite:///{shutil.copy(sqlite_template, tmp_path / name)}", Keys(SECRETS), BASE_URL)
        generate_newsletter(opened, 40, loaded_at=TODAY)
        with opened.read() as session:
            found.append(
                session.execute(
                    select(Letter.public_id, Letter.state, Letter.body).order_by(Letter.received_at, Letter.id)
                ).all()
            )
        opened.close()
    assert found[0] == found[1]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_interrupted_loading_leaves_nothing_behind(database: Database) -> None:
    def stop(done: int, _total: int) -> None:
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate_newsletter(database, generator.MAX_QUESTIONS, stop, loaded_at=TODAY)
    with database.read() as session:
        assert session.scalar(select(func.count(Newsletter.id))) == 0
        assert session.scalar(select(func.count(Event.id))) == 0


def test_it_grows_once(long_road: Database) -> None:
    with pytest.raises(CannotGenerate, match="The Long Road is here already"):
        check_can_generate(long_road, 10)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_real_newsroom_is_left_as_it_is(app: Flask, database: Database, newsroom: Newsroom) -> None:
    refused = app.test_cli_runner().invoke(demo, args=("--questions", "10"))
    assert refused.exit_code == 1
    assert refused.output.splitlines()[-1] == (
        "Error: There are newsletters here that are not the demo's (steppe): nothing was changed."
    )
    with database.read() as session:
        assert session.scalars(select(Newsletter.slug)).all() == ["steppe"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("number", ["-1", "0", "1000001", "many"])
def test_a_number_that_can_t_be_is_refused(app: Flask, number: str) -> None:
    refused = app.test_cli_runner().invoke(demo, args=("--questions", number))
    assert refused.exit_code == 2
    assert f"'--questions': {number!r} is not" in refused.output or f"'--questions': {number} is not" in refused.output


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_command_is_one_of_flask_s(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READERS_ASKED_ENV", "demo")
    monkeypatch.setenv("DATABASE_URL", database.url)
    assert import_module("wsgi").app.cli.commands["demo"] is demo


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_one_command_fills_a_new_database(app: Flask, database: Database) -> None:
    done = app.test_cli_runner().invoke(demo, args=("--questions", "30"))
    assert done.exit_code == 0, done.output
    with database.read() as session:
        assert set(session.scalars(select(Newsletter.slug))) == {"shift-change", "nafas", SLUG}
        road = by_slug(session, SLUG)
        assert road is not None
        assert session.scalar(select(func.count(Question.id)).filter_by(newsletter_id=road.id)) == 30
    doctor = json.loads(app.test_cli_runner().invoke(args=("doctor", "--json")).stdout)
    faults = {check["name"] for check in doctor["checks"] if check["state"] == "fault"}
    # nobody works there, and it has a time of its own
    assert faults <= {"worker", "trail", "list of erasures", "outgoing mail", "clock"}
    again = app.test_cli_runner().invoke(demo, args=())
    assert (again.exit_code, again.output.splitlines()[-1]) == (
        1, "Error: There is already a newsroom here; nothing was changed."
    )  # fmt: skip
