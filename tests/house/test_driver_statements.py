"""Statements that the driver runs itself do what SQLAlchemy's own do: the same values, the same faults, heard by the same."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import bindparam, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.actors import Reader
from app.audit import record, watched
from app.audit.models import Event
from app.db import Database
from app.driver_statements import DriverStatement
from app.letters import receive
from app.letters.models import Letter
from app.newsletters.models import Newsletter
from tests.support.cast import Newsroom
from tests.support.stored import counted

ASK = receive.Ask("Кто взвешивает соль в садах у моря?", background="По %s в день?", language="ru")
COLUMNS = [Letter.__table__.c[name] for name in ("id", "body", "signs", "verbatim", "alike", "form_mac", "received_at")]


def sent(session: Session, newsroom: Newsroom, nonce: str) -> Letter:
    newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
    return receive.send(session, Reader(), newsletter, ASK, form=receive.Form(nonce, 1), signs=["flood", "trap"])


def test_what_they_store_and_read_is_what_sqlalchemy_does(database: Database, newsroom: Newsroom) -> None:
    database.write(lambda session: sent(session, newsroom, "a nonce"))
    query = select(*COLUMNS).where(Letter.received_at >= bindparam("since"), Letter.id != bindparam("other")).limit(3)
    given = {"since": datetime(2020, 1, 1, tzinfo=UTC), "other": 7}
    with database.read() as session:
        asked = [tuple(row) for row in session.execute(query, given)]
        assert [row[1:3] for row in asked] == [(ASK.body, ["flood", "trap"])]
        assert DriverStatement(query).rows(session, given) == asked


def test_an_event_in_line_has_its_key_and_one_that_is_drawn_has_its_own(database: Database, newsroom: Newsroom) -> None:
    def both(session: Session) -> tuple[list[Event], list[Event]]:
        letter = sent(session, newsroom, "a nonce")
        with watched(session) as of_the_minute:
            record(session, Reader(), "letter.reopen", letter, old="received", facts={"addition": 3})
        with watched(session) as of_the_day:
            record(session, Reader(), "letter.reopen", letter, at=datetime(2026, 1, 1, tzinfo=UTC))
        return of_the_minute, of_the_day

    [in_line], [drawn] = database.write(both)
    assert (in_line.id > 0, drawn.id < 0) == (True, True)
    with database.read() as session:
        stored = {event.id: event.facts for event in session.scalars(select(Event).filter_by(action="letter.reopen"))}
    assert stored == {in_line.id: {"addition": 3}, drawn.id: None}


def test_a_fault_is_sqlalchemys_own_and_says_nothing_of_what_was_given(database: Database, newsroom: Newsroom) -> None:
    def twice(session: Session) -> None:
        names = Letter.__table__.columns.keys()
        letter = sent(session, newsroom, "a nonce")
        again = {name: getattr(letter, name) for name in names} | {"public_id": "0", "body": "My own words"}
        DriverStatement(insert(Letter.__table__), names).run(session.connection(), again)

    with pytest.raises(IntegrityError) as fault:
        database.write(twice)
    assert ("hidden" in str(fault.value), "My own words" in str(fault.value)) == (True, False)
    with database.read() as session:
        assert session.scalars(select(Letter.id)).all() == []


@pytest.mark.parametrize(
    "statement",
    [
        DriverStatement(select(Letter.id).where(Letter.public_id == bindparam("public_id"))),
        DriverStatement(insert(Letter.__table__), ["public_id"]),
    ],
    ids=["asked", "put in"],
)
def test_a_value_that_nobody_gives_is_missed(database: Database, statement: DriverStatement) -> None:
    with database.read() as session, pytest.raises(KeyError, match="public_id"):
        statement.run(session.connection(), {})


def test_they_are_heard_with_all_others(database: Database) -> None:
    with counted(database) as heard, database.read() as session:
        DriverStatement(select(Letter.id)).rows(session, {})
    assert [one.split()[:2] for one in heard if one != "BEGIN"] == [["SELECT", "letters.id"]]
