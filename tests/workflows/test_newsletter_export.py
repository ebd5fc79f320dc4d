"""A newsletter as one file: all that its desk knows, nothing that only this house may know, and little memory."""

import io
import json
import re
import shutil
import sqlite3
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import jsonschema
import pytest
from sqlalchemy import LargeBinary, String, Text, select, update

from app.core.actors import Reader
from app.crypto.seal import Keys
from app.db.constraints import list_known_values
from app.db.declarative import Base
from app.db.engine import Database
from app.editions.models import Edition, EditionItem
from app.letters import receive
from app.letters.models import Letter
from app.newsletters.models import Newsletter
from app.questions.models import Question, QuestionText
from app.workflows.letters import withdrawal
from app.workflows.transfer import export_archive, record_kinds
from app.workflows.transfer.export_records import format_cell
from app.workflows.transfer.record_kinds import KINDS, LEFT_OUT_TABLES, iter_kinds
from app.workflows.transfer.record_shapes import build_json_schema, find_faults, get_shapes
from tests.support.app import BASE_URL, SECRETS
from tests.support.assignments import TIMURS_LETTER, ExpertAssignment
from tests.support.letters import send_letter
from tests.support.newsletter_exports import export, get_slug, read_all, read_records
from tests.support.sample_newsroom import Newsroom
from tests.support.source import ROOT


@pytest.fixture
def year(sqlite_year: Path, tmp_path: Path) -> Iterator[Database]:
    """The demo newsroom with its year."""
    database = Database(f"sqlite:///{shutil.copy(sqlite_year, tmp_path / 'year.db')}", Keys(SECRETS), BASE_URL)
    yield database
    database.close()


def test_each_column_is_in_a_file_or_left_out_for_a_reason() -> None:
    named: dict[str, set[str]] = {}
    for _path, kind in iter_kinds():
        columns = named.setdefault(kind.table.name, set(record_kinds.KEYS))
        columns |= {*kind.fields, *kind.left_out, kind.parent}
        columns |= {reference.column for reference in kind.references.values()}
        columns |= {column for column, _context in kind.sealed.values()}
        if kind.embedded:
            columns.add(kind.embedded.column)
    missing = {
        f"{name}.{column}"
        for name, table in Base.metadata.tables.items()
        if name not in LEFT_OUT_TABLES
        for column in {*table.c.keys()} - named.get(name, set())
    }
    assert missing == set(), "name it in app/workflows/transfer/record_kinds.py: in `fields`, or in `left_out` with why"
    assert LEFT_OUT_TABLES.keys() <= Base.metadata.tables.keys() and not LEFT_OUT_TABLES.keys() & named.keys()


def test_the_schema_is_published_as_the_code_has_it() -> None:
    published = (ROOT / "app/static/newsletter.schema.json").read_text()
    assert published == export_archive.dump_json(build_json_schema()).decode(), "write it anew from `build_json_schema`"


def test_the_docs_name_each_file_and_field() -> None:
    docs = (ROOT / "docs/exports.md").read_text()
    missing = [
        path
        for path, kind in iter_kinds()
        if f"| `{path}` | " + ", ".join(f"`{name}`" for name in get_shapes(kind)) + " |" not in docs
    ]
    assert missing == [], "docs/exports.md has other fields for these"


@pytest.mark.parametrize("with_contacts", [False, True])
def test_each_record_of_a_year_fits_the_schema(year: Database, with_contacts: bool) -> None:
    archive = export(year, get_slug(year), with_contacts=with_contacts)
    schema = json.loads(archive.read("schema.json"))
    jsonschema.Draft202012Validator.check_schema(schema)
    records = read_records(archive)
    for kind in KINDS:
        validator = jsonschema.Draft202012Validator(
            {"$defs": schema["$defs"], "$ref": f"#/$defs/{kind.name}"}, format_checker=jsonschema.FormatChecker()
        )
        for record in records[kind.name]:
            validator.validate(record)
            assert list(find_faults(kind, record, with_contacts)) == []
    assert min(len(records[name]) for name in ("questions", "answers", "editions", "letters", "people")) > 0
    assert archive.testzip() is None


