"""The disk is full, or the database may only be read: nothing is saved, the page says so, and what was typed is on it."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from app.db.engine import Database
from app.db.fault_kinds import TAKES_NO_CHANGES, NoRoom
from app.server import worker
from tests.support.assignments import ExpertAssignment
from tests.support.database_checks import dump_tables
from tests.support.desk import Desk
from tests.support.reader_pages import get_form_token, read_receipt, send_question
from tests.support.sample_newsroom import Newsroom

# How a disk becomes full is SQLite's own way of telling it; PostgreSQL's codes for the same stand beside its names in app/db/engine.py.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

LONG = "Why is the wind so bitter, " * 60
SAID = "The disk that keeps the desk’s books takes nothing more. Nothing was saved or sent."


def _full(connection: Any) -> None:
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages}")


def _read_only(connection: Any) -> None:
    connection.execute("PRAGMA query_only=ON")


def _fill(session: Session) -> None:
    session.execute(text("CREATE TABLE more AS SELECT hex(zeroblob(900000))"))


@pytest.fixture(params=[_full, _read_only], ids=["full", "read-only"])
def stop(request: pytest.FixtureRequest, app: Flask) -> Iterator[Callable[[], None]]:
    """From now on the database takes no more."""
    database: Database = app.extensions["database"]

    def limit(connection: Any, _record: Any) -> None:
        request.param(connection)

    def limit_size() -> None:
        with database.writer.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("VACUUM")  # no page inside is free
        event.listen(database.writer, "connect", limit)
        database.writer.dispose()

    yield limit_size
    if event.contains(database.writer, "connect", limit):
        event.remove(database.writer, "connect", limit)


def test_a_reader_keeps_every_word(
    client: FlaskClient, database: Database, newsroom: Newsroom, stop: Callable[[], None],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    receipt, form = read_receipt(send_question(client).text), get_form_token(client)
    stop()
    before = dump_tables(database)
    with caplog.at_level(logging.ERROR):
        page = send_question(client, form=form, body=LONG, background=f"My cousin says: {LONG * 2}")
    assert (page.status_code, SAID in page.text, LONG in page.text, "My cousin says: " in page.text) == (
        503,
        *[True] * 3,
    )
    assert "the database takes no changes" in caplog.text
    assert "bitter" not in caplog.text
    assert dump_tables(database) == before
    for number in range(9):  # what is little may still find its place between the rest
        more = client.post("/steppe/receipt/add", data={"receipt": receipt, "more": f"{number}: {LONG}"})
    assert (more.status_code, SAID in more.text, f"8: {LONG}" in more.text) == (503, True, True)
    assert client.post("/steppe/receipt", data={"receipt": receipt}).status_code == 200  # to look takes no room


@pytest.mark.parametrize(("press", "field"), [("note", "note"), ("assignments/{one}/write", "letter")])
def test_the_desk_keeps_every_word(
    nora: Desk, database: Database, salt: ExpertAssignment, stop: Callable[[], None], press: str, field: str
) -> None:
    with database.read() as session:
        here = (
            f"/desk/steppe/questions/{salt.assignment(session).question.public_id}/{press.format(one=salt.public_id)}"
        )
    stop()
    for number in range(9):
        page = nora.send(here, {field: f"{number}: {LONG}"})
    assert (page.status_code, SAID in page.text, f"8: {LONG}" in page.text) == (503, True, True)


def test_a_verb_learns_that_waiting_helps_nobody(app: Flask, stop: Callable[[], None]) -> None:
    stop()
    ours: Database = app.extensions["database"]
    with pytest.raises(NoRoom):
        ours.write(_fill)


def test_the_worker_logs_an_error_and_not_that_the_database_was_busy(
    app: Flask, stop: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    stop()
    duty = worker.Duty("indexing", "grow", 60, lambda _app, database: database.write(_fill))
    assert not worker._run_duty(duty, app, app.extensions["database"])
    assert [(log.levelname, log.getMessage()) for log in caplog.records if log.name == worker.log.name] == [
        ("ERROR", f"grow: {TAKES_NO_CHANGES}")
    ]
