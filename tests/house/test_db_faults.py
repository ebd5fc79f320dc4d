"""Which errors of the database mean "wait", which "migrate", and that any other is a fault of ours with its cause."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import click
import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.cli.command_faults import report_expected_errors
from app.core.actors import Clock
from app.db import sqlite
from app.db.engine import Database
from app.db.fault_kinds import SCHEMA_MISMATCH, Busy, FaultKind, fault_code, fault_kind
from app.people import directory
from app.people.models import Person
from app.server import worker
from tests.support.sample_newsroom import Newsroom

INTERNALS = ("column", "migrate", "sqlite", "psycopg", "newsletters.")


def add_person(session: Session) -> None:
    directory.add_person(session, Clock(), "Nora Lind", "nora@desk.example")


def cause_of(fault: BaseException) -> DBAPIError:
    assert isinstance(fault.__cause__, DBAPIError)
    return fault.__cause__


@contextmanager
def another_connection(database: Database) -> Iterator[None]:
    """Hold the table of people, or on SQLite the whole file, from outside."""
    if database.is_sqlite:
        other = sqlite3.connect(database.url.split("///", 1)[1], isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
        other.close()
        return
    engine = create_engine(database.url)
    with engine.begin() as connection:
        connection.execute(text("LOCK TABLE people IN ACCESS EXCLUSIVE MODE"))
        yield
    engine.dispose()


@pytest.fixture
def dropped_column(database: Database, newsroom: Newsroom) -> str:
    """A column that every page of a newsletter needs is gone, as after an update without `migrate`. No copy of a page is good."""
    with database.writer.begin() as connection:
        cascade = "" if database.is_sqlite else "CASCADE"  # a trigger goes with it
        connection.execute(text(f"ALTER TABLE newsletters DROP COLUMN steps_hidden_at {cascade}"))
        connection.execute(text("UPDATE public_versions SET version = 'of another day'"))
    return "steps_hidden_at"


def test_a_lock_that_somebody_holds_means_busy(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 200)
    database.close()  # the connections to come wait the shorter time

    def add(session: Session) -> None:
        if not database.is_sqlite:
            session.execute(text("SET LOCAL lock_timeout = '50ms'"))
        add_person(session)

    with another_connection(database), pytest.raises(Busy) as busy:
        database.write(add)
    cause = cause_of(busy.value)
    assert (fault_code(cause), fault_kind(cause)) == (
        "SQLITE_BUSY" if database.is_sqlite else "55P03",
        FaultKind.LOST_RACE,
    )
    database.write(add)


def test_a_terminated_backend_means_busy_and_a_change_that_met_it_once_is_made(database: Database) -> None:
    if database.is_sqlite:
        return  # there is no server
    killer = create_engine(database.url, isolation_level="AUTOCOMMIT")
    times = 1

    def add(session: Session) -> None:
        nonlocal times
        add_person(session)
        session.flush()
        if times:
            times -= 1
            pid = session.scalar(text("SELECT pg_backend_pid()"))
            with killer.connect() as connection:
                connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        session.execute(select(1))

    database.write(add)
    with database.read() as session:
        assert session.scalars(select(Person.name)).all() == ["Nora Lind"]
    times = 1_000
    with pytest.raises(Busy) as busy:
        database.write(add)
    assert fault_kind(cause_of(busy.value)) is FaultKind.UNAVAILABLE
    killer.dispose()


def test_a_missing_column_is_never_busy(database: Database, dropped_column: str) -> None:
    with pytest.raises(DBAPIError) as fault:
        database.write(lambda session: session.execute(text(f"SELECT {dropped_column} FROM newsletters")))
    assert (fault_code(fault.value), fault_kind(fault.value)) == (
        "SQLITE_ERROR" if database.is_sqlite else "42703",
        FaultKind.SCHEMA_MISMATCH,
    )
    with database.read() as session, pytest.raises(DBAPIError) as fault:
        session.execute(text("SELECT 1 FROM no_such_table"))
    assert fault_kind(fault.value) is FaultKind.SCHEMA_MISMATCH


def test_a_missing_column_tells_the_operator_to_migrate_and_a_reader_nothing_of_it(
    client: FlaskClient, dropped_column: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        page = client.get("/steppe/")
    assert page.status_code == 500
    assert [word for word in (*INTERNALS, dropped_column) if word in page.text] == []
    assert SCHEMA_MISMATCH in caplog.messages


def test_a_missing_column_tells_so_in_commands(app: Flask, dropped_column: str) -> None:
    ended = app.test_cli_runner().invoke(args=["newsletters", "pause", "steppe"])
    assert (ended.exit_code, ended.stderr) == (1, f"Error: {SCHEMA_MISMATCH}\n")


def test_a_missing_column_tells_so_in_the_worker(
    app: Flask, dropped_column: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        worker.run(app, run_once=True)
    assert f"plan editions: {SCHEMA_MISMATCH}" in caplog.messages


def test_an_unknown_error_is_a_fault_of_ours_with_its_cause(
    app: Flask, database: Database, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> str:
        database.write(lambda session: session.execute(text("SELEC nothing")))
        return ""

    with pytest.raises(DBAPIError) as fault:
        fail()
    assert fault_kind(fault.value) is FaultKind.UNKNOWN
    monkeypatch.setitem(app.view_functions, "reader.robots", fail)
    with caplog.at_level(logging.ERROR):
        assert app.test_client().get("/robots.txt").status_code == 500
    [logged] = [record for record in caplog.records if record.getMessage() == type(fault.value).__name__]
    assert [one["type"] for one in logged.fault] == [  # type: ignore[attr-defined]
        type(fault.value).__name__,
        type(fault.value.orig).__name__,
    ]
    command = click.Command("fail", callback=fail)
    report_expected_errors(command)
    assert type(CliRunner().invoke(command).exception) is type(fault.value)
