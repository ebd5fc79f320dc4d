"""What hangs on an edition's dates, at fixed moments: invitations, quote checks, more time, and mails that have waited.

The Coast runs on first and third Wednesdays at 09:00, with its cut-off on the Monday before, at the same hour.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import assigning, editing, writing
from app.answers.models import Answer, Assignment, Check
from app.answers.schedule import DueTooLate
from app.audit.queries import find_latest_event
from app.core.actors import Clock, ExpertActor, Staff
from app.core.domain_errors import InvalidField, VersionConflict
from app.db.engine import Database
from app.editions import planning
from app.editions.lifecycle import EDITION
from app.editions.models import Edition
from app.editions.schedules import plan_assignment
from app.mail import outbox
from app.mail.models import OutboxMail
from app.newsletters.models import Newsletter
from app.people.models import Expert
from app.questions import actions, wording
from app.workflows import invitations, undo
from app.workflows.newsletters import founding
from app.workflows.publishing import reschedule
from tests.support.sample_newsroom import Newsroom

T = TypeVar("T")
DAY = timedelta(days=1)
FOUNDED = "2026-10-01T09:00"


@dataclass(frozen=True)
class Coast:
    """The Coast with Mira, who edits it, and Leyla, who is asked. All times are local."""

    database: Database
    mira: Staff
    leyla: ExpertActor
    zone: str

    def parse_local(self, text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC)

    def show(self, moment: datetime | None) -> str | None:
        return f"{moment.astimezone(ZoneInfo(self.zone)):%Y-%m-%dT%H:%M}" if moment else None

    def write(self, at: str, fn: Callable[[Session], T]) -> T:
        return self.database.write(fn, at=self.parse_local(at))

    def read(self, at: str, fn: Callable[[Session], T]) -> T:
        with self.database.read(self.parse_local(at)) as session:
            return fn(session)

    def edition(self, session: Session, day: str) -> Edition:
        query = select(Edition).filter_by(newsletter_id=self.mira.newsletter_id, rule_date=date.fromisoformat(day))
        return session.scalars(query).one()

    def day_of(self, session: Session, assignment: Assignment) -> str | None:
        edition = session.get(Edition, assignment.for_edition_id or 0)
        return edition.rule_date.isoformat() if edition else None

    def prepare(self, at: str, day: str | None) -> int:
        """Prepare an invitation to Leyla, for the edition of a day."""

        def fn(session: Session) -> int:
            question = actions.open_question(
                session, self.mira, [], headline="Salt", body="Who measures?", language="en"
            )
            wording.clear(session, self.mira, question, question.text_id or 0)
            leyla = session.get_one(Expert, self.leyla.expert_id)
            edition_id = self.edition(session, day).id if day else None
            return assigning.assign(session, self.mira, question, leyla, for_edition_id=edition_id).id

        return self.write(at, fn)

    def ask(self, at: str, day: str | None) -> int:
        key = self.prepare(at, day)
        self.write(at, lambda session: invitations.invite(session, self.mira, session.get_one(Assignment, key)))
        return key

    def dates(self, key: int) -> tuple[str | None, str | None, str | None]:
        """The day of the edition, when the text is due, and when the quote check ends."""

        def fn(session: Session) -> tuple[str | None, str | None, str | None]:
            assignment = session.get_one(Assignment, key)
            check = session.scalar(
                select(Check).join(Answer).where(Answer.assignment_id == key, Check.ended_at.is_(None))
            )
            due_at = self.show(assignment.due_at)
            return self.day_of(session, assignment), due_at, self.show(check.due_at) if check else None

        return self.read("2026-11-01T00:00", fn)

    def send_and_edit(self, at: str, key: int) -> None:
        """Leyla's text comes, and Mira edits it."""

        def fn(session: Session) -> None:
            content = writing.AnswerContent("We put up salt plates and count what falls.", own_words=True)
            answer = writing.submit(session, self.leyla, session.get_one(Assignment, key), content)
            editing.edit(session, self.mira, answer, "We put up plates and count what falls.")

        self.write(at, fn)

    def check(self, at: str, key: int) -> None:
        def fn(session: Session) -> None:
            invitations.ask_check(
                session, self.mira, session.scalars(select(Answer).filter_by(assignment_id=key)).one()
            )

        self.write(at, fn)

    def move(self, at: str, day: str, by: timedelta) -> None:
        def fn(session: Session) -> None:
            edition = self.edition(session, day)
            reschedule.move(session, self.mira, edition, datetime.fromisoformat(edition.local_at) + by)

        self.write(at, fn)

    def mails(self) -> list[tuple[str, str]]:
        with self.database.read() as session:
            mails = session.scalars(select(OutboxMail).where(OutboxMail.kind.like("expert.%")).order_by(OutboxMail.id))
            return [(mail.kind, mail.state) for mail in mails]

    def last_mail(self) -> str:
        with self.database.read() as session:
            mails = select(OutboxMail).where(OutboxMail.kind.like("expert.%")).order_by(OutboxMail.id.desc())
            message = outbox.read(session, session.scalars(mails).first())
            return f"{message.subject}\n{message.text}".replace("\n", " ")


