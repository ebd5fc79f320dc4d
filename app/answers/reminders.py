"""Reminders to experts: at most one before the text is due and one after it, in the morning of the newsletter's zone.

An expert who has accepted is reminded two days before the deadline, or half-way to it if that is later, and once more
the morning after it if nothing has come. An expert who has not replied to the invitation is reminded once, on the day
of `reply_by`, if the text is still due later, and never after that: without accepting they owe no text. After an
extension there is no second early reminder, and the late one follows the new deadline. Reminders end with an answer, a
refusal or a cancellation. They pause while a mail from the expert waits to be filed, and while the newsletter is
paused. An expert whom the invitation never reached gets none.
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

MORNING, NOON = time(9), time(12)  # local; a reminder that misses its morning waits for the next one
AHEAD = timedelta(days=2)  # before the deadline
DAY = timedelta(days=1)
BREATH = timedelta(hours=12)  # least time between an invitation or an acceptance and a reminder
LATEST = timedelta(days=3)  # after the deadline; anything later is left to the desk
MANY = 100  # assignments per newsletter and query; the rest follows in the next run


@dataclass(frozen=True)
class Reminder:
    """A reminder that is due from `at`. An assignment gets at most one per `cause`, ever."""

    cause: str
    at: datetime


def remind(database: Database, now: datetime | None = None) -> int:
    """Queue the reminders that are due, each in a transaction that checks this again. Return how many."""
    with database.read(now) as session:
        running = all_newsletters(session, Newsletter.is_running)
        found = [key for newsletter in running for key in find_due_reminders(session, newsletter)]
    return sum(database.write(partial(_remind, assignment_id=key), now) for key in found)


def find_due_reminders(session: Session, newsletter: Newsletter) -> list[int]:
    """Return the IDs of assignments for which a reminder is due now, by short range scans of indexes."""
    rows = [
        row for condition in _due_conditions(now(session)) for row in _find_assignments(session, newsletter, condition)
    ]
    waits = waiting_letters(session, [row.id for row in rows]) if rows else set()
    return [row.id for row in rows if row.id not in waits and get_due_reminder(row, newsletter.zone, now(session))]


def get_due_reminder(assignment: Assignment, zone: str, now: datetime) -> Reminder | None:
    """Return the reminder of an assignment that is due now according to its dates alone, or None."""
    if not MORNING <= now.astimezone(ZoneInfo(zone)).time() < NOON:
        return None
    return next(
        (one for one in _plan_reminders(assignment, zone) if one.at <= now < _reminder_deadline(assignment, one)), None
    )


def _plan_reminders(assignment: Assignment, zone: str) -> list[Reminder]:
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
    """Plan a reminder for the morning of the preferred day, or the next if that is too soon; None if neither fits."""
    mornings = (_morning(preferred_at + days * DAY, zone) for days in (0, 1))
    found = next((moment for moment in mornings if state_at + BREATH <= moment < due_at), None)
    return Reminder("remind:before", found) if found else None


def _morning(timestamp: datetime, zone: str) -> datetime:
    local = timestamp.astimezone(ZoneInfo(zone))
    return datetime.combine(local.date(), MORNING, ZoneInfo(zone))


def _reminder_deadline(assignment: Assignment, reminder: Reminder) -> datetime:
    due_at = assignment.due_at or reminder.at
    return due_at if reminder.cause == "remind:before" else due_at + LATEST


def _due_conditions(now: datetime) -> tuple[tuple[str, str, ColumnElement[bool], ColumnElement[bool]], ...]:
    """Return where reminders can be due: state, cause that has sent no mail yet, range of a date, further condition."""
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
    """Return whether the expert has an address, and the invitation, if there is a mail, is neither held nor failed."""
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
