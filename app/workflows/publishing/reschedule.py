"""Rescheduling an edition, and handing its assignments over to the next one.

Experts are told. Due dates of owed texts move by as many days as the edition, and keep their hour, unless this leaves
the expert less than a day. The cut-off, readers' pages and the calendar feed are derived from the edition's time.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from ... import audit
from ...answers import expert_mails
from ...answers.models import Assignment
from ...audit import Event
from ...core.actors import Staff
from ...core.domain_errors import VersionConflict
from ...core.state_machine import must
from ...db.session import lock_row, now
from ...editions import planning, slots
from ...editions.calendar import default_due_at, in_utc
from ...editions.models import Edition
from ...mail.mail_values import AssignmentMail
from ...newsletters.models import Newsletter
from ...questions.models import Question
from . import notices

MOVED_MAIL = "expert.moved"  # the kind of mail that tells an expert the new dates
MIN_TIME_LEFT = timedelta(days=1)  # for an expert, before a moved due date
DATE_COLUMNS = ("due_at", "reply_by")


def move(session: Session, actor: Staff, edition: Edition, local_at: datetime) -> None:
    """Reschedule a planned edition to another local time, and tell its experts. Does nothing if the time is the same.

    Raises `PermissionDenied`, `InvalidTransition`, and `InvalidField` as `planning.reschedule_edition` does.
    """
    must(actor, "edition")
    slots.require_planned(lock_row(session, edition))
    newsletter = lock_row(session, session.get_one(Newsletter, edition.newsletter_id))
    if local_at.isoformat(timespec="minutes") == edition.local_at:
        return
    former_calendar = _calendar_of(newsletter, edition)
    former_date = edition.rule_date
    planning.reschedule_edition(session, newsletter, edition, local_at)
    last_mail_id = notices.get_newest_mail_id(session)
    assignments = list_assignments(session, edition)
    former_dates = _move_dates(session, actor, assignments, edition, edition.rule_date - former_date)
    questions = slots.list_picked_questions(session, edition)
    for question in questions:
        notices.tell_experts(session, actor, question, MOVED_MAIL, AssignmentMail(runs_on=edition.runs_at))
    session.flush()
    question_ids = [question.id for question in questions]
    facts = {
        "was": former_calendar,
        "to": _calendar_of(newsletter, edition),
        "asked": _dates_to_json(former_dates),
        "told": notices.list_date_mails_after(session, last_mail_id, question_ids, list(former_dates)),
    }
    audit.record(session, actor, "edition.move", edition, facts=facts)


def _calendar_of(newsletter: Newsletter, edition: Edition) -> dict[str, Any]:
    return {"at": edition.local_at, "skips": list(newsletter.skips), "extra": list(newsletter.extra)}


def undo_move(session: Session, actor: Staff, edition: Edition, event: Event) -> None:
    """Undo a move. Raises `VersionConflict` if the edition, its assignments or the calendar have changed since."""
    facts = event.facts or {}
    newsletter = lock_row(session, session.get_one(Newsletter, edition.newsletter_id))
    if not lock_row(session, edition).is_planned or _calendar_of(newsletter, edition) != facts["to"]:
        raise VersionConflict(edition.public_id)
    former_calendar = facts["was"]
    newsletter.skips, newsletter.extra = former_calendar["skips"], former_calendar["extra"]
    planning.set_time(newsletter, edition, datetime.fromisoformat(former_calendar["at"]))
    restore_dates(session, facts["asked"])
    audit.record(session, actor, "edition.move_back", edition)


def list_assignments(session: Session, edition: Edition) -> Sequence[Assignment]:
    """Return the asked assignments that are for this edition or whose question is picked for it."""
    is_for_edition = (Assignment.for_edition_id == edition.id) | (Question.edition_id == edition.id)
    query = select(Assignment).join(Question, Question.id == Assignment.question_id)
    return session.scalars(query.where(Assignment.is_asked, is_for_edition).order_by(Assignment.id)).all()


def hand_over_assignments(session: Session, actor: Staff, edition: Edition) -> dict[str, Any]:
    """Hand the assignments for a skipped edition over to the next one that takes answers, and tell the experts.

    Return the former dates for `restore_dates`. Without such an edition, change nothing and return an empty dict.
    """
    target = session.scalar(slots.select_later_editions(edition).where(Edition.cutoff_at > now(session)).limit(1))
    if target is None:
        return {}
    assignments = [
        assignment for assignment in list_assignments(session, edition) if assignment.for_edition_id == edition.id
    ]
    former_dates = _move_dates(session, actor, assignments, target, target.rule_date - edition.rule_date)
    return _dates_to_json(former_dates)


def _move_dates(
    session: Session, actor: Staff, assignments: Sequence[Assignment], edition: Edition, shift: timedelta
) -> dict[int, dict[str, Any]]:
    """Move the dates of assignments to suit an edition, and tell their experts.

    Return the former values of the changed columns by assignment key.
    """
    newsletter = session.get_one(Newsletter, edition.newsletter_id)
    former_dates = {}
    for assignment in assignments:
        lock_row(session, assignment)
        former_dates[assignment.id] = {name: getattr(assignment, name) for name in (*DATE_COLUMNS, "for_edition_id")}
        if assignment.for_edition_id is not None:
            assignment.for_edition_id = edition.id
        due_at = assignment.due_at if assignment.owes_text else None
        if due_at is not None:
            due_at = assignment.due_at = _shift_due_at(session, newsletter.zone, due_at, shift, edition)
            if assignment.reply_by is not None:
                assignment.reply_by = min(assignment.reply_by, due_at)
        mail_values = AssignmentMail(due_at=due_at, runs_on=edition.runs_at)
        expert_mails.send_to_expert(session, actor, assignment, MOVED_MAIL, mail_values)
    return former_dates


def _shift_due_at(session: Session, zone: str, due_at: datetime, shift: timedelta, edition: Edition) -> datetime:
    """Return the due time shifted in local time, or the default one if that leaves less than `MIN_TIME_LEFT`."""
    local_due_at = due_at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    shifted_due_at = in_utc(local_due_at + shift, zone)
    if shifted_due_at >= now(session) + MIN_TIME_LEFT:
        return shifted_due_at
    return default_due_at(edition.cutoff_at, zone, now(session))


def _dates_to_json(former_dates: dict[int, dict[str, Any]]) -> dict[str, Any]:
    return {
        str(key): {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}
        for key, values in former_dates.items()
    }


def restore_dates(session: Session, former_dates: dict[str, Any]) -> None:
    """Restore the dates of assignments from `_dates_to_json`.

    Raises `VersionConflict` if an assignment isn't with its expert, or its text on the desk, any more.
    """
    for key, values in former_dates.items():
        assignment = lock_row(session, session.get_one(Assignment, int(key)))
        if not assignment.is_asked:
            raise VersionConflict(assignment.public_id)
        for name in DATE_COLUMNS:
            setattr(assignment, name, datetime.fromisoformat(values[name]) if values[name] else None)
        assignment.for_edition_id = values["for_edition_id"]