@pytest.fixture
def zone() -> str:
    return "Europe/Prague"


@pytest.fixture
def coast(database: Database, newsroom: Newsroom, zone: str) -> Coast:
    columns = {
        "slug": "coast", "name": "The Coast", "publisher": "Meridian", "editor": "Mira", "language": "en", "languages": ["en"],
        "address": "mira@coast.example", "section": "Ask", "rule": "FREQ=MONTHLY;BYDAY=1WE,3WE", "rule_start": date(2022, 1, 1),
        "at": "09:00", "zone": zone, "skips": [], "extra": [], "undo_seconds": 0,
    }  # fmt: skip
    at = datetime.fromisoformat(FOUNDED).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    key = database.write(lambda session: founding.create_newsletter(session, Clock(), columns, {}).id, at=at)
    return Coast(database, Staff(newsroom.nora.person_id, "Mira", key, "editor"), newsroom.leyla, zone)


@pytest.mark.parametrize(
    ("asked_at", "runs", "due_at", "check_until"),
    [
        ("2026-11-10T10:00", "2026-11-18T09:00", "2026-11-13T18:00", "2026-11-16T09:00"),
        ("2026-11-14T10:00", "2026-12-02T09:00", "2026-11-27T18:00", "2026-11-30T09:00"),  # too near
        ("2026-11-16T08:59", "2026-12-02T09:00", "2026-11-27T18:00", "2026-11-30T09:00"),
        ("2026-11-16T09:00", "2026-12-02T09:00", "2026-11-27T18:00", "2026-11-30T09:00"),  # at the cut-off
        ("2026-11-17T10:00", "2026-12-02T09:00", "2026-11-27T18:00", "2026-11-30T09:00"),  # in the gap
        ("2026-11-18T10:00", "2026-12-02T09:00", "2026-11-27T18:00", "2026-11-30T09:00"),  # it has run
    ],
)
@pytest.mark.parametrize("zone", ["Europe/Prague", "Asia/Tashkent", "America/New_York"])
def test_an_invitation_names_dates_of_one_edition_in_order(
    coast: Coast, asked_at: str, runs: str, due_at: str, check_until: str
) -> None:
    key = coast.ask(asked_at, "2026-11-18")

    def list_dates(session: Session) -> list[str | None]:
        schedule = plan_assignment(session, session.get_one(Assignment, key)).schedule
        dates = (schedule.asked_at, schedule.due_at, schedule.check_until, schedule.cutoff_at, schedule.runs_at)
        return [coast.show(moment) for moment in dates]

    dates = coast.read(asked_at, list_dates)
    assert dates == [asked_at, due_at, check_until, check_until, runs]
    assert dates == sorted(dates, key=str)
    local_due, local_run = datetime.fromisoformat(due_at), datetime.fromisoformat(runs)
    mail = coast.last_mail()
    assert f"in your own words, by {local_due:%A} {local_due.day} {local_due:%B}, 18:00" in mail
    assert f"It would run on {local_run:%A} {local_run.day} {local_run:%B}" in mail


@pytest.mark.parametrize(
    ("asked_at", "day", "due_at", "check_until"),
    [
        ("2027-03-22T10:00", "2027-04-07", "2027-04-02T18:00", "2027-04-05T09:00"),
        ("2026-10-19T10:00", "2026-11-04", "2026-10-30T18:00", "2026-11-02T09:00"),
    ],
    ids=["summer time begins in between", "summer time ends in between"],
)
def test_the_hours_stay_when_the_clocks_change(
    coast: Coast, asked_at: str, day: str, due_at: str, check_until: str
) -> None:
    coast.write("2027-01-10T10:00", lambda session: planning.plan_all(session, Clock()))
    key = coast.ask(asked_at, day)
    schedule = coast.read(asked_at, lambda session: plan_assignment(session, session.get_one(Assignment, key)).schedule)
    assert (coast.show(schedule.due_at), coast.show(schedule.check_until)) == (due_at, check_until)


