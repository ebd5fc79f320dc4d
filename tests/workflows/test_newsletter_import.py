"""An export comes into another installation as it was, and brings nothing back that was erased there."""

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.answers import closing, merging_experts
from app.answers.models import Assignment
from app.audit import Event
from app.core.actors import Reader
from app.crypto.seal import Keys
from app.db.engine import Database
from app.db.ids import new_public_id
from app.editions.models import Edition, EditionItem
from app.letters import contacts
from app.letters.blurred_time import truncate_to_day
from app.letters.models import Addition, Letter, ReceiptNote
from app.newsletters.models import Newsletter, Topic
from app.people.models import Expert, Membership, Person
from app.questions import actions, notes
from app.questions.models import Question, QuestionTopic, Translation
from app.workflows.letters import withdrawal
from app.workflows.publishing import after_sending
from app.workflows.retention import erase_people
from app.workflows.transfer.archive_reader import ArchiveReader
from app.workflows.transfer.export_archive import MANIFEST
from app.workflows.transfer.import_archive import import_newsletter
from app.workflows.transfer.record_kinds import KINDS
from tests.support.app import BASE_URL, SECRETS
from tests.support.assignments import ExpertAssignment
from tests.support.commands import open_installation
from tests.support.database_checks import dump_tables
from tests.support.databases import ON_SQLITE, postgres_url
from tests.support.desk import Desk
from tests.support.desk_people import hire
from tests.support.letters import send_letter
from tests.support.newsletter_exports import export, get_slug, open_new_database, read_records, save
from tests.support.sample_newsroom import Newsroom

# Files whose lines have another order, or another hash, in another database: letters have random keys.
REORDERED = ("letters.jsonl", "letters.csv")


def bring(database: Database, path: Path) -> None:
    with ArchiveReader(path) as reader:
        reader.check()
        database.write(lambda session: import_newsletter(session, reader) and None)


def compare(first: ZipFile, second: ZipFile) -> list[str]:
    """The files in which two archives differ."""
    assert first.namelist() == second.namelist()
    differing = []
    for name in first.namelist():
        contents = first.read(name), second.read(name)
        if name in REORDERED:
            contents = tuple(sorted(content.splitlines()) for content in contents)
        if contents[0] != contents[1] and name != MANIFEST:
            differing.append(name)
    return differing


@pytest.mark.parametrize(("source", "target"), [("sqlite", "postgresql"), ("postgresql", "sqlite")])
def test_a_year_moves_to_another_kind_of_database_and_is_the_same(
    request: pytest.FixtureRequest, tmp_path: Path, source: str, target: str
) -> None:
    if source == "sqlite":
        url = f"sqlite:///{shutil.copy(request.getfixturevalue('sqlite_year'), tmp_path / 'year.db')}"
    else:
        url = postgres_url(request.getfixturevalue("postgres_year"))
    year = Database(url, Keys(SECRETS), BASE_URL)
    slug = get_slug(year)
    archive = export(year, slug, with_contacts=True)
    with open_new_database(target, tmp_path) as database:
        bring(database, save(archive, tmp_path / "year.zip"))
        assert compare(archive, export(database, slug, with_contacts=True)) == []
    year.close()


