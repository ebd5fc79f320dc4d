"""An export comes into another installation as it was, or not at all: hostile and damaged files change nothing."""

import hashlib
import io
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZipFile

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.answers import closing, merging_experts
from app.answers.models import Assignment
from app.audit import Event
from app.core.actors import Reader
from app.crypto.seal import Keys
from app.db.engine import Database
from app.db.ids import new_public_id
from app.db.migrate import migrate
from app.editions.models import EditionItem
from app.letters import contacts
from app.letters.blurred_time import truncate_to_day
from app.letters.models import Addition, Letter, ReceiptNote
from app.newsletters.former_names import FormerName
from app.newsletters.models import Newsletter, Topic
from app.people.models import Expert, Membership
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
from tests.support.commands import Installation, open_installation
from tests.support.database_checks import dump_tables
from tests.support.databases import ON_SQLITE, postgres_copy, postgres_url
from tests.support.desk import Desk
from tests.support.desk_people import hire
from tests.support.letters import send_letter
from tests.support.newsletter_exports import export, get_slug, read_records
from tests.support.sample_newsroom import Newsroom, create_coast_newsletter

OTHER_SECRETS = {1: bytes(range(32, 64))}
# Files whose lines have another order, or another hash, in another database: letters have random keys.
REORDERED = ("letters.jsonl", "letters.csv")


@contextmanager
def open_new_database(kind: str, folder: Path, secrets: dict[int, bytes] = OTHER_SECRETS) -> Iterator[Database]:
    """Yield an empty database of another house, with its own keys."""
    if kind == "sqlite":
        url = f"sqlite:///{folder / 'new.db'}"
        migrate(url)
        database = Database(url, Keys(secrets), BASE_URL)
        yield database
        database.close()
        return
    with postgres_copy("template0") as name:
        migrate(postgres_url(name))
        database = Database(postgres_url(name), Keys(secrets), BASE_URL)
        yield database
        database.close()


