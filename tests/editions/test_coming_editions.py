"""Which edition is "the coming one", by whom it is asked: readers, experts and the desk, from the last moment for a text
until the edition runs, and outside of these days.
"""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from app.core.actors import Clock, Staff
from app.db.engine import Database
from app.editions import planning
from app.editions.lifecycle import EDITION
from app.editions.queries import find_edition_in_production, list_editions_to_run, next_run
from app.editions.schedules import list_editions_taking_answers
from app.newsletters.models import Newsletter
from app.workflows.newsletters import founding
from tests.support.sample_newsroom import Newsroom

# First and third Wednesdays at 09:00 in Prague, the cut-off two days before: 08:00 UTC in winter.
NOV_4, NOV_18, DEC_2, DEC_16 = date(2026, 11, 4), date(2026, 11, 18), date(2026, 12, 2), date(2026, 12, 16)
FOUNDED = datetime(2026, 10, 30, tzinfo=UTC)


def winter(day: int, hour: int = 12, minute: int = 0, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


COAST = {
    "slug": "coast", "name": "The Coast", "publisher": "Meridian", "editor": "Mira", "language": "en", "languages": ["en"],
    "address": "mira@coast.example", "section": "Ask", "rule": "FREQ=MONTHLY;BYDAY=1WE,3WE", "rule_start": date(2022, 1, 1),
    "at": "09:00", "zone": "Europe/Prague", "skips": ["2027-07-01/2027-08-31"], "extra": [],
}  # fmt: skip


def found_coast(session: Session) -> int:
    return founding.create_newsletter(session, Clock(), COAST, {}).id


@pytest.fixture
def coast(database: Database) -> int:
    """The Coast, founded on Friday 30 October, before the cut-off of its first edition."""
    return database.write(found_coast, at=FOUNDED)


def list_coming(database: Database, coast: int, time: datetime) -> tuple[list[date], list[date], date | None]:
    """What readers, experts and the desk call the coming editions at a moment."""
    with database.read(time) as session:
        readers = [edition.rule_date for edition in list_editions_to_run(session, coast)]
        newsletter = session.get_one(Newsletter, coast)
        experts = [edition.rule_date for edition in list_editions_taking_answers(session, newsletter)]
        desk = find_edition_in_production(session, coast)
        first = list_editions_to_run(session, coast, 1)
        assert next_run(session, coast) == (first[0].runs_at if first else None)
        return readers, experts, desk.rule_date if desk else None


@pytest.mark.parametrize(
    ("time", "readers", "experts", "desk"),
    [
        (winter(10), [NOV_18, DEC_2], [NOV_18, DEC_2], NOV_18),
        (winter(13, 17), [NOV_18, DEC_2], [NOV_18, DEC_2], NOV_18),
        (winter(13, 17, 1), [NOV_18, DEC_2], [DEC_2, DEC_16], NOV_18),
        (winter(16, 7, 59), [NOV_18, DEC_2], [DEC_2, DEC_16], NOV_18),
        (winter(16, 8), [NOV_18, DEC_2], [DEC_2, DEC_16], NOV_18),
        (winter(17), [NOV_18, DEC_2], [DEC_2, DEC_16], NOV_18),
        (winter(18, 7, 59), [NOV_18, DEC_2], [DEC_2, DEC_16], NOV_18),
        (winter(18, 8), [DEC_2, DEC_16], [DEC_2, DEC_16], DEC_2),
        (winter(1, month=12), [DEC_2, DEC_16], [DEC_16, date(2027, 1, 6)], DEC_2),
    ],
    ids=["days before", "a text by Saturday evening", "no evening left", "a minute before the cut-off", "at the cut-off", "in between", "a minute before it runs", "as it runs", "1 December"],
)  # fmt: skip
def test_they_differ_from_the_cut_off_until_the_edition_runs(
    database: Database, coast: int, time: datetime, readers: list[date], experts: list[date], desk: date
) -> None:
    assert list_coming(database, coast, time) == (readers, experts, desk)


def test_a_locked_edition_takes_no_answers_even_before_its_cut_off(
    database: Database, coast: int, newsroom: Newsroom
) -> None:
    def lock(session: Session) -> None:
        mira = Staff(newsroom.nora.person_id, "Mira", coast, "editor")
        EDITION.apply(session, mira, list_editions_to_run(session, coast)[0], "lock", locked_at=winter(10))

    database.write(lock, at=winter(10))
    assert list_coming(database, coast, winter(11)) == ([NOV_18, DEC_2], [DEC_2, DEC_16], NOV_18)


def test_without_a_date_ahead_nobody_has_one(database: Database, coast: int) -> None:
    assert list_coming(database, coast, FOUNDED + timedelta(days=planning.DAYS_AHEAD + 30)) == ([], [], None)


@pytest.mark.parametrize(
    ("founded", "first"),
    [(winter(1, month=11), NOV_4), (winter(2, 7, 59), NOV_4), (winter(2, 8), NOV_18), (winter(4, 7), NOV_18)],
)
def test_a_new_newsletter_begins_with_the_first_edition_whose_cut_off_is_ahead(
    database: Database, founded: datetime, first: date
) -> None:
    coast = database.write(found_coast, at=founded)
    readers, experts, desk = list_coming(database, coast, founded)
    assert (readers[0], experts[0], desk) == (first, NOV_18, first)


def test_an_edition_past_its_cut_off_is_planned_where_the_rhythm_changes(database: Database, coast: int) -> None:
    def on_thursdays(session: Session) -> None:
        newsletter = session.get_one(Newsletter, coast)
        newsletter.rule = "FREQ=MONTHLY;BYDAY=1TH,3TH"
        planning.plan_newsletter(session, Clock(), newsletter)

    database.write(on_thursdays, at=winter(18, 7))
    assert list_coming(database, coast, winter(18, 7))[0][0] == date(2026, 11, 19)


def test_planning_again_adds_no_edition_from_before(database: Database) -> None:
    coast = database.write(found_coast, at=winter(3))
    made = database.write(
        lambda s: planning.plan_newsletter(s, Clock(), s.get_one(Newsletter, coast)), at=winter(3, 13)
    )
    assert (made, list_coming(database, coast, winter(3, 13))[0]) == (0, [NOV_18, DEC_2])


def test_before_a_summer_break_all_go_on_after_it(database: Database) -> None:
    """The Friday after the last edition before the break of July and August."""
    friday = datetime(2027, 6, 25, 14, tzinfo=UTC)
    coast = database.write(found_coast, at=friday)
    september = [date(2027, 9, 1), date(2027, 9, 15)]
    assert list_coming(database, coast, friday) == (september, september, september[0])
