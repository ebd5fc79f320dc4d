"""Reminders to experts: at most one before the text is due and at most one after it, each in the newsletter's morning.

Whoever has said yes is reminded two days before the date, or half-way to it where that is later; and once more the
morning after it, while nothing has come. Who has said nothing to the invitation is reminded once, on the day by which a
word was asked for, if the text is still due later; and never after that: who never said yes owes no text. With more
time there is no second reminder before, and the one after goes by the new date. All stops with an answer, a no, a
cancellation, and while a mail of the expert's waits on the assignment to be filed. Of an invitation that never reached
them nobody is reminded, and nobody while the newsletter pauses.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from sqlalchemy import String, cast, exists, literal, select
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement

from ..core.actors import Clock
from ..db.engine import Database
from ..db.session import lock_row, now
from ..mail import outbox
from ..mail.mail_values import AssignmentMail
from ..mail.models import OutboxMail
from ..newsletters.models import Newsletter
from ..newsletters.queries import all_newsletters
from ..people import directory
from . import expert_mails
from .mailed_answers import waiting_letters
from .models import Assignment

MORNING, NOON = time(9), time(12)  # local; what missed its morning waits for the next one
AHEAD = timedelta(days=2)  # before the date
DAY = timedelta(days=1)
BREATH = timedelta(hours=12)  # nobody is reminded sooner after they were asked, or said yes
LATEST = timedelta(days=3)  # after the date; whatever is older the desk has in hand
MANY = 100  # of a newsletter at once; the rest is found the next time


@dataclass(frozen=True)
class Reminder:
    """`cause` makes it the only one of its kind for an assignment, ever; `at` is when it is to go out."""

    cause: str
    at: datetime


def remind(database: Database, now: datetime | None = None) -> int:
    """Write the reminders that are due, each in a transaction that finds it still due. Returns how many."""
    with database.read(now) as session:
        running = all_newsletters(session, Newsletter.is_running)
        found = [key for newsletter in running for key in find_due_reminders(session, newsletter)]
    return sum(database.write(partial(_remind, assignment_id=key), now) for key in found)


def find_due_reminders(session: Session, newsletter: Newsletter) -> list[int]:
    """Find the assignments for which a reminder is due now, by short walks of indexes, however many there are."""
    rows = [
        row for condition in _due_conditions(now(session)) for row in _find_assignments(session, newsletter, condition)
    ]
    waits = waiting_letters(session, [row.id for row in rows]) if rows else set()
    return [row.id for row in rows if row.id not in waits and get_due_reminder(row, newsletter.zone, now(session))]


def get_due_reminder(assignment: Assignment, zone: str, now: datetime) -> Reminder | None:
    """The reminder that an assignment calls for at this time, from its dates alone."""
    if not MORNING <= now.astimezone(ZoneInfo(zone)).time() < NOON:
        return None
    return next(
        (one for one in _plan_reminders(assignment, zone) if one.at <= now < _reminder_deadline(assignment, one)), None
    )


def _plan_reminders(assignment: Assignment, zone: str) -> list[Reminder]:
    """Return when an assignment's reminders go out, by its dates as they are now."""
    since, due_at = assignment.state_at, assignment.due_at
    if due_at is None:
        return []
    if assignment.is_invited:
        before = _plan_early_reminder(since, assignment.reply_by or due_at, due_at, zone)
        return [before] if before else []
    if not assignment.is_writing:
        return []
    before = _plan_early_reminder(since, max(due_at - AHEAD, since + (due_at - since) / 2), due_at, zone)
    after = Reminder("remind:after", _morning(due_at + DAY, zone))
    return [before, after] if before else [after]


def _plan_early_reminder(state_at: datetime, preferred_at: datetime, due_at: datetime, zone: str) -> Reminder | None:
    """The morning of the wanted day, or the next one where that is too soon; none where no morning fits in between."""
    mornings = (_morning(preferred_at + days * DAY, zone) for days in (0, 1))
    found = next((moment for moment in mornings if state_at + BREATH <= moment < due_at), None)
    return Reminder("remind:before", found) if found else None


def _morning(timestamp: datetime, zone: str) -> datetime:
    """The morning of a moment's day by the newsletter's clock."""
    local = timestamp.astimezone(ZoneInfo(zone))
    return datetime.combine(local.date(), MORNING, ZoneInfo(zone))


def _reminder_deadline(assignment: Assignment, reminder: Reminder) -> datetime:
    due_at = assignment.due_at or reminder.at
    return due_at if reminder.cause == "remind:before" else due_at + LATEST


def _due_conditions(now: datetime) -> tuple[tuple[str, str, ColumnElement[bool], ColumnElement[bool]], ...]:
    """Return where reminders can be due: a state, the cause that must not have had its mail, and stretches of its
    dates.
    """
    soon = Assignment.due_at.between(now, now + AHEAD + DAY)
    replies = Assignment.reply_by.between(now - LATEST, now + DAY)
    over = Assignment.due_at.between(now - LATEST, now)
    return (
        ("invited", "remind:before", replies, Assignment.due_at > now),
        ("accepted", "remind:before", soon, literal(True)),
        ("returned", "remind:before", soon, literal(True)),
        ("accepted", "remind:after", over, literal(True)),
        ("returned", "remind:after", over, literal(True)),
    )


def _find_assignments(
    session: Session, newsletter: Newsletter, condition: tuple[str, str, ColumnElement[bool], ColumnElement[bool]]
) -> Sequence[Assignment]:
    state, cause, dates, more = condition
    written = exists().where(OutboxMail.once_key == literal(f"{cause}:") + cast(Assignment.id, String))
    query = select(Assignment).where(
        Assignment.newsletter_id == newsletter.id, Assignment.state == state, dates, more, ~written
    )
    return session.scalars(query.order_by(Assignment.due_at, Assignment.id).limit(MANY)).all()


def _reached(session: Session, assignment: Assignment) -> bool:
    """Return whether the expert can have the invitation: there is an address, and it was neither held back nor refused
    there.
    """
    mails = select(OutboxMail).where(OutboxMail.assignment_id == assignment.id, OutboxMail.kind == "expert.invitation")
    newest = session.scalar(mails.order_by(OutboxMail.id.desc()).limit(1))
    return not (newest and newest.has_stopped) and directory.email_of(session, assignment.expert.person) is not None


def _remind(session: Session, assignment_id: int) -> bool:
    assignment = lock_row(session, session.get_one(Assignment, assignment_id))
    newsletter = session.get_one(Newsletter, assignment.newsletter_id)
    reminder = get_due_reminder(assignment, newsletter.zone, now(session))
    if reminder is None or not newsletter.is_running or waiting_letters(session, [assignment.id]):
        return False
    once_key = f"{reminder.cause}:{assignment.id}"
    if outbox.is_enqueued(session, once_key) or not _reached(session, assignment):
        return False
    kind = {"remind:before": "expert.reminder", "remind:after": "expert.overdue"}[reminder.cause]
    link = expert_mails.assignment_link(session, assignment)
    values = AssignmentMail(due_at=assignment.due_at, link=link, silent=assignment.is_invited)
    expert_mails.send_to_expert(session, Clock(), assignment, kind, values, once_key=once_key)
    return True
