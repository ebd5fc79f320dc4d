"""Reminders to experts: at most one before the text is due and one after it, in the morning of the newsletter's zone.

An expert who has accepted is reminded two days before the deadline, or half-way to it if that is later, and once more
on the morning after the deadline if no text has come. An expert who has not replied to the invitation is reminded only
once, on the day of `reply_by`, if the text is due later: without accepting they owe no text. If the deadline is
extended after the early reminder, this isn't repeated, and the late one follows the new deadline. Reminders end with an
answer, a refusal or a cancellation. They pause while a mail from the expert waits to be filed, and while the newsletter
is paused. Experts whom the invitation did not reach get none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import partial
from typing import NamedTuple
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
from .mailed_answers import find_with_waiting_letter
from .models import Assignment

MORNING, NOON = time(9), time(12)  # in the newsletter's zone; reminders are only sent between them
EARLY_BY = timedelta(days=2)  # from the early reminder to the deadline
DAY = timedelta(days=1)
MIN_PAUSE = timedelta(hours=12)  # between the last step, such as an acceptance, and the early reminder
LATE_FOR = timedelta(days=3)  # how long after the deadline a late reminder can be sent; then the desk takes over
EARLY, LATE = "remind:before", "remind:after"  # causes of reminders, stored in the `once_key` of their mails
MAIL_KIND_BY_CAUSE = {EARLY: "expert.reminder", LATE: "expert.overdue"}
MAX_ASSIGNMENTS = 100  # per newsletter and query; the others follow in the next run


@dataclass(frozen=True)
class Reminder:
    """A reminder that may be sent from `starts_at`. An assignment gets at most one per `cause`, `EARLY` or `LATE`."""

    cause: str
    starts_at: datetime


def remind(database: Database, now: datetime | None = None) -> int:
    """Queue the reminders that are due, each in a transaction that checks this again. Return their number."""
    with database.read(now) as session:
        running = all_newsletters(session, Newsletter.is_running)
        due_ids = [due_id for newsletter in running for due_id in find_due_reminders(session, newsletter)]
    count = 0
    for assignment_id in due_ids:
        count += database.write(partial(_remind_if_due, assignment_id=assignment_id), now)
    return count


def find_due_reminders(session: Session, newsletter: Newsletter) -> list[int]:
    """Return the IDs of assignments for which a reminder is due now."""
    assignments: list[Assignment] = []
    for condition in _list_due_conditions(now(session)):
        assignments += _find_assignments(session, newsletter, condition)
    if not assignments:
        return []
    ids_with_letter = find_with_waiting_letter(session, [assignment.id for assignment in assignments])
    return [
        assignment.id
        for assignment in assignments
        if assignment.id not in ids_with_letter and get_due_reminder(assignment, newsletter.zone, now(session))
    ]


def get_due_reminder(assignment: Assignment, zone: str, current_time: datetime) -> Reminder | None:
    """Return the reminder of an assignment that is due now according to its dates alone, or None."""
    if not MORNING <= current_time.astimezone(ZoneInfo(zone)).time() < NOON:
        return None
    for reminder in _plan_reminders(assignment, zone):
        if reminder.starts_at <= current_time < _get_end(assignment, reminder):
            return reminder
    return None


def _plan_reminders(assignment: Assignment, zone: str) -> list[Reminder]:
    """Return the reminders that an assignment gets in its present state, whether sent already or not."""
    state_at, due_at = assignment.state_at, assignment.due_at
    if due_at is None:
        return []
    if assignment.is_invited:
        early = _plan_early_reminder(state_at, assignment.reply_by or due_at, due_at, zone)
        return [early] if early else []
    if not assignment.is_writing:
        return []
    half_way = state_at + (due_at - state_at) / 2
    early = _plan_early_reminder(state_at, max(due_at - EARLY_BY, half_way), due_at, zone)
    late = Reminder(LATE, _morning(due_at + DAY, zone))
    return [early, late] if early else [late]


def _plan_early_reminder(state_at: datetime, preferred_at: datetime, due_at: datetime, zone: str) -> Reminder | None:
    """Plan a reminder for the morning of the preferred day, or of the next day if that is too soon after `state_at`.

    Return None if both are too soon, or not before `due_at`.
    """
    for days in (0, 1):
        morning = _morning(preferred_at + days * DAY, zone)
        if state_at + MIN_PAUSE <= morning < due_at:
            return Reminder(EARLY, morning)
    return None


def _morning(timestamp: datetime, zone: str) -> datetime:
    local = timestamp.astimezone(ZoneInfo(zone))
    return datetime.combine(local.date(), MORNING, ZoneInfo(zone))


def _get_end(assignment: Assignment, reminder: Reminder) -> datetime:
    """Return the time from which the reminder isn't sent any more."""
    due_at = assignment.due_at or reminder.starts_at
    return due_at if reminder.cause == EARLY else due_at + LATE_FOR