@ON_SQLITE
def test_all_that_a_desk_has_comes_along(database: Database, salt: ExpertAssignment, tmp_path: Path) -> None:
    newsroom = salt.newsroom
    salt.send()
    salt.edit()
    salt.send_to_check()
    salt.approve()
    salt.publish()

    def do_more(session: Session) -> None:
        question = session.get_one(Question, salt.question_id)
        text = after_sending.get_published_text(session.scalars(select(EditionItem)).one())
        note = after_sending.CorrectionNote("It said 2009.", "It was 2010.")
        after_sending.correct(session, newsroom.nora, question, text, note)
        other = actions.open_question(session, newsroom.nora, [], headline="Salt", body="Who weighs it?", language="en")
        notes.note(session, newsroom.nora, other, "Leyla may know.")
        lead = actions.open_question(session, newsroom.nora, [], headline="Weight", body="Who weighs?", language="en")
        closing.merge_question(session, newsroom.nora, other, lead)
        letter = session.scalars(select(Letter)).one()
        day = truncate_to_day(letter.received_at)
        first, second = (Addition(letter_id=letter.id, body=f"And well {number}?", added_at=day) for number in (1, 2))
        session.add_all([first, second])
        session.flush()
        left_by = newsroom.nora.person_id
        session.add(
            ReceiptNote(letter_id=letter.id, body="Which?", left_by_id=left_by, left_at=day, addition_id=second.id)
        )
        topic = Topic(newsletter_id=newsroom.newsletter_id, slug="salt", name="Salt")
        session.add(topic)
        session.flush()
        session.add(QuestionTopic(question_id=question.id, topic_id=topic.id))
        texts = {"language": "ru", "written_at": day, "newsletter_id": newsroom.newsletter_id, "state_at": day}
        approved = {"state": "approved", "approved_by_id": left_by, "question_id": question.id}
        answer = salt.answer(session)
        session.add(Translation(of_question_text_id=question.text_id, body="Кто взвешивает соль?", **texts, **approved))
        session.add(
            Translation(answer_id=answer.id, of_answer_text_id=answer.text_id, body="Никто.", **texts, **approved)
        )

    database.write(do_more)
    archive = export(database, with_contacts=True)
    with open_new_database("sqlite", tmp_path) as new:
        bring(new, save(archive, tmp_path / "steppe.zip"))
        assert compare(archive, export(new, with_contacts=True)) == []
        records = read_records(archive)
        assert {name: len(kind_records) for name, kind_records in records.items() if name != "editions"} == {
            "newsletter": 1, "experts": 1, "questions": 3, "assignments": 1, "answers": 1, "translations": 2,
            "edition_items": 1, "corrections": 1, "letters": 1, "people": 1,
        }  # fmt: skip
        [letter_record] = records["letters"]
        assert [note["answered_in"] for note in letter_record["notes"]] == ["2"]
        assert sorted(question["merged_into"] is None for question in records["questions"]) == [False, True, True]
        with new.read() as session:
            letter = session.scalars(select(Letter).where(Letter.body.contains("Zarina"))).one()
            assert contacts.email_of(session, letter) == "timur@post.example"
            assert contacts.get_credit_name(session, letter) == "Timur Aliev, Nukus"
            assert letter.receipt_mac is None and letter.form_mac is None
            assert session.scalars(select(Membership)).all() == []
            assert [event.action for event in session.scalars(select(Event))] == ["newsletter.arrive"]


@ON_SQLITE
def test_without_contacts_nobody_is_written_to(database: Database, salt: ExpertAssignment, tmp_path: Path) -> None:
    with open_new_database("sqlite", tmp_path) as new:
        bring(new, save(export(database), tmp_path / "steppe.zip"))
        assert compare(export(database), export(new)) == []
        with new.read() as session:
            letter = session.scalars(select(Letter)).one()
            assert contacts.email_of(session, letter) is None and contacts.get_credit_name(session, letter) is None