@pytest.mark.parametrize(
    ("asked_at", "day", "ends"),
    [
        ("2026-11-10T10:24", "2026-11-18", "2026-11-12T11:00"),
        ("2026-11-10T04:24", "2026-11-18", "2026-11-12T09:00"),
        ("2026-11-11T19:00", "2026-11-18", "2026-11-16T09:00"),  # Friday evening is no working time
        ("2026-11-14T20:00", "2026-11-18", "2026-11-16T09:00"),  # the cut-off comes first
        ("2026-11-15T08:59", "2026-11-18", "2026-11-16T09:00"),
        ("2026-11-15T09:01", "2026-12-02", "2026-11-17T10:00"),  # less than a day: it is for the next one
        ("2026-11-16T10:00", "2026-12-02", "2026-11-18T10:00"),
    ],
)
@pytest.mark.parametrize("zone", ["Europe/Prague", "Asia/Tashkent"])
def test_a_quote_check_ends_in_working_hours_before_the_cut_off(
    coast: Coast, asked_at: str, day: str, ends: str
) -> None:
    key = coast.ask("2026-11-02T10:00", "2026-11-18")
    coast.send_and_edit("2026-11-10T01:00", key)
    coast.check(asked_at, key)
    assert coast.dates(key)[::2] == (day, ends)
    runs_on = date.fromisoformat(day)
    assert f"Your answer for {runs_on:%a} {runs_on.day} {runs_on:%b}" in coast.last_mail()


def test_a_locked_edition_takes_no_invitation_from_a_draft(coast: Coast) -> None:
    key = coast.prepare("2026-11-10T10:00", "2026-11-18")
    at = coast.parse_local("2026-11-11T10:00")
    coast.write(
        "2026-11-11T10:00",
        lambda session: EDITION.apply(session, coast.mira, coast.edition(session, "2026-11-18"), "lock", locked_at=at),
    )
    coast.write(
        "2026-11-11T11:00", lambda session: invitations.invite(session, coast.mira, session.get_one(Assignment, key))
    )
    assert coast.dates(key) == ("2026-12-02", "2026-11-27T18:00", None)


def test_more_time_than_the_edition_has_is_time_for_the_next_one(coast: Coast) -> None:
    key = coast.ask("2026-11-02T10:00", "2026-11-18")

    def extend(due_at: str) -> str | None:
        def fn(session: Session) -> str | None:
            edition = invitations.extend(
                session, coast.mira, session.get_one(Assignment, key), coast.parse_local(due_at)
            )
            return edition.rule_date.isoformat() if edition else None

        return coast.write("2026-11-10T10:00", fn)

    assert extend("2026-11-15T09:00") is None
    assert coast.mails() == [("expert.invitation", "queued")]
    assert extend("2026-11-15T09:01") == "2026-12-02"
    assert coast.dates(key) == ("2026-12-02", "2026-11-15T09:01", None)
    assert coast.mails() == [("expert.invitation", "queued"), ("expert.moved", "queued")]
    assert "it runs on Wednesday 2 December. I’d like to have your text by Sunday 15 November" in coast.last_mail()
    with pytest.raises(DueTooLate):
        extend("2028-01-01T09:00")


def test_an_answer_goes_back_with_a_date_that_fits_an_edition(coast: Coast) -> None:
    key = coast.ask("2026-11-02T10:00", "2026-11-18")
    coast.send_and_edit("2026-11-10T01:00", key)

    def fn(session: Session) -> None:
        answer = session.scalars(select(Answer).filter_by(assignment_id=key)).one()
        invitations.send_back(session, coast.mira, answer, "Since when?", coast.parse_local("2026-11-20T18:00"))

    coast.write("2026-11-12T10:00", fn)
    assert coast.dates(key) == ("2026-12-02", "2026-11-20T18:00", None)


