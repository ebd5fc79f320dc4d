"""The edition that an assignment is for, and the schedule that follows from it; see `answers/schedule.py`.

An edition takes answers if it is planned and leaves time for a text and its quote check before its cut-off.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from sqlalchemy.orm import Session

from ..answers.models import Assignment
from ..answers.schedule import (
    DueTooLate,
    EditionTimes,
    Schedule,
    get_check_end,
    get_latest_due_at,
    plan_schedule,
    propose_due_at,
)
from ..db.session import now
from ..newsletters.models import Newsletter
from .models import Edition
from .queries import run_of, select_editions_to_run


def times_of(edition: Edition | None) -> EditionTimes | None:
    return EditionTimes(edition.cutoff_at, edition.runs_at) if edition else None


def takes_answers(
    newsletter: Newsletter, edition: Edition, current_time: datetime, due_at: datetime | None = None
) -> bool:
    """Return whether an expert can be asked now to write for an edition, by the default date or by `due_at`.

    If `due_at` is past, return whether a text that comes now would still be in time.
    """
    if not edition.is_planned:
        return False
    times = EditionTimes(edition.cutoff_at, edition.runs_at)
    if due_at is None:
        return propose_due_at(newsletter, times, current_time) is not None
    return max(due_at, current_time) <= get_latest_due_at(newsletter, times)


def iter_editions_taking_answers(
    session: Session, newsletter: Newsletter, due_at: datetime | None = None
) -> Iterator[Edition]:
    """Yield the editions that experts can be asked to write for, soonest first; see `takes_answers`."""
    current_time = now(session)
    for edition in session.scalars(select_editions_to_run(current_time, newsletter.id, Edition)):
        if takes_answers(newsletter, edition, current_time, due_at):
            yield edition


def list_editions_taking_answers(session: Session, newsletter: Newsletter, limit: int = 2) -> list[Edition]:
    """Return the next editions that experts can be asked to write for, soonest first."""
    return list(islice(iter_editions_taking_answers(session, newsletter), limit))


def find_edition(session: Session, assignment: Assignment, due_at: datetime | None = None) -> Edition | None:
    """Return the edition that an expert writes for if their text is due by `due_at`, or by default.

    This is the intended edition if it takes answers, or else the next one that does, or None. A text that is here can
    only run in the intended edition: None once that is past its cut-off without it.
    """
    intended = run_of(session, assignment)
    if intended is None:
        return None
    newsletter = session.get_one(Newsletter, assignment.newsletter_id)
    is_picked = assignment.question.edition_id is not None
    if assignment.has_text:
        is_open = intended.is_planned and intended.cutoff_at > now(session)
        return intended if is_picked or is_open else None
    if takes_answers(newsletter, intended, now(session), due_at):
        return intended
    return None if is_picked else find_later_edition(session, newsletter, intended, due_at)


def find_later_edition(
    session: Session, newsletter: Newsletter, intended: Edition, due_at: datetime | None = None
) -> Edition | None:
    """Return the next edition after the intended one that takes answers, by default or by `due_at`, or None."""
    later = iter_editions_taking_answers(session, newsletter, due_at)
    return next((edition for edition in later if edition.runs_at > intended.runs_at), None)


class Plan(NamedTuple):
    """The edition that an assignment is for, or None, and the schedule that follows from it."""

    edition: Edition | None
    schedule: Schedule


def plan_assignment(session: Session, assignment: Assignment) -> Plan:
    """Return the plan of an assignment that its expert has, or of a draft as it would be sent now."""
    newsletter = session.get_one(Newsletter, assignment.newsletter_id)
    asked_at, due_at, reply_by = assignment.invited_at or now(session), assignment.due_at, assignment.reply_by
    if assignment.is_drafted:  # it may have dates from an invitation that was taken back
        asked_at = now(session)
        due_at, reply_by = (time if time and time > asked_at else None for time in (due_at, reply_by))
    edition = find_edition(session, assignment, due_at)
    due_at = due_at or propose_due_at(newsletter, times_of(edition), asked_at) or asked_at
    return Plan(edition, plan_schedule(newsletter, times_of(edition), asked_at, due_at, reply_by))


def reschedule_until(session: Session, assignment: Assignment, due_at: datetime) -> Edition | None:
    """Let an assignment be for the first edition, from the intended one on, for which a text is in time by `due_at`.

    Return that edition if it is another than before. Raises `DueTooLate` if there is none.
    """
    intended = run_of(session, assignment)
    newsletter = session.get_one(Newsletter, assignment.newsletter_id)
    if intended is None or takes_answers(newsletter, intended, now(session), due_at):
        return None
    is_picked = assignment.question.edition_id is not None
    edition = None if is_picked else find_later_edition(session, newsletter, intended, due_at)
    if edition is None:
        raise DueTooLate(get_latest_due_at(newsletter, EditionTimes(intended.cutoff_at, intended.runs_at)))
    assignment.for_edition_id = edition.id
    session.flush()
    return edition


def plan_check(session: Session, assignment: Assignment) -> tuple[datetime, Edition | None]:
    """Return when a quote check that begins now ends, and the edition that leaves time for it.

    This is the intended edition, or else the next one, or None.
    """
    newsletter = session.get_one(Newsletter, assignment.newsletter_id)
    current_time = now(session)
    intended = run_of(session, assignment)
    edition = intended
    if intended and not takes_answers(newsletter, intended, current_time, current_time):
        is_picked = assignment.question.edition_id is not None
        edition = None if is_picked else find_later_edition(session, newsletter, intended, current_time)
    return get_check_end(newsletter, times_of(edition), current_time), edition