@ON_SQLITE
def test_the_desk_and_readers_find_all_of_it(
    app: Flask, database: Database, salt: ExpertAssignment, tmp_path: Path
) -> None:
    salt.send()
    salt.approve()
    salt.publish()
    path = save(export(database), tmp_path / "steppe.zip")
    with database.read() as session:
        edition_count = session.scalar(select(func.count(Edition.id)))  # the months ahead have eleven or twelve
    with (
        open_new_database("sqlite", tmp_path, SECRETS) as new,
        open_installation(app, new.url, tmp_path / "erasures") as machine,
    ):
        machine.database = new
        said = machine.run_ok("import", path)
        assert said.splitlines()[0] == (
            f"1 expert, {edition_count} editions, 1 question, 1 assignment, 1 answer, 0 translations, "
            "1 edition item, 0 corrections, 1 letter, 1 person, without readers' contacts"
        )
        assert "readers-asked staff invite ADDRESS --name NAME --newsletter steppe --role admin" in said
        previous, app.extensions["database"] = app.extensions["database"], new
        try:
            with new.read() as session:
                newsletter_id = session.scalars(select(Newsletter.id)).one()
            nora = Desk(app, new.write(lambda session: hire(session, newsletter_id, "Nora", "n@new.example", "editor")))
            for page in (
                "",
                "letters?state=all",
                "questions?state=all",
                "editions",
                "experts",
                "settings",
                "trail",
                "archive",
                "insights",
            ):
                assert nora.open(page).status_code == 200, page
            with new.read() as session:
                question = session.scalars(select(Question)).one().public_id
                letter = session.scalars(select(Letter)).first()
            assert "The Salt Wind" in nora.get_text(f"questions/{question}")
            assert letter is not None and "Zarina" in nora.get_text(f"letters/{letter.public_id}")
            assert "The Salt Wind" in app.test_client().get("/steppe/", base_url="https://localhost").text
        finally:
            app.extensions["database"] = previous


@ON_SQLITE
def test_what_was_erased_here_does_not_come_back(
    app: Flask, database: Database, newsroom: Newsroom, tmp_path: Path
) -> None:
    """A newsletter that left is brought back from an older file, though a reader has taken a question back since."""
    public_id = send_letter(
        database, newsroom, "Who poisoned the old well?", hear_back="once", email="dina@post.example"
    )
    path = save(export(database, with_contacts=True), tmp_path / "steppe.zip")

    def take_back(session: Session) -> None:
        letter = session.scalars(select(Letter).filter_by(public_id=public_id)).one()
        withdrawal.withdraw(session, Reader(letter.id), letter)

    database.write(take_back)
    before = dump_tables(database)
    with open_installation(app, database.url, tmp_path / "erasures") as machine:
        said = machine.run_refused("import", path, "--short-name", "meadow")
    assert f"letters.jsonl: {public_id} is here already" in said
    assert dump_tables(database) == before


def _forget_where_it_was(session: Session, salt: ExpertAssignment) -> Expert:
    """Let the newsletter of an archive be unknown here, but not its expert."""
    session.get_one(Newsletter, salt.newsroom.newsletter_id).slug = "coast"
    for model in (Letter, Question):
        for row in session.scalars(select(model)):
            row.public_id = new_public_id()
    return session.get_one(Assignment, salt.assignment_id).expert


@ON_SQLITE
def test_an_expert_who_is_here_already_is_not_doubled(
    database: Database, salt: ExpertAssignment, tmp_path: Path
) -> None:
    path = save(export(database), tmp_path / "steppe.zip")
    expert_id = database.write(lambda session: _forget_where_it_was(session, salt).id)
    with database.read() as session:
        count = session.scalar(select(func.count()).select_from(Expert))
    bring(database, path)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Expert)) == count
        assert session.scalars(select(Assignment.expert_id)).all() == [expert_id] * 2


@ON_SQLITE
def test_an_expert_who_was_erased_here_does_not_come_back(
    app: Flask, database: Database, salt: ExpertAssignment, tmp_path: Path
) -> None:
    path = save(export(database), tmp_path / "steppe.zip")

    def erase(session: Session) -> str:
        expert = _forget_where_it_was(session, salt)
        erase_people.forget_expert(session, expert)
        return expert.public_id

    public_id = database.write(erase)
    before = dump_tables(database)
    with open_installation(app, database.url, tmp_path / "erasures") as machine:
        assert f"experts.jsonl: {public_id} was erased here" in machine.run_refused("import", path)
    assert dump_tables(database) == before


def _erase_nora(session: Session, salt: ExpertAssignment) -> str:
    nora = session.get_one(Person, salt.newsroom.nora.person_id)
    erase_people.forget_colleague(session, nora)
    return nora.public_id


