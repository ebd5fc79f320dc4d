"""An edition gets another date: cut-off, due texts and promised times move along, and whom it concerns hears of it."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers.models import Assignment
from app.answers.schedule import MIN_TIME_TO_WRITE
from app.audit.queries import find_latest_event
from app.core.actors import Clock
from app.core.domain_errors import InvalidTransition, MissingPrecondition, PermissionDenied
from app.db.engine import Database
from app.db.session import now
from app.editions import planning, slots
from app.editions.models import Edition
from app.editions.queries import list_editions_to_run
from app.mail.kinds import list_kinds_with_purpose
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.people.models import Person
from app.workflows import undo
from app.workflows.publishing import reschedule
from app.workflows.publishing import skip as skipping
from tests.support.assignments import ExpertAssignment
from tests.support.desk import Desk
from tests.support.sample_newsroom import Newsroom, create_answered_question

WIND = "Where does the wind come from?"
DAYS = timedelta(days=3)


def edition(session: Session, newsroom: Newsroom, number: int = 1) -> Edition:
    """One of the editions to run. The second is far enough away for every date before it to be ahead, whatever day it is."""
    return list_editions_to_run(session, newsroom.newsletter_id, 4)[number]


def local(row: Edition) -> datetime:
    return datetime.fromisoformat(row.local_at)


def kinds(session: Session) -> list[tuple[str, str]]:
    """What was written of dates, and to whom."""
    rows = session.execute(
        select(OutboxMail.kind, Person.name)
        .join(Person, Person.id == OutboxMail.person_id)
        .where(OutboxMail.kind.in_(list_kinds_with_purpose("reschedule")), OutboxMail.state != "discarded")
        .order_by(OutboxMail.kind, Person.name)
    )
    return [(kind, name) for kind, name in rows]


@pytest.fixture
def asked_leyla(database: Database, newsroom: Newsroom, salt: ExpertAssignment) -> ExpertAssignment:
    """Leyla is asked about the salt for the coming edition; her answer about the wind is picked for it."""

    def fn(session: Session) -> None:
        first = edition(session, newsroom)
        assignment = salt.assignment(session)
        assignment.for_edition_id = first.id
        zone = ZoneInfo(session.get_one(Newsletter, newsroom.newsletter_id).zone)
        due = datetime.fromisoformat(first.local_at).replace(hour=18, minute=0) - timedelta(days=5)
        assignment.due_at = due.replace(tzinfo=zone)
        slots.pick(session, newsroom.nora, create_answered_question(session, newsroom, WIND), first)

    database.write(fn)
    return salt


def move(database: Database, newsroom: Newsroom, by: timedelta, number: int = 1) -> tuple[datetime, datetime]:
    """Nora moves an edition; gives its local time before and after."""

    def fn(session: Session) -> tuple[datetime, datetime]:
        row = edition(session, newsroom, number)
        before = local(row)
        reschedule.move(session, newsroom.nora, row, before + by)
        return before, local(row)

    return database.write(fn)


def test_cut_off_and_due_day_move_by_as_many_days_at_the_same_hour(
    database: Database, newsroom: Newsroom, asked_leyla: ExpertAssignment
) -> None:
    with database.read() as session:
        first = edition(session, newsroom)
        was = (local(first), first.cutoff_at, asked_leyla.assignment(session).due_at)
    before, after = move(database, newsroom, DAYS)
    with database.read() as session:
        first = edition(session, newsroom)
        zone = ZoneInfo(session.get_one(Newsletter, newsroom.newsletter_id).zone)
        due = asked_leyla.assignment(session).due_at
        assert (before, after) == (was[0], was[0] + DAYS)
        assert first.rule_date == after.date()
        assert due is not None and was[2] is not None
        clock = [moment.astimezone(zone).replace(tzinfo=None) for moment in (first.cutoff_at, due)]
        assert clock == [moment.astimezone(zone).replace(tzinfo=None) + DAYS for moment in (was[1], was[2])]


def test_who_writes_and_whose_answer_runs_are_told_once_each(
    database: Database, newsroom: Newsroom, asked_leyla: ExpertAssignment
) -> None:
    move(database, newsroom, DAYS)
    with database.read() as session:
        assert kinds(session) == [("expert.moved", "Leyla Aydın"), ("expert.moved", "Leyla Aydın")]
        due = [mail.assignment_id for mail in session.scalars(select(OutboxMail).filter_by(kind="expert.moved"))]
        assert len(set(due)) == 2


def test_the_calendar_of_the_newsletter_keeps_it_and_planning_leaves_it_there(
    database: Database, newsroom: Newsroom
) -> None:
    before, after = move(database, newsroom, DAYS)

    def plan_again(session: Session) -> tuple[int, Any]:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        made = planning.plan_newsletter(session, Clock(), newsletter)
        return made, (newsletter.skips, newsletter.extra, local(edition(session, newsroom)))

    made, stands = database.write(plan_again)
    assert (made, stands) == (0, ([before.date().isoformat()], [after.isoformat(timespec="minutes")], after))


def test_moved_back_by_hand_the_calendar_is_as_it_was(database: Database, newsroom: Newsroom) -> None:
    move(database, newsroom, DAYS)
    move(database, newsroom, -DAYS)
    with database.read() as session:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        assert (newsletter.skips, newsletter.extra) == ([], [])


def test_another_hour_on_the_same_day_is_no_pause(database: Database, newsroom: Newsroom) -> None:
    _before, after = move(database, newsroom, timedelta(hours=3))
    with database.read() as session:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        assert (newsletter.skips, newsletter.extra) == ([], [after.isoformat(timespec="minutes")])


def test_undo_puts_everything_back_and_nobody_hears_of_it(
    database: Database, newsroom: Newsroom, asked_leyla: ExpertAssignment
) -> None:
    def state(session: Session) -> Any:
        first, newsletter = edition(session, newsroom), session.get_one(Newsletter, newsroom.newsletter_id)
        assignment = asked_leyla.assignment(session)
        dates = (assignment.due_at, assignment.reply_by, assignment.for_edition_id)
        return first.local_at, first.cutoff_at, first.rule_date, newsletter.skips, newsletter.extra, dates

    with database.read() as session:
        before = state(session)
    database.write(lambda s: setattr(s.get_one(Newsletter, newsroom.newsletter_id), "undo_seconds", 60))
    move(database, newsroom, DAYS)

    def take_back(session: Session) -> int:
        event = find_latest_event(session, "edition", edition(session, newsroom).id, "edition.move")
        assert event is not None
        done, left = undo.undo(session, newsroom.nora, [event.id])
        assert left == []
        return len(done)

    assert database.write(take_back) == 1
    with database.read() as session:
        assert (state(session), kinds(session)) == (before, [])


def test_a_text_that_would_be_due_tomorrow_is_due_when_there_is_time_again(
    database: Database, newsroom: Newsroom, asked_leyla: ExpertAssignment
) -> None:
    def nearly(session: Session) -> None:
        assignment = asked_leyla.assignment(session)
        assignment.due_at, assignment.for_edition_id = (now(session) + timedelta(days=2), edition(session, newsroom).id)

    database.write(nearly)
    move(database, newsroom, -timedelta(days=2))
    with database.read() as session:
        due = asked_leyla.assignment(session).due_at
        assert due is not None
        assert due >= now(session) + MIN_TIME_TO_WRITE - timedelta(minutes=1)


def test_the_same_time_is_no_move_and_nobody_hears(
    database: Database, newsroom: Newsroom, asked_leyla: ExpertAssignment
) -> None:
    move(database, newsroom, timedelta(0))
    with database.read() as session:
        assert kinds(session) == []
        assert find_latest_event(session, "edition", edition(session, newsroom).id, "edition.move") is None


@pytest.mark.parametrize(
    ("by", "code"),
    [
        (-timedelta(days=400), "invalid.date_not_in_future"),
        (timedelta(days=300), "invalid.date_too_far_ahead"),
        (None, "invalid.date_taken"),
    ],
)
def test_a_day_that_is_over_too_far_or_taken_is_refused(
    database: Database, newsroom: Newsroom, by: timedelta | None, code: str
) -> None:
    with database.read() as session:
        gap = local(edition(session, newsroom, 2)) - local(edition(session, newsroom))
    with pytest.raises(MissingPrecondition) as refused:
        move(database, newsroom, gap if by is None else by)
    assert refused.value.code == code


def test_what_is_locked_stays_and_an_assistant_moves_nothing(database: Database, newsroom: Newsroom) -> None:
    def by_ilya(session: Session) -> None:
        row = edition(session, newsroom)
        reschedule.move(session, newsroom.ilya, row, local(row) + DAYS)

    with pytest.raises(PermissionDenied):
        database.write(by_ilya)
    database.write(lambda s: skipping.skip(s, newsroom.nora, edition(s, newsroom)))

    def skipped(session: Session) -> None:
        row = session.scalars(select(Edition).where(Edition.is_skipped)).one()
        reschedule.move(session, newsroom.nora, row, local(row) + DAYS)

    with pytest.raises(InvalidTransition):
        database.write(skipped)


def test_what_was_asked_for_a_date_that_is_skipped_is_for_the_next_one(
    database: Database, newsroom: Newsroom, asked_leyla: ExpertAssignment
) -> None:
    with database.read() as session:
        first, second = edition(session, newsroom), edition(session, newsroom, 2)
        days, key, was = second.rule_date - first.rule_date, second.id, asked_leyla.assignment(session).due_at
        zone = ZoneInfo(session.get_one(Newsletter, newsroom.newsletter_id).zone)
    database.write(lambda s: skipping.skip(s, newsroom.nora, edition(s, newsroom)))
    with database.read() as session:
        assignment = asked_leyla.assignment(session)
        assert assignment.for_edition_id == key
        assert assignment.due_at is not None and was is not None
        assert (
            assignment.due_at.astimezone(zone).replace(tzinfo=None) == was.astimezone(zone).replace(tzinfo=None) + days
        )
        assert kinds(session) == [("expert.carried_over", "Leyla Aydın"), ("expert.moved", "Leyla Aydın")]


def test_it_is_not_for_one_that_is_past_its_cut_off(
    database: Database, newsroom: Newsroom, asked_leyla: ExpertAssignment
) -> None:
    """A newsletter may have its cut-off before the edition before runs."""

    def skip(session: Session) -> int:
        first, closed, later = (edition(session, newsroom, number) for number in (1, 2, 3))
        closed.cutoff_at = now(session) - timedelta(hours=1)
        session.flush()
        skipping.skip(session, newsroom.nora, first)
        return later.id

    key = database.write(skip)
    with database.read() as session:
        assert asked_leyla.assignment(session).for_edition_id == key


def test_undoing_the_skip_gives_the_due_day_back(
    database: Database, newsroom: Newsroom, asked_leyla: ExpertAssignment
) -> None:
    database.write(lambda s: setattr(s.get_one(Newsletter, newsroom.newsletter_id), "undo_seconds", 60))
    with database.read() as session:
        before = [
            (one.due_at, one.for_edition_id) for one in session.scalars(select(Assignment).order_by(Assignment.id))
        ]

    def skip_and_back(session: Session) -> None:
        row = edition(session, newsroom)
        skipping.skip(session, newsroom.nora, row)
        event = find_latest_event(session, "edition", row.id, "edition.skip")
        assert event is not None
        assert undo.undo(session, newsroom.nora, [event.id])[1] == []

    database.write(skip_and_back)
    with database.read() as session:
        after = [
            (one.due_at, one.for_edition_id) for one in session.scalars(select(Assignment).order_by(Assignment.id))
        ]
        assert (after, kinds(session)) == (before, [])


def test_the_calendar_to_subscribe_to_reads_back_as_the_editions_stand(
    database: Database, newsroom: Newsroom, nora: Desk
) -> None:
    """The .ics of readers, read by icalendar: after a move and a skip it has the very moments of the editions."""
    move(database, newsroom, DAYS)
    database.write(lambda s: skipping.skip(s, newsroom.nora, edition(s, newsroom, 2)))
    file = nora.client.get("/steppe/calendar.ics", base_url="https://localhost")
    events = Calendar.from_ical(file.data).events
    with database.read() as session:
        coming = list_editions_to_run(session, newsroom.newsletter_id, 30)
        assert [event["DTSTART"].dt for event in events] == [one.runs_at for one in coming]
        assert len({str(event["UID"]) for event in events}) == len(coming)
    assert Calendar.from_ical(Calendar.from_ical(file.data).to_ical()).events == events