class DueCondition(NamedTuple):
    """A condition under which a reminder for `cause` may be due: the assignment's state, and the range of its dates.

    It can be looked up in an index, and finds all due assignments and a few others: `get_due_reminder` decides.
    """

    state: str
    cause: str
    dates: ColumnElement[bool]


def _list_due_conditions(current_time: datetime) -> tuple[DueCondition, ...]:
    is_due_soon = Assignment.due_at.between(current_time, current_time + EARLY_BY + DAY)
    is_reply_due = Assignment.reply_by.between(current_time - LATE_FOR, current_time + DAY)
    is_late = Assignment.due_at.between(current_time - LATE_FOR, current_time)
    return (
        DueCondition("invited", EARLY, is_reply_due & (Assignment.due_at > current_time)),
        DueCondition("accepted", EARLY, is_due_soon),
        DueCondition("returned", EARLY, is_due_soon),
        DueCondition("accepted", LATE, is_late),
        DueCondition("returned", LATE, is_late),
    )


def _find_assignments(session: Session, newsletter: Newsletter, condition: DueCondition) -> Sequence[Assignment]:
    """Return assignments that meet the condition and were not reminded for its cause yet."""
    is_reminded = exists().where(OutboxMail.once_key == literal(f"{condition.cause}:") + cast(Assignment.id, String))
    query = select(Assignment).where(
        Assignment.newsletter_id == newsletter.id, Assignment.state == condition.state, condition.dates, ~is_reminded
    )
    return session.scalars(query.order_by(Assignment.due_at, Assignment.id).limit(MAX_ASSIGNMENTS)).all()


def _can_reach(session: Session, assignment: Assignment) -> bool:
    """Return whether the expert has an address and their newest invitation, if any, is neither held nor failed."""
    mails = select(OutboxMail).where(OutboxMail.assignment_id == assignment.id, OutboxMail.kind == "expert.invitation")
    newest = session.scalar(mails.order_by(OutboxMail.id.desc()).limit(1))
    if newest and newest.has_stopped:
        return False
    return directory.email_of(session, assignment.expert.person) is not None


def _remind_if_due(session: Session, assignment_id: int) -> bool:
    """Queue the reminder of an assignment if it is still due. Return whether it was queued."""
    assignment = lock_row(session, session.get_one(Assignment, assignment_id))
    newsletter = session.get_one(Newsletter, assignment.newsletter_id)
    reminder = get_due_reminder(assignment, newsletter.zone, now(session))
    if reminder is None or not newsletter.is_running or find_with_waiting_letter(session, [assignment.id]):
        return False
    once_key = f"{reminder.cause}:{assignment.id}"
    if outbox.is_enqueued(session, once_key) or not _can_reach(session, assignment):
        return False
    link = expert_mails.assignment_link(session, assignment)
    values = AssignmentMail(due_at=assignment.due_at, link=link, silent=assignment.is_invited)
    expert_mails.send_to_expert(
        session, Clock(), assignment, MAIL_KIND_BY_CAUSE[reminder.cause], values, once_key=once_key
    )
    return True
