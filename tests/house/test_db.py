"""The two ways to the data: one that cannot write, one that writes whole or not at all."""

import sqlite3
import threading
import time
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from app.core.actors import Clock
from app.db import sqlite
from app.db.engine import Database
from app.db.fault_kinds import Busy
from app.db.session import add_and_flush, now
from app.letters.models import Letter
from app.people import directory
from app.people.models import Person
from tests.support.sample_newsroom import Newsroom


def people(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(Person)) or 0


def test_what_reads_cannot_write(database: Database) -> None:
    with database.read() as session, pytest.raises(DBAPIError):
        directory.add_person(session, Clock(), "Nora Lind", "nora@desk.example")
    assert people(database) == 0


def test_a_change_that_fails_leaves_nothing(database: Database) -> None:
    def change(session: Session) -> None:
        directory.add_person(session, Clock(), "Nora Lind", "nora@desk.example")
        raise KeyError("half-way")

    with pytest.raises(KeyError):
        database.write(change)
    assert people(database) == 0


def test_a_fault_says_nothing_of_what_was_to_be_stored(database: Database, newsroom: Newsroom) -> None:
    def add_twice(session: Session) -> None:
        for public_id in ("000000000001", "000000000002"):
            letter = Letter(public_id=public_id, body="My own words", form_mac=b"a form", received_at=now(session))
            letter.newsletter_id, letter.channel = newsroom.newsletter_id, "web"
            letter.state, letter.state_at = "received", now(session)
            add_and_flush(session, letter)

    with pytest.raises(IntegrityError) as fault:
        database.write(add_twice)
    assert ("hidden" in str(fault.value), "My own words" in str(fault.value)) == (True, False)
    with database.read() as session:
        assert session.scalars(select(Letter.id)).all() == []


def test_the_time_of_a_change_can_be_set(database: Database) -> None:
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    assert database.write(now, at=long_ago) == long_ago
    assert database.write(now) > long_ago


def test_many_writers_at_once_all_get_their_turn(database: Database) -> None:
    def write(number: int) -> None:
        database.write(lambda session: directory.add_person(session, Clock(), f"P{number}", f"p{number}@desk.example"))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert people(database) == 24


def test_a_database_that_stays_locked_says_so_in_time(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    if not database.is_sqlite:
        return  # PostgreSQL locks rows, not the whole database
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 200)
    database.close()  # the connections to come wait the shorter time
    other = sqlite3.connect(database.url.split("///", 1)[1], isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(Busy):
        database.write(lambda session: directory.add_person(session, Clock(), "Nora Lind", "nora@desk.example"))
    assert time.monotonic() - began < 5
    other.execute("ROLLBACK")
    other.close()
    database.write(lambda session: directory.add_person(session, Clock(), "Nora Lind", "nora@desk.example"))
    assert people(database) == 1