def test_an_open_check_moves_with_its_edition_and_back(coast: Coast) -> None:
    key = coast.ask("2026-11-02T10:00", "2026-11-18")
    coast.send_and_edit("2026-11-10T01:00", key)
    coast.check("2026-11-10T10:00", key)
    before = coast.dates(key)
    assert before == ("2026-11-18", "2026-11-13T18:00", "2026-11-12T10:00")
    coast.write(
        "2026-11-10T11:00", lambda s: setattr(s.get_one(Newsletter, coast.mira.newsletter_id), "undo_seconds", 60)
    )
    coast.move("2026-11-10T11:00", "2026-11-18", DAY)
    assert coast.dates(key) == ("2026-11-19", "2026-11-13T18:00", "2026-11-13T10:00")
    assert "now to run on Thursday 19 November" in coast.last_mail()
    assert "Please look at the edited text by Friday 13 November, 10:00" in coast.last_mail()

    def take_back(session: Session) -> None:
        event = find_latest_event(session, "edition", coast.edition(session, "2026-11-19").id, "edition.move")
        assert undo.undo(session, coast.mira, [event.id])[1] == []

    coast.write("2026-11-10T11:00", take_back)
    assert coast.dates(key) == before


def test_what_an_earlier_edition_leaves_no_time_for_is_for_the_next_one(coast: Coast) -> None:
    text = coast.ask("2026-11-02T10:00", "2026-11-18")
    checked = coast.ask("2026-11-02T10:00", "2026-11-18")
    coast.send_and_edit("2026-11-10T01:00", checked)
    coast.check("2026-11-10T10:00", checked)
    coast.move("2026-11-10T11:00", "2026-11-18", -5 * DAY)  # to Friday, with its cut-off on Wednesday
    assert coast.dates(text) == ("2026-12-02", "2026-11-27T18:00", None)
    assert coast.dates(checked) == ("2026-12-02", "2026-11-13T18:00", "2026-11-12T10:00")
    assert [kind for kind, _state in coast.mails() if kind == "expert.moved"] == ["expert.moved"] * 2


def test_a_picked_question_stays_in_its_edition_and_its_check_ends_before_the_cut_off(coast: Coast) -> None:
    key = coast.ask("2026-11-02T10:00", "2026-11-18")
    coast.send_and_edit("2026-11-05T01:00", key)
    coast.check("2026-11-10T10:00", key)
    coast.move("2026-11-10T11:00", "2026-11-18", -3 * DAY)  # to Sunday, with its cut-off on Friday
    assert coast.dates(key)[::2] == ("2026-11-15", "2026-11-12T10:00")
    coast.move("2026-11-10T11:00", "2026-11-15", -DAY)  # its cut-off is on Thursday at nine
    assert coast.dates(key)[::2] == ("2026-11-14", "2026-11-12T09:00")


def test_a_move_is_not_taken_back_once_a_check_that_moved_with_it_has_ended(coast: Coast) -> None:
    key = coast.ask("2026-11-02T10:00", "2026-11-18")
    coast.send_and_edit("2026-11-10T01:00", key)
    coast.check("2026-11-10T10:00", key)
    coast.move("2026-11-10T11:00", "2026-11-18", DAY)

    def end_check(session: Session) -> None:
        answer = session.scalars(select(Answer).filter_by(assignment_id=key)).one()
        editing.recall_check(session, coast.mira, answer)

    def take_back(session: Session) -> None:
        event = find_latest_event(session, "edition", coast.edition(session, "2026-11-19").id, "edition.move")
        with pytest.raises(VersionConflict):
            reschedule.undo_move(session, coast.mira, coast.edition(session, "2026-11-19"), event)
        session.rollback()

    coast.write("2026-11-10T11:01", end_check)
    coast.write("2026-11-10T11:02", take_back)
    with coast.database.read() as session:
        assert coast.show(session.scalars(select(Check)).one().due_at) == "2026-11-13T10:00"


@pytest.mark.parametrize("hold", [True, False], ids=["held", "on its way"])
def test_no_news_of_another_date_overtakes_the_invitation(coast: Coast, hold: bool) -> None:
    held_kinds = ["expert.invitation"] if hold else []
    coast.write(FOUNDED, lambda s: setattr(s.get_one(Newsletter, coast.mira.newsletter_id), "held_kinds", held_kinds))
    coast.ask("2026-11-02T10:00", "2026-11-18")
    coast.move("2026-11-02T11:00", "2026-11-18", DAY)
    state = "held" if hold else "queued"
    assert coast.mails() == [("expert.invitation", state), ("expert.moved", state)]