@ON_SQLITE
def test_a_colleague_who_was_erased_in_both_houses_stops_no_import(
    database: Database, salt: ExpertAssignment, tmp_path: Path
) -> None:
    database.write(lambda session: _erase_nora(session, salt) and None)
    path = save(export(database), tmp_path / "steppe.zip")
    database.write(lambda session: _forget_where_it_was(session, salt) and None)
    with database.read() as session:
        people = session.execute(select(Person.public_id, Person.name).order_by(Person.id)).all()
    bring(database, path)
    with database.read() as session:
        assert session.execute(select(Person.public_id, Person.name).order_by(Person.id)).all() == people


@ON_SQLITE
def test_a_colleague_who_was_erased_here_does_not_come_back(
    app: Flask, database: Database, salt: ExpertAssignment, tmp_path: Path
) -> None:
    path = save(export(database), tmp_path / "steppe.zip")
    database.write(lambda session: _forget_where_it_was(session, salt) and None)
    public_id = database.write(lambda session: _erase_nora(session, salt))
    before = dump_tables(database)
    with open_installation(app, database.url, tmp_path / "erasures") as machine:
        assert f"people.jsonl: {public_id} was erased here" in machine.run_refused("import", path)
    assert dump_tables(database) == before


def merge_into_marek(session: Session, newsroom: Newsroom, leyla: Expert) -> None:
    merging_experts.merge(session, newsroom.nora, leyla, session.get_one(Expert, newsroom.marek.expert_id))


def erase(session: Session, newsroom: Newsroom, leyla: Expert) -> None:
    erase_people.forget_expert(session, leyla)


@ON_SQLITE
@pytest.mark.parametrize("change", [merge_into_marek, erase], ids=["merged", "erased"])
def test_a_newsletter_moves_after_its_expert_was(
    database: Database, salt: ExpertAssignment, tmp_path: Path, change: Callable[[Session, Newsroom, Expert], None]
) -> None:
    salt.send()
    leyla_id = salt.newsroom.leyla.expert_id
    database.write(lambda session: change(session, salt.newsroom, session.get_one(Expert, leyla_id)))
    archive = export(database)
    with open_new_database("sqlite", tmp_path, SECRETS) as new:
        bring(new, save(archive, tmp_path / "steppe.zip"))
        assert compare(archive, export(new)) == []


@ON_SQLITE
def test_readers_contacts_stay_where_the_trail_cannot_note_their_export(
    app: Flask, database: Database, salt: ExpertAssignment, tmp_path: Path
) -> None:
    path = tmp_path / "steppe.zip"
    database.write(lambda session: session.execute(text("DROP TABLE audit")) and None)
    with open_installation(app, database.url, tmp_path / "erasures") as machine:
        said = machine.run_refused("export", "steppe", path, "--with-readers-contacts")
    assert "The database reported an error" in said and said.endswith("Nothing was written.\n")
    assert not path.exists()


@ON_SQLITE
def test_the_command_exports_what_it_imports(
    app: Flask, database: Database, salt: ExpertAssignment, tmp_path: Path
) -> None:
    with open_installation(app, database.url, tmp_path / "erasures") as machine:
        path = tmp_path / "steppe.zip"
        assert "without readers' contacts" in machine.run_ok("export", "steppe", path)
        assert path.stat().st_mode & 0o777 == 0o600
        assert "already exists" in machine.run_refused("export", "steppe", path)
        said = machine.run_ok("export", "steppe", path, "--replace", "--with-readers-contacts")
        assert "with readers' contacts, in plain text" in said
        with machine.database.read() as session:
            events = select(Event.action).where(Event.action.like("newsletter.export%"))
            assert session.scalars(events).all() == ["newsletter.export_contacts"]
        assert "no newsletter is called coast (known: steppe)" in machine.run_refused("export", "coast", tmp_path / "x")
        assert (
            read_records(ZipFile(io.BytesIO(path.read_bytes())))["letters"][0]["contact"]["email"]
            == "timur@post.example"
        )
    assert {kind.path for kind in KINDS} <= set(ZipFile(path).namelist())