def test_a_record_with_anything_else_fits_neither_schema_nor_check(year: Database) -> None:
    letter = read_records(export(year, get_slug(year)))["letters"][0]
    schema = build_json_schema()
    validator = jsonschema.Draft202012Validator({"$defs": schema["$defs"], "$ref": "#/$defs/letters"})
    for change in (
        {"secret": 1}, {"state": "lost"}, {"verbatim": "no"}, {"body": 7}, {"id": "o"}, {"received_at": 5}, {"additions": [{}]},
    ):  # fmt: skip
        assert not validator.is_valid(letter | change), change
        assert list(find_faults(record_kinds.LETTERS, letter | change, with_contacts=False)) != [], change


def test_an_archive_says_what_is_in_it_and_has_editions_as_they_ran(year: Database) -> None:
    archive = export(year, get_slug(year))
    names = archive.namelist()
    assert names[0] == "README.txt" and names[-1] == "manifest.json"
    editions = [record for record in read_records(archive)["editions"] if record["state"] == "sent"]
    assert {f"editions/{record['rule_date']}.{ending}" for record in editions for ending in ("md", "html")} == {
        name for name in names if name.startswith("editions/")
    }
    newest = editions[-1]
    item = next(item for item in read_records(archive)["edition_items"] if item["edition"] == newest["id"])
    assert item["input"]["piece"]["headline"] in archive.read(f"editions/{newest['rule_date']}.md").decode()
    assert archive.read(f"editions/{newest['rule_date']}.html").startswith(b"<!doctype html>\n<html lang=")


def test_the_same_newsroom_gives_the_same_bytes(year: Database) -> None:
    first, second = (export(year, get_slug(year)) for _ in range(2))
    assert [(info.filename, info.CRC) for info in first.infolist()] == [
        (info.filename, info.CRC) for info in second.infolist()
    ]


@pytest.mark.threat("rogue admin")
def test_readers_contacts_are_in_it_only_on_request(database: Database, salt: ExpertAssignment) -> None:
    without, with_contacts = export(database), export(database, with_contacts=True)
    said = read_all(without)
    assert [word for word in ("timur@post", "Timur", "Aliev", "Nukus", "Print my name") if word in said] == []
    assert "READERS' CONTACTS ARE NOT IN IT" in said
    [letter] = [record for record in read_records(with_contacts)["letters"] if record["author"] == "reader"]
    assert letter["contact"]["email"] == "timur@post.example"
    assert (letter["credit"]["name"], letter["credit"]["place"]) == ("Timur Aliev", "Nukus")
    assert letter["credit"]["consent_text"] == "Print my name and town."
    assert letter["body"] == TIMURS_LETTER.body
    assert "leyla@field.example" not in said + read_all(with_contacts)


def test_a_letter_without_an_address_has_a_day_and_no_time(database: Database, newsroom: Newsroom) -> None:
    for number in range(3):
        send_letter(database, newsroom, f"How deep is well {number}?")
    send_letter(database, newsroom, "How deep is the last well?", hear_back="once", email="dina@post.example")
    letters = read_records(export(database, with_contacts=True))["letters"]
    for letter in letters:
        moments = [letter["received_at"], letter["state_at"]]
        if "last" in letter["body"]:
            assert [re.fullmatch(r"[\d-]{10}T[\d:]{8}\+00:00", moment) is not None for moment in moments] == [
                True,
                True,
            ]
        else:
            assert [re.fullmatch(r"[\d-]{10}", moment) is not None for moment in moments] == [True, True]


def test_what_was_erased_stays_erased(database: Database, newsroom: Newsroom) -> None:
    public_id = send_letter(
        database, newsroom, "Who poisoned the old well?", hear_back="once", email="dina@post.example"
    )

    def take_back(session: Any) -> None:
        letter = session.scalars(select(Letter).filter_by(public_id=public_id)).one()
        withdrawal.withdraw(session, Reader(letter.id), letter)

    database.write(take_back)
    archive = export(database, with_contacts=True)
    assert "old well" not in read_all(archive) and "dina" not in read_all(archive)
    [letter] = read_records(archive)["letters"]
    assert (letter["id"], letter["body"], letter["state"], "contact" in letter) == (public_id, None, "withdrawn", False)


