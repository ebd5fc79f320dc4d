"""Rows that are written past the unit of work: a key that is taken is drawn again, and the row is as one that was read."""

from collections.abc import Iterator

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import new_rows
from app.actors import Reader
from app.audit.models import Event
from app.db import Database
from app.letters import filing, receive
from app.letters.models import Letter
from app.newsletters.models import Newsletter
from tests.support.cast import Newsroom

ASK = receive.Ask("Who weighs the salt in the orchards by the sea?")


def sent(session: Session, newsroom: Newsroom, nonce: str = "nonce") -> Letter:
    newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
    return receive.send(session, Reader(), newsletter, ASK, form=receive.Form(nonce, 1))


def test_a_key_that_is_taken_is_drawn_again(
    database: Database, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = database.write(lambda session: sent(session, newsroom).id)
    drawn: Iterator[int] = iter((first, first, -7))
    monkeypatch.setattr(new_rows, "draw", lambda: next(drawn))
    assert database.write(lambda session: sent(session, newsroom, "another nonce").id) == -7
    with database.read() as session:
        assert {*session.scalars(select(Letter.id))} == {first, -7}
        assert {*session.scalars(select(Event.noun_id).filter_by(action="letter.send"))} == {first, -7}


def test_the_row_is_there_whole_and_can_be_changed_at_once(database: Database, newsroom: Newsroom) -> None:
    def send_and_file(session: Session) -> Letter:
        letter = sent(session, newsroom)
        filing.file(session, newsroom.nora, letter, "comment")
        return letter

    letter = database.write(send_and_file)
    assert (letter.state, letter.version, letter.author, letter.erased_at) == ("filed", 2, "reader", None)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Letter)) == 1
        stored = session.get_one(Letter, letter.id)
        columns = Letter.__table__.columns.keys()
        assert {name: getattr(stored, name) for name in columns} == {name: getattr(letter, name) for name in columns}
