"""What programs read: each record in its schema, each list to its end, as an export has it, and nothing of readers' contacts."""

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import jsonschema
import pytest
from flask import Flask
from jinja2 import FileSystemBytecodeCache
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.api.openapi import build_document, list_operations
from app.api.resources import RESOURCES
from app.core.clock import utc_now
from app.crypto.seal import Keys
from app.db.engine import Database
from app.editions.models import Correction
from app.letters import receipts
from app.letters.models import Letter
from app.newsletters.models import Newsletter
from app.questions.models import Question, Translation
from app.workflows.letters import withdrawal
from app.workflows.transfer.record_kinds import PEOPLE
from tests.support.api_calls import Program, create_token, release_letters
from tests.support.app import BASE_URL, SECRETS, open_app
from tests.support.database_checks import count_queries
from tests.support.databases import postgres_copy, postgres_url
from tests.support.desk import Desk
from tests.support.letters import change_letter, send_letter
from tests.support.newsletter_exports import export, read_records
from tests.support.sample_newsroom import Newsroom


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def year(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """The demo newsroom with its year."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            folder = tmp_path_factory.mktemp("year")
            url = f"sqlite:///{shutil.copy(request.getfixturevalue('sqlite_year'), folder / 'year.db')}"
        else:
            url = postgres_url(stack.enter_context(postgres_copy(request.getfixturevalue("postgres_year"))))
        database = Database(url, Keys(SECRETS), BASE_URL)
        database.write(add_correction_and_translation)
        release_letters(database)
        yield database
        database.close()


def add_correction_and_translation(session: Session) -> None:
    """Add what the demo's year has none of: a correction, and a translation of a wording."""
    question = session.scalars(select(Question).where(Question.is_published).order_by(Question.id)).first()
    assert question
    shared = {"newsletter_id": question.newsletter_id, "question_id": question.id}
    session.add(Correction(**shared, wrong="in March", right="It was in May.", made_at=utc_now(), runs=False))
    session.add(
        Translation(
            **shared,
            of_question_text_id=question.text_id,
            language="fa",
            body="چرا؟",
            state="draft",
            state_at=utc_now(),
            written_at=utc_now(),
        )
    )


@pytest.fixture(scope="module")
def programs(
    year: Database, tmp_path_factory: pytest.TempPathFactory, bytecode_cache: FileSystemBytecodeCache
) -> Iterator[list[Program]]:
    """Programs with a token that permits everything, one for each newsletter of the demo."""
    with open_app(year, tmp_path_factory.mktemp("api"), bytecode_cache, limits="0") as app, year.read() as session:
        slugs = list(session.scalars(select(Newsletter.slug).order_by(Newsletter.id)))
        yield [Program(app, create_token(year, slug=slug), slug) for slug in slugs]


@pytest.fixture
def desk_program(programs: list[Program]) -> Program:
    """The program of the first newsletter."""
    return programs[0]


def get_response_schema(name: str) -> dict[str, Any]:
    """Return the schema of an operation's response, with the schemas that it refers to."""
    [operation] = [operation for operation in list_operations() if operation.name == name]
    return {**operation.schema, "components": build_document("")["components"]}


def check_schema(name: str, body: Any) -> None:
    validator = jsonschema.Draft202012Validator(get_response_schema(name), format_checker=jsonschema.FormatChecker())
    assert [error.message for error in validator.iter_errors(body)] == []


@pytest.mark.parametrize("name", RESOURCES)
def test_a_list_has_the_records_of_an_export_and_each_is_found_alone(
    year: Database, programs: list[Program], name: str
) -> None:
    seen = 0
    for program in programs:
        records = program.list_all(name, limit=100)
        check_schema(f"list_{name}", {"items": records, "next": None})
        found = {record["id"]: record for record in records}
        assert len(found) == len(records)
        exported = {record["id"]: record for record in read_records(export(year, program.slug))[name]}
        if name == PEOPLE.name:  # an export has those whom a record names, a list those of the desk
            exported = {key: exported.get(key, record) for key, record in found.items()}
        assert found == exported
        for record in records[-1:]:
            alone = program.get(f"{name}/{record['id']}")
            check_schema(f"get_{name}", alone)
            assert alone == record
        seen += len(records)
    assert seen > 0


def test_the_newsletter_its_token_and_an_edition_have_their_schemas(desk_program: Program) -> None:
    check_schema("newsletter", desk_program.get(""))
    check_schema("token", desk_program.get("/api/v1/token"))
    check_schema("openapi", desk_program.get("/api/v1/openapi.json"))
    edition = desk_program.list_all("editions?state=sent")[-1]
    items = desk_program.get(f"editions/{edition['id']}/items")
    check_schema("list_edition_items", items)
    assert {item["edition"] for item in items["items"]} == {edition["id"]}


@pytest.mark.parametrize(
    ("name", "filter_name"),
    [(resource.name, filter_name) for resource in RESOURCES.values() for filter_name in resource.filters],
)
def test_a_filter_leaves_what_it_says(desk_program: Program, name: str, filter_name: str) -> None:
    records = desk_program.list_all(name, limit=100)
    values = sorted({record[filter_name] for record in records if record[filter_name]})
    assert values != []
    for value in values[:3]:
        expected = [record["id"] for record in records if record[filter_name] == value]
        found = desk_program.list_all(f"{name}?{filter_name}={value}", limit=7)
        assert [record["id"] for record in found] == expected


@pytest.mark.parametrize("name", RESOURCES)
def test_a_longer_page_costs_no_more_queries(year: Database, desk_program: Program, name: str) -> None:
    desk_program.get("")  # the first use of a day is recorded
    short = count_queries(year, partial(desk_program.get, f"{name}?limit=2"))
    assert count_queries(year, partial(desk_program.get, f"{name}?limit=100")) <= short + 2
    assert short <= 16


def test_what_has_not_changed_is_not_sent_again(desk_program: Program) -> None:
    [first, *_others] = desk_program.list_all("questions")
    answer = desk_program.open(f"questions/{first['id']}")
    again = desk_program.open(f"questions/{first['id']}", **{"If-None-Match": answer.headers["ETag"]})
    assert (answer.status_code, again.status_code, again.data) == (200, 304, b"")
    assert answer.headers["Cache-Control"] == again.headers["Cache-Control"] == "no-store"


def add(database: Database, letter_id: str, body: str, time: datetime) -> None:
    """Add something to a letter as its reader."""

    def fn(session: Session) -> None:
        letter = session.scalars(select(Letter).filter_by(public_id=letter_id)).one()
        receipts.add(session, receipts.reader_of(letter), letter, body)

    database.write(fn, at=time)


@pytest.mark.threat("another program")
def test_letters_and_what_is_added_to_them_are_there_once_their_day_is_over_and_forgotten(
    app: Flask, database: Database, vera: Desk, newsroom: Newsroom
) -> None:
    program = Program(app, create_token(database))
    assert program.list_all("letters") == []
    release_letters(database, days=0)
    letter_id = send_letter(database, newsroom, "Who counts the sacks?")
    assert program.list_all("letters") == []
    program.get(f"letters/{letter_id}", 404)
    release_letters(database)
    [letter] = program.list_all("letters")
    assert (letter["id"], letter["body"]) == (letter_id, "Who counts the sacks?")
    assert letter["received_at"] == utc_now().date().isoformat()

    # The reader adds something on the second day; the program learns of it on the third.
    add(database, letter_id, "At night.", utc_now() + timedelta(days=1))
    assert program.list_all("letters") == [letter]
    release_letters(database, days=2)
    [record] = program.list_all("letters")
    assert [addition["body"] for addition in record["additions"]] == ["At night."]


@pytest.mark.threat("another program")
def test_what_a_reader_takes_back_is_gone_from_the_api_at_once(
    app: Flask, database: Database, vera: Desk, newsroom: Newsroom
) -> None:
    letter_id = send_letter(database, newsroom, "Who counts the sacks?")
    release_letters(database)
    program = Program(app, create_token(database))
    assert program.get(f"letters/{letter_id}")["body"] == "Who counts the sacks?"
    change_letter(
        database, letter_id, lambda session, letter: withdrawal.withdraw(session, receipts.reader_of(letter), letter)
    )
    letter = program.get(f"letters/{letter_id}")
    assert (letter["body"], letter["erased_at"]) == (None, utc_now().date().isoformat())
    assert "sacks" not in json.dumps(program.list_all("letters"))


@pytest.mark.threat("another program")
def test_no_response_has_the_address_or_the_name_of_a_reader(
    app: Flask, database: Database, vera: Desk, newsroom: Newsroom
) -> None:
    named = {"credit": "full", "name": "Timur Plantov", "place": "Plantsk", "consent": "Print my name."}
    send_letter(database, newsroom, "Who counts?", hear_back="once", email="timur@plant.example", **named)
    release_letters(database)
    program = Program(app, create_token(database))
    found = json.dumps([program.get(name) for name in ("", *RESOURCES)])
    assert "Who counts?" in found
    assert [text for text in ("timur@plant.example", "Timur Plantov", "Plantsk") if text in found] == []