def save(archive: ZipFile, path: Path) -> Path:
    """Write an archive to a file, member by member."""
    with ZipFile(path, "w", ZIP_DEFLATED) as copy:
        for name in archive.namelist():
            copy.writestr(name, archive.read(name))
    return path


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
    with (
        open_new_database("sqlite", tmp_path, SECRETS) as new,
        open_installation(app, new.url, tmp_path / "erasures") as machine,
    ):
        machine.database = new
        said = machine.run_ok("import", path)
        assert said.splitlines()[0] == (
            "1 experts, 12 editions, 1 questions, 1 assignments, 1 answers, 0 translations, 1 edition items, "
            "0 corrections, 1 letters, 1 people, without readers' contacts"
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
def test_its_own_former_short_name_can_be_its_name_again(
    members: dict[str, bytes], new_house: Installation, tmp_path: Path
) -> None:
    edit_newsletter(former_slugs=[{"slug": "meadow"}])(members)
    sign(members)
    new_house.run_ok("import", write_members(members, tmp_path / "good.zip"), "--short-name", "meadow")
    with new_house.database.read() as session:
        assert session.scalars(select(FormerName.slug)).all() == []


@ON_SQLITE
def test_a_newsletter_gets_another_short_name_where_its_own_is_taken(
    members: dict[str, bytes], new_house: Installation, tmp_path: Path
) -> None:
    path = write_members(members, tmp_path / "good.zip")
    assert "can't be used here" in new_house.run_refused("import", path, "--short-name", "coast")
    new_house.run_ok("import", path, "--short-name", "meadow")
    with new_house.database.read() as session:
        assert session.scalars(select(Newsletter.slug).order_by(Newsletter.id)).all() == ["coast", "meadow"]


@ON_SQLITE
def test_an_archive_that_is_compressed_in_another_way_is_refused(
    members: dict[str, bytes], new_house: Installation, tmp_path: Path
) -> None:
    """Python unpacks bzip2 and LZMA without a bound on what one read gives."""
    path = tmp_path / "bomb.zip"
    with ZipFile(path, "w", ZIP_BZIP2) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    assert "compressed in a way that no export uses" in new_house.run_refused("import", "--check", path)


Change = Callable[[dict[str, bytes]], None]


def edit_records(name: str, change: Callable[[list[Any]], None]) -> Change:
    """Change the records of a file, with its hash in the manifest."""

    def edit(members: dict[str, bytes]) -> None:
        records = [json.loads(line) for line in members[name].splitlines()]
        change(records)
        members[name] = b"".join(json.dumps(record).encode() + b"\n" for record in records)

    return edit


def edit_newsletter(**changes: Any) -> Change:
    def edit(members: dict[str, bytes]) -> None:
        members["newsletter.json"] = json.dumps(json.loads(members["newsletter.json"]) | changes).encode()

    return edit


def edit_manifest(**changes: Any) -> Change:
    def edit(members: dict[str, bytes]) -> None:
        members[MANIFEST] = json.dumps(json.loads(members[MANIFEST]) | changes).encode()

    return edit


def sign(members: dict[str, bytes]) -> None:
    """Write the hashes of all files into the manifest, as somebody would who forges an archive."""
    manifest = json.loads(members[MANIFEST])
    manifest["files"] = {
        name: {"sha256": hashlib.sha256(content).hexdigest()} for name, content in members.items() if name != MANIFEST
    }
    members[MANIFEST] = json.dumps(manifest).encode()


# What is changed in a good archive, and what the command says about it.
REFUSED: dict[str, tuple[Change, str]] = {
    "newer schema": (edit_manifest(schema_version=2), "version 2 of the schema"),
    "not ours": (edit_manifest(format="zip"), "no export of Readers Asked"),
    "no manifest": (lambda members: members.pop(MANIFEST) and None, "it has no manifest.json"),
    "missing file": (lambda members: members.pop("answers.jsonl") and None, "no answers.jsonl"),
    "path traversal": (lambda members: members.update({"../../etc/cron.d/evil": b"x"}), "a file that no export has"),
    "absolute path": (lambda members: members.update({"/etc/passwd": b"x"}), "a file that no export has"),
    "bomb": (lambda members: members.update({"letters.csv": bytes(200 << 20)}), "unpacks to far more"),
    "no JSON": (lambda members: members.update({"letters.jsonl": b"{\n"}), "letters.jsonl is damaged"),
    "deep JSON": (lambda members: members.update({"letters.jsonl": b"[" * 200_000 + b"\n"}), "letters.jsonl is damaged"),
    "not a number": (lambda members: members.update({"letters.jsonl": b'{"id": NaN}\n'}), "letters.jsonl is damaged"),
    "unknown field": (edit_records("letters.jsonl", lambda records: records[0].update(secret=1)), "unknown field 'secret'"),
    "missing field": (edit_records("letters.jsonl", lambda records: records[0].pop("body")), "field body is missing"),
    "unknown state": (edit_records("letters.jsonl", lambda records: records[0].update(state="lost")), "unusable value: 'lost'"),
    "NUL": (edit_records("letters.jsonl", lambda records: records[0].update(body="a\0b")), "field body has an unusable"),
    "half a character": (edit_records("letters.jsonl", lambda records: records[0].update(body="\ud800")), "field body has"),
    "contacts by stealth": (
        edit_records("letters.jsonl", lambda records: records[0].update(contact={"email": "a@b.example"})),
        "unknown field 'contact'",
    ),
    "one id twice": (edit_records("letters.jsonl", lambda records: records.append(records[0])), "two records with one id"),
    "dangling reference": (
        edit_records("letters.jsonl", lambda records: records[0].update(question="0" * 12)),
        "question names '000000000000', which isn't in the archive",
    ),
    "contradiction": (
        edit_records("letters.jsonl", lambda records: records[0].update(state="held", held_reason=None)),
        "contradict",
    ),
    "changed Q&A": (
        edit_records("edition_items.jsonl", lambda records: records[0].update(output="Forged.")),
        "was changed after it was locked",
    ),
    "no language": (
        edit_records("letters.jsonl", lambda records: records[0].update(language="<script>")),
        "'<script>' is no language",
    ),
    "script in a setting": (edit_newsletter(leave_to="javascript:alert(1)"), "unusable values: leave_to"),
    "no rhythm": (edit_newsletter(rule="FREQ=SECONDLY"), "unusable values: rule"),
    "a short name of ours": (edit_newsletter(slug="desk"), "The short name 'desk' can't be used here"),
}  # fmt: skip


@pytest.fixture
def members(database: Database, salt: ExpertAssignment) -> dict[str, bytes]:
    """The files of a good archive, with something in each."""
    salt.send()
    salt.approve()
    salt.publish()
    archive = export(database)
    return {name: archive.read(name) for name in archive.namelist()}


def write_members(members: dict[str, bytes], path: Path) -> Path:
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.fixture
def new_house(app: Flask, tmp_path: Path) -> Iterator[Installation]:
    """Another installation, with a newsletter of its own, The Coast."""
    with (
        open_new_database("sqlite", tmp_path) as database,
        open_installation(app, database.url, tmp_path / "erasures") as machine,
    ):
        database.write(lambda session: create_coast_newsletter(session) and None)
        yield machine


@ON_SQLITE
def test_unusable_archives_change_nothing(members: dict[str, bytes], new_house: Installation, tmp_path: Path) -> None:
    before = dump_tables(new_house.database)
    for name, (change, message) in REFUSED.items():
        changed = dict(members)
        change(changed)
        if MANIFEST in changed:
            sign(changed)
        said = new_house.run_refused("import", write_members(changed, tmp_path / "changed.zip"))
        assert message in said and said.endswith("Nothing was imported.\n"), (name, said)
        assert dump_tables(new_house.database) == before, name
    new_house.run_ok("import", write_members(members, tmp_path / "good.zip"))


@ON_SQLITE
def test_damaged_archives_change_nothing(members: dict[str, bytes], new_house: Installation, tmp_path: Path) -> None:
    before = dump_tables(new_house.database)
    good = write_members(members, tmp_path / "good.zip").read_bytes()
    path = tmp_path / "damaged.zip"
    for cut in (0, 10, len(good) // 2, len(good) - 1):
        path.write_bytes(good[:cut])
        assert "Nothing was imported." in new_house.run_refused("import", path)
    changed = {**members, "letters.csv": b"other"}  # not what the manifest says
    assert "letters.csv is damaged" in new_house.run_refused("import", write_members(changed, path))
    refused = 0
    for place in range(100, len(good), len(good) // 12):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :])
        result = new_house.run("import", "--check", path)
        # A byte may say nothing, such as one of a time in the list of files.
        refused += result.exit_code != 0 and "Nothing was imported." in result.output
    assert refused >= 9
    assert dump_tables(new_house.database) == before


@ON_SQLITE
def test_a_second_import_is_refused(members: dict[str, bytes], new_house: Installation, tmp_path: Path) -> None:
    path = write_members(members, tmp_path / "good.zip")
    assert "without readers' contacts" in new_house.run_ok("import", path, "--check")
    new_house.run_ok("import", path)
    before = dump_tables(new_house.database)
    assert "The short name 'steppe' can't be used here" in new_house.run_refused("import", path)
    assert dump_tables(new_house.database) == before


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