def test_an_export_is_of_one_moment(database: Database, salt: ExpertAssignment) -> None:
    with database.read() as session:
        export_archive.begin_snapshot(session)
        newsletter = session.scalars(select(Newsletter)).one()
        chunks = export_archive.stream_archive(session, newsletter, with_contacts=False)
        builder_reads = export_archive.count_steps(session, newsletter)
        send_letter(database, salt.newsroom, "What came meanwhile?")
        said = read_all(ZipFile(io.BytesIO(b"".join(chunks))))
    assert builder_reads > 0 and "What came meanwhile?" not in said
    assert "What came meanwhile?" in read_all(export(database))


def test_cells_are_no_formulas(database: Database, newsroom: Newsroom) -> None:
    send_letter(database, newsroom, '=HYPERLINK("https://evil.example")')
    assert "\"'=HYPERLINK(" in export(database).read("letters.csv").decode()


# What a row of a table has where nothing else is needed, by type; SQLite takes it without its constraints.
PLANTS_OF_STRUCTURE = (
    "public_id",
    "language",
    "zone",
    "rule",
    "slug",
    "local_at",
    "at",
    "state",
    "by",
    "filed_as",
    "channel",
)


def plant(path: Path) -> tuple[set[str], dict[str, str]]:
    """Plant a value in every text and every sealed or hashed column. Gives what may be in an export, and what may not."""
    exported = {
        (kind.table.name, name) for _path, kind in iter_kinds() if not kind.is_contact for name in kind.fields
    } | {("people", "name")}
    allowed, forbidden = set(), {}
    keys = Keys(SECRETS)
    with sqlite3.connect(path) as file:
        file.executescript("PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF;")
        for table in Base.metadata.sorted_tables:
            in_export = any(kind.table is table for _path, kind in iter_kinds())
            values: dict[str, Any] = {}
            for column in table.c:
                value = f"PLANT {table.name} {column.name} END"
                is_structure = column.name in PLANTS_OF_STRUCTURE or list_known_values(table, column.name)
                if isinstance(column.type, LargeBinary):
                    values[column.name] = value.encode()
                elif (
                    isinstance(column.type, String | Text)
                    and not (in_export and is_structure)
                    and not column.foreign_keys
                ):
                    values[column.name] = value
            if in_export:
                values = {name: value for name, value in values.items() if not isinstance(value, bytes)}
                for name, value in values.items():
                    changed = file.execute(f"UPDATE OR IGNORE {table.name} SET {name} = ?", (value,)).rowcount
                    if (table.name, name) in exported and changed:
                        allowed.add(value)
                    elif (table.name, name) not in exported:
                        forbidden[f"{table.name}.{name}"] = value
                continue
            for column in table.c:
                if column.name not in values and not (column.primary_key and column.name == "id"):
                    values[column.name] = "[]" if "JSON" in str(column.type) else 1
            columns = ", ".join(f'"{name}"' for name in values)
            marks = ", ".join("?" for _ in values)
            file.execute(f"INSERT OR REPLACE INTO {table.name} ({columns}) VALUES ({marks})", [*values.values()])
            for name, value in values.items():
                if str(value).startswith(("PLANT", "b'PLANT")):
                    forbidden[f"{table.name}.{name}"] = value.decode() if isinstance(value, bytes) else value
        [(letter_id, public_id)] = file.execute("SELECT id, public_id FROM letters ORDER BY id DESC LIMIT 1").fetchall()
        for column, text in (("email_sealed", "PLANT contact END"),):
            sealed = keys.seal(f"contacts.email.{public_id}", text)
            file.execute("DELETE FROM contacts WHERE letter_id = ?", (letter_id,))
            file.execute(
                f"INSERT INTO contacts (letter_id, hear_back, {column}, key_no, erase_on) VALUES (?, 'once', ?, 1, '2099-01-01')",
                (letter_id, sealed),
            )
            forbidden["contacts.email"] = text
        sealed_name = keys.seal(f"credits.name.{public_id}", "PLANT name END")
        file.execute("DELETE FROM credits WHERE letter_id = ?", (letter_id,))
        file.execute(
            "INSERT INTO credits (letter_id, choice, name_sealed, key_no) VALUES (?, 'full', ?, 1)",
            (letter_id, sealed_name),
        )
        forbidden["credits.name"] = "PLANT name END"
    return allowed, forbidden