@pytest.mark.parametrize(
    ("at", "is_refused"),
    [("2026-11-06T10:00", False), ("2026-11-11T10:00", True), ("2026-11-14T10:00", True), ("2026-11-17T10:00", True)],
    ids=["in time", "after the date for a yes", "after the text is due", "after the cut-off"],
)
def test_a_held_invitation_leaves_only_while_its_dates_are_ahead(coast: Coast, at: str, is_refused: bool) -> None:
    coast.write(
        FOUNDED, lambda s: setattr(s.get_one(Newsletter, coast.mira.newsletter_id), "held_kinds", ["expert.invitation"])
    )
    coast.ask("2026-11-02T10:00", "2026-11-18")
    _expect_refusal(coast, at, is_refused)


@pytest.mark.parametrize(
    ("at", "is_refused"), [("2026-11-11T09:00", False), ("2026-11-11T11:00", True), ("2026-11-13T09:00", True)]
)
def test_a_held_check_leaves_only_while_a_day_is_left_for_it(coast: Coast, at: str, is_refused: bool) -> None:
    """Silence would count as consent as soon as it left."""
    key = coast.ask("2026-11-02T10:00", "2026-11-18")
    coast.send_and_edit("2026-11-10T01:00", key)
    coast.write(
        FOUNDED, lambda s: setattr(s.get_one(Newsletter, coast.mira.newsletter_id), "held_kinds", ["expert.check"])
    )
    coast.check("2026-11-10T10:00", key)
    _expect_refusal(coast, at, is_refused)


@pytest.mark.parametrize(("at", "is_refused"), [("2026-11-10T10:05", False), ("2026-11-10T22:30", True)])
def test_a_short_check_leaves_while_half_of_its_time_is_left(coast: Coast, at: str, is_refused: bool) -> None:
    """It had 24 hours, the least that a check has. An editor who releases it five minutes later is in time."""

    def set_short_check(session: Session) -> None:
        newsletter = session.get_one(Newsletter, coast.mira.newsletter_id)
        newsletter.held_kinds, newsletter.check_hours = ["expert.check"], 24

    key = coast.ask("2026-11-02T10:00", "2026-11-18")
    coast.send_and_edit("2026-11-10T01:00", key)
    coast.write(FOUNDED, set_short_check)
    coast.check("2026-11-10T10:00", key)
    _expect_refusal(coast, at, is_refused)


def _expect_refusal(coast: Coast, at: str, is_refused: bool) -> None:
    def fn(session: Session) -> Any:
        mail = session.scalars(select(OutboxMail).where(OutboxMail.is_held)).one()
        return invitations.require_dates_ahead(session, mail)

    if is_refused:
        with pytest.raises(InvalidField) as refusal:
            coast.read(at, fn)
        assert refusal.value.code == "invalid.mail_dates_over"
    else:
        coast.read(at, fn)


def test_with_an_earlier_cut_off_in_the_settings_dates_move_and_experts_are_told(coast: Coast) -> None:
    near = coast.ask("2026-11-02T10:00", "2026-11-18")
    far = coast.ask("2026-11-02T10:00", "2026-12-02")

    def change(session: Session) -> None:
        newsletter = session.get_one(Newsletter, coast.mira.newsletter_id)
        newsletter.cutoff_minutes = 6 * 24 * 60  # on Thursday of the week before
        reschedule.plan_again(session, coast.mira, newsletter)

    coast.write("2026-11-02T11:00", change)
    assert coast.dates(near) == ("2026-11-18", "2026-11-09T18:00", None)
    assert coast.dates(far) == ("2026-12-02", "2026-11-23T18:00", None)
    assert [kind for kind, _state in coast.mails()] == ["expert.invitation"] * 2 + ["expert.moved"] * 2
    coast.write("2026-11-02T12:00", change)
    assert len(coast.mails()) == 4


def test_dates_that_still_fit_stay_when_the_settings_change_the_hour(coast: Coast) -> None:
    """An hour before the text is due, the edition gets another hour: nobody gets more time, or another mail."""
    key = coast.ask("2026-11-02T10:00", "2026-11-18")

    def change(session: Session) -> None:
        newsletter = session.get_one(Newsletter, coast.mira.newsletter_id)
        newsletter.at = "10:00"
        reschedule.plan_again(session, coast.mira, newsletter)
        assert coast.show(coast.edition(session, "2026-11-18").runs_at) == "2026-11-18T10:00"

    coast.write("2026-11-13T17:00", change)
    assert coast.dates(key) == ("2026-11-18", "2026-11-13T18:00", None)
    assert coast.mails() == [("expert.invitation", "queued")]
