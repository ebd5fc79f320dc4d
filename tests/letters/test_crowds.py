"""A flood in the holding pen: sorted by the worker, read in order, and a crowd of it filed by one press."""

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.audit import Event
from app.core.domain_errors import InvalidTransition, PermissionDenied, VersionConflict
from app.db.engine import Database
from app.db.session import now
from app.letters import crowds
from app.letters.models import Letter, Sweep
from app.people.models import Membership
from app.workflows import undo
from tests.support.floods import make_flood, send_flood, text_with_gaps
from tests.support.sample_newsroom import Newsroom

FEW, READERS = 60, 6


def a_minute_later(session: Session) -> None:
    session.execute(update(Sweep).values(at=now(session) - crowds.UNDO_PERIOD))


def list_held(database: Database, newsroom: Newsroom) -> list[str]:
    with database.read() as session:
        return [one.body or "" for one in crowds.list_held_letters(newsroom.newsletter_id).page(session, None, 1_000)]


@pytest.mark.threat("flood")
def test_readers_stand_first_and_the_rest_is_one_press(database: Database, newsroom: Newsroom) -> None:
    texts, readers = make_flood(text_with_gaps, FEW, READERS)
    honest = {texts[at] for at in readers}
    send_flood(database, newsroom, texts)
    assert crowds.rank_waiting_letters(database) == FEW
    assert crowds.rank_waiting_letters(database) == 0
    assert set(list_held(database, newsroom)[:READERS]) == honest

    with database.read() as session:
        batches = crowds.list_held_letters(newsroom.newsletter_id).iter_batches(session, READERS - 1)
        assert [letter.body for batch in batches for letter in batch] == list_held(database, newsroom)
        [crowd] = crowds.list_largest_crowds(session, newsroom.newsletter_id)
    assert crowd.number == FEW - READERS
    database.write(
        lambda session: crowds.sweep(
            session, newsroom.ilya, session.get_one(Letter, crowd.first.id), crowd.first.standing
        )
    )
    assert set(list_held(database, newsroom)) == honest
    assert crowds.file_due_sweeps(database) == 0  # for a minute somebody may think better of it

    send_flood(database, newsroom, [texts[at] for at in range(FEW) if at not in readers][:5], first=FEW)
    crowds.rank_waiting_letters(database)
    assert len(list_held(database, newsroom)) == READERS + 5  # what came after the press was seen by nobody

    database.write(a_minute_later)
    assert crowds.file_due_sweeps(database) == FEW - READERS
    assert crowds.file_due_sweeps(database) == 0
    with database.read() as session:
        filed = session.scalars(select(Letter).where(Letter.is_filed)).all()
        assert {(one.filed_as, (one.body in honest)) for one in filed} == {("spam", False)}
        by = session.scalars(select(Event.actor).where(Event.action == "letter.file")).all()
        assert by == [newsroom.ilya.ref] * (FEW - READERS)
        assert session.scalars(select(Sweep)).all() == []
    assert len(list_held(database, newsroom)) == READERS + 5


def test_a_crowd_comes_back_within_a_minute(database: Database, newsroom: Newsroom) -> None:
    send_flood(database, newsroom, ["Why is the bridge over the canal closed?"] * 4)
    crowds.rank_waiting_letters(database)

    def press(session: Session) -> list[int]:
        [crowd] = crowds.list_largest_crowds(session, newsroom.newsletter_id)
        crowds.sweep(session, newsroom.nora, crowd.first, crowd.first.standing)
        with pytest.raises(InvalidTransition):
            crowds.sweep(session, newsroom.nora, crowd.first, crowd.first.standing)
        session.flush()
        return list(session.scalars(select(Event.id).where(Event.action == "letter.sweep")))

    with pytest.raises(VersionConflict):  # one more has come since somebody looked
        database.write(lambda s: crowds.sweep(s, newsroom.nora, s.scalars(select(Letter)).first(), 1_003))
    events = database.write(press)
    assert list_held(database, newsroom) == []
    done, left = database.write(lambda session: undo.undo(session, newsroom.nora, events))
    assert (len(done), left) == (1, [])
    assert len(list_held(database, newsroom)) == 4
    with database.read() as session:
        assert session.scalars(select(Sweep)).all() == []


@pytest.mark.threat("rogue assistant")
def test_whose_place_at_the_desk_ended_files_nothing(database: Database, newsroom: Newsroom) -> None:
    send_flood(database, newsroom, ["Why is the bridge over the canal closed?"] * 4)
    crowds.rank_waiting_letters(database)
    with pytest.raises(PermissionDenied):
        database.write(lambda s: crowds.sweep(s, newsroom.leyla, s.scalars(select(Letter)).first(), 1_004))

    def end_place(session: Session) -> None:
        first = session.scalars(select(Letter)).first()
        crowds.sweep(session, newsroom.ilya, first, first.standing)
        a_minute_later(session)
        session.execute(delete(Membership).where(Membership.person_id == newsroom.ilya.person_id))

    database.write(end_place)
    assert crowds.file_due_sweeps(database) == 0
    assert len(list_held(database, newsroom)) == 4