@pytest.mark.threat("rogue admin")
def test_nothing_leaks_from_any_column(sqlite_year: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(sqlite_year, tmp_path / "planted.db"))
    database = Database(f"sqlite:///{path}", Keys(SECRETS), BASE_URL)
    slug = get_slug(database)
    database.close()
    allowed, forbidden = plant(path)
    archive = export(database, slug)
    found = set(re.findall(r"PLANT [^\"]*? END", read_all(archive)))
    leaks = {where: value for where, value in forbidden.items() if value in found}
    assert leaks == {} and len(forbidden) > 100
    assert found == allowed
    contact_leaks = set(re.findall(r"PLANT \w+ END", read_all(export(database, slug, with_contacts=True))))
    assert contact_leaks == {"PLANT contact END", "PLANT name END"}
    database.close()


def measure_peak(database: Database) -> int:
    """The most memory, in bytes, that an export took at once while its bytes were thrown away."""
    tracemalloc.start()
    with database.read() as session:
        newsletter = session.scalars(select(Newsletter)).one()
        for _chunk in export_archive.stream_archive(session, newsletter, with_contacts=True):
            pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_many_letters_take_no_more_memory_than_few(database: Database, newsroom: Newsroom) -> None:
    def send(session: Any, numbers: range) -> None:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        for number in numbers:
            wish = receive.Submission(f"{number} " + "Why is the well salt? " * 80, language="en")
            receive.send(session, Reader(), newsletter, wish, form=receive.FormToken(f"well {number}", 1))

    database.write(lambda session: send(session, range(400)))
    few = measure_peak(database)
    database.write(lambda session: send(session, range(400, 2400)))
    assert measure_peak(database) - few < 1_500_000 < 2000 * 80 * len("Why is the well salt? ")


def name_a_reader(session: Any, slug: str) -> EditionItem:
    """Let the first Q&A that ran in a newsletter name a reader."""
    items = select(EditionItem).join(Edition, Edition.id == EditionItem.edition_id).join(Newsletter)
    item = session.scalars(items.where(Newsletter.slug == slug).order_by(EditionItem.id)).first()
    session.execute(update(EditionItem).where(EditionItem.id == item.id).values(credits=["Timur, Osh"]))
    return item  # type: ignore[no-any-return]


def unsend(session: Any, item: EditionItem) -> None:
    session.execute(update(Edition).where(Edition.id == item.edition_id).values(state="locked", sent_at=None))


def take_down(session: Any, item: EditionItem) -> None:
    session.execute(update(Question).where(Question.id == item.question_id).values(state="retracted"))


@pytest.mark.parametrize("hide", [unsend, take_down], ids=["locked but not run yet", "taken down"])
def test_names_that_no_page_shows_are_contacts(year: Database, hide: Callable[[Any, EditionItem], None]) -> None:
    slug = get_slug(year)
    year.write(lambda session: hide(session, name_a_reader(session, slug)))
    assert "Timur, Osh" not in read_all(export(year, slug))
    assert "Timur, Osh" in read_all(export(year, slug, with_contacts=True))


def test_a_reader_without_a_name_is_an_empty_cell() -> None:
    assert format_cell([None, "Timur, Osh"]) == ", Timur, Osh"


def test_the_erasure_of_a_wording_has_a_day_and_no_time(database: Database, salt: ExpertAssignment) -> None:
    """A reader who takes a question back erases a wording in their own words."""
    erased_at = datetime(2026, 11, 2, 13, 37, 12, 345678, tzinfo=UTC)
    erase = update(QuestionText).values(erased_at=erased_at, headline="", body=None, background="", slug="")
    database.write(lambda session: session.execute(erase) and None)
    [question] = read_records(export(database, with_contacts=True))["questions"]
    assert {wording["erased_at"] for wording in question["wordings"]} == {"2026-11-02"}


def test_versions_name_who_wrote_them_by_records(database: Database, salt: ExpertAssignment) -> None:
    salt.send()
    salt.edit()
    records = read_records(export(database))
    [leyla], [nora] = records["experts"], records["people"]
    assert (leyla["name"], nora["name"]) == ("Leyla Aydın", "Nora Lind")
    [answer] = records["answers"]
    assert [version["by"] for version in answer["versions"]] == [f"expert:{leyla['id']}", f"staff:{nora['id']}"]
    assert (answer["version"], answer["expert"]) == ("en.2", leyla["id"])
