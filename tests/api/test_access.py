"""Who may call the API: a program with a valid token, of one newsletter, for what the token and its creator's role permit."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.api import views
from app.api.openapi import Operation, list_operations
from app.api.token_access import CALLS
from app.core.clock import utc_now
from app.db.engine import Database
from app.people import api_tokens, colleagues, staff
from app.people.models import ApiToken, Membership
from tests.support.api_calls import Program, create_token, get_admin, release_letters
from tests.support.assignments import ExpertAssignment
from tests.support.database_checks import find_in_files
from tests.support.desk import Desk
from tests.support.desk_people import VERA, hire
from tests.support.sample_newsroom import Newsroom, create_coast_newsletter

PROTECTED = [operation for operation in list_operations() if operation.act]
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SECRET = api_tokens.PREFIX + "x" * 43


def fill_path(operation: Operation, slug: str = "steppe", public_id: str = "0123456789AB") -> str:
    return operation.path.format(slug=slug, id=public_id)


@pytest.mark.threat("another program")
@ON_SQLITE
def test_nothing_is_answered_without_a_token_or_with_one_in_the_wrong_place(database: Database, vera: Desk) -> None:
    secret = create_token(database)
    attempts: list[tuple[str, dict[str, str]]] = [
        ("", {}),
        ("", {"Authorization": f"Bearer {SECRET}"}),
        ("", {"Authorization": "Bearer "}),
        ("", {"Authorization": f"Basic {secret}"}),
        ("", {"Authorization": secret}),
        ("", {"Cookie": f"token={secret}"}),
        (f"?access_token={secret}", {}),
        (f"?token={secret}", {"Authorization": "Bearer"}),
    ]
    for operation, (query, headers) in product(PROTECTED, attempts):
        # Vera's browser is signed in at the desk, which opens nothing here.
        response = vera.client.get(fill_path(operation) + query, headers=headers, base_url="https://localhost")
        problem = response.get_json(force=True)
        assert (response.status_code, problem["code"]) == (401, "http.unauthorized"), operation.path
        assert response.content_type == "application/problem+json"
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'
        assert secret not in response.get_data(as_text=True)


@pytest.fixture
def coast_program(app: Flask, database: Database, salt: ExpertAssignment) -> Program:
    """A program of another newsletter, which has a token that permits everything."""

    def fn(session: Session) -> None:
        hire(session, create_coast_newsletter(session).id, "Mira", "mira@coast.example", "admin")

    database.write(fn)
    return Program(app, create_token(database, slug="coast"), "coast")


@pytest.mark.threat("another program")
def test_a_token_finds_nothing_of_another_newsletter(
    app: Flask, database: Database, vera: Desk, salt: ExpertAssignment, coast_program: Program
) -> None:
    release_letters(database)
    own = Program(app, create_token(database))
    found = 0
    for operation in PROTECTED:
        if "{slug}" not in operation.path:
            continue
        names = {operation.name.partition("_")[2]} if "{id}" in operation.path else {""}
        for name in names:
            records = own.list_all("editions" if name == "edition_items" else name) if name else [{"id": ""}]
            for record in records:
                found += own.open(fill_path(operation, "steppe", record["id"])).status_code == 200
                for slug in ("steppe", "coast"):
                    path = fill_path(operation, slug, record["id"])
                    is_own_list = slug == "coast" and not record["id"]
                    response = coast_program.open(path)
                    assert response.status_code == (200 if is_own_list else 404), path
                    if is_own_list and operation.name.startswith("list_"):
                        items = response.get_json()["items"]
                        assert [item.get("name") for item in items] == (["Mira"] if "people" in path else [])
    assert found > 10


@pytest.mark.threat("another program")
def test_a_filter_and_a_cursor_name_only_records_of_the_newsletter(
    app: Flask, database: Database, vera: Desk, salt: ExpertAssignment, coast_program: Program
) -> None:
    own = Program(app, create_token(database))
    [assignment] = own.list_all("assignments")
    for name in ("question", "expert"):
        assert coast_program.get(f"assignments?{name}={assignment[name]}", 422)["parameter"] == name
    assert coast_program.get(f"assignments?after={assignment['id']}", 422)["parameter"] == "after"


@pytest.mark.threat("another program")
def test_the_name_of_somebody_who_was_invited_and_has_not_joined_is_not_told(
    app: Flask, database: Database, vera: Desk, newsroom: Newsroom
) -> None:
    """Another desk may have recorded it."""
    mira = "mira@coast.example"
    vera.post("people", email=mira, name="M.", role="assistant")
    program = Program(app, create_token(database))
    assert [person["name"] for person in program.list_all("people")] == ["Nora Lind", "Ilya Brandt", "Vera Holm"]


@pytest.mark.threat("another program")
def test_a_token_for_reading_reads_no_letters(app: Flask, database: Database, vera: Desk) -> None:
    program = Program(app, create_token(database, acts=["read"]))
    assert program.get("/api/v1/token")["permits"] == ["read"]
    program.get("questions")
    for path in ("letters", "letters/0123456789AB"):
        assert program.get(path, 403)["code"] == "http.forbidden"


def lose_role(session: Session, newsroom: Newsroom) -> None:
    session.execute(update(Membership).where(Membership.person_id == get_vera_id(session)).values(role="assistant"))


def get_vera_id(session: Session) -> int:
    return get_admin(session, "steppe").person_id


@pytest.mark.threat("another program")
def test_a_token_permits_no_more_than_its_creator_s_role(
    app: Flask, database: Database, vera: Desk, newsroom: Newsroom
) -> None:
    program = Program(app, create_token(database))
    program.get("letters")
    database.write(lambda session: lose_role(session, newsroom))
    program.get("letters", 403)
    program.get("questions")


def deactivate(session: Session, admin: Any, vera: colleagues.Colleague) -> None:
    staff.deactivate(session, admin, vera)


def deactivate_for_a_while(session: Session, admin: Any, vera: colleagues.Colleague) -> None:
    staff.deactivate(session, admin, vera)
    session.flush()
    staff.reactivate(session, admin, replace(vera))


def remove(session: Session, admin: Any, vera: colleagues.Colleague) -> None:
    staff.remove(session, admin, vera)


def disable(session: Session, admin: Any, vera: colleagues.Colleague) -> None:
    staff.disable_person(session, admin, vera.person)


def expire(session: Session, admin: Any, vera: colleagues.Colleague) -> None:
    session.execute(update(ApiToken).values(ends_at=utc_now() - timedelta(seconds=1)))


def revoke(session: Session, admin: Any, vera: colleagues.Colleague) -> None:
    api_tokens.revoke(session, admin, session.scalars(select(ApiToken)).one())


def replace_secret(session: Session, admin: Any, vera: colleagues.Colleague) -> None:
    creator = replace(admin, person_id=vera.person.id)
    api_tokens.show_secret(session, creator, session.scalars(select(ApiToken)).one())


@pytest.mark.threat("another program")
@pytest.mark.parametrize("end", [deactivate, deactivate_for_a_while, remove, disable, expire, revoke, replace_secret])
def test_a_token_ends_with_its_creator_s_work_its_time_or_a_press(
    app: Flask, database: Database, vera: Desk, newsroom: Newsroom, end: Callable[..., None]
) -> None:
    program = Program(app, create_token(database))
    program.get("")

    def fn(session: Session) -> None:
        vera_id = get_vera_id(session)
        admin = hire(session, newsroom.newsletter_id, "Ada", "ada@desk.example", "admin")
        [colleague] = [
            one
            for one in colleagues.list_colleagues(session, admin, include_contacts=False)
            if one.person.id == vera_id
        ]
        end(session, admin, colleague)

    database.write(fn)
    program.get("", 401)


@pytest.mark.threat("another program")
def test_the_secret_is_stored_nowhere_and_no_log_has_it(
    app: Flask, database: Database, vera: Desk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = create_token(database)
    program = Program(app, secret)
    for path in ("", "questions", f"questions?after={secret}", f"{secret}", "/api/v1/nothing", f"/steppe/{secret}"):
        assert secret not in program.open(path).get_data(as_text=True)
    assert secret not in caplog.text
    assert find_in_files(database, secret, secret.removeprefix(api_tokens.PREFIX)) == []


@pytest.mark.threat("another program")
@ON_SQLITE
def test_too_many_calls_are_refused_for_their_token_alone(
    limited_client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    def fn(session: Session) -> None:
        hire(session, newsroom.newsletter_id, "Vera Holm", VERA, "admin")

    database.write(fn)
    busy, calm = (Program(limited_client.application, create_token(database)) for _number in range(2))
    most = int(CALLS.partition(" ")[0])
    statuses = [busy.open("/api/v1/token").status_code for _number in range(most + 1)]
    assert statuses == [200] * most + [429]
    response = busy.open("questions")
    assert response.get_json(force=True)["code"] == "http.too_many_requests"
    assert response.headers["Retry-After"] == "60"
    calm.get("questions")


@ON_SQLITE
def test_the_api_only_reads(app: Flask, database: Database, vera: Desk) -> None:
    program = Program(app, create_token(database))
    for operation, method in product(list_operations(), ("POST", "PUT", "PATCH", "DELETE")):
        response = program.open(fill_path(operation), method)
        assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD, OPTIONS"), operation.path
        assert response.get_json(force=True)["code"] == "http.method_not_allowed"
    assert program.open("/api/v1/nothing", "POST").status_code == 404


@ON_SQLITE
@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("questions?limit=0", "limit"),
        ("questions?limit=101", "limit"),
        ("questions?limit=-1", "limit"),
        ("questions?limit=%D9%A3", "limit"),
        ("questions?state=lost", "state"),
        ("questions?after=0123456789AB", "after"),
        ("questions?after=%00", "after"),
        ("questions?edition=0123456789AB", "edition"),
        ("questions?colour=red", "colour"),
        ("questions/0123456789AB?limit=1", "limit"),
        ("experts?state=open", "state"),
    ],
)
def test_a_parameter_that_can_not_be_used_is_named(
    app: Flask, database: Database, vera: Desk, salt: ExpertAssignment, path: str, parameter: str
) -> None:
    program = Program(app, create_token(database))
    if "questions/" in path:
        path = path.replace("0123456789AB", program.list_all("questions")[0]["id"])
    problem = program.get(path, 422)
    assert (problem["code"], problem["parameter"]) == ("invalid.parameter", parameter)


@ON_SQLITE
def test_a_fault_of_ours_is_a_problem_with_a_reference(
    app: Flask, database: Database, vera: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = Program(app, create_token(database))
    program.get("")
    app.config["PROPAGATE_EXCEPTIONS"] = False
    monkeypatch.setattr(views, "RecordBuilder", None)
    problem = program.get("", 500)
    assert problem["code"] == "http.internal_server_error"
    assert len(problem["reference"]) > 4
