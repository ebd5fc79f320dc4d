"""Rescheduling an edition, or handing its assignments over to the next one: dates move along, and experts are told.

The cut-off, readers' pages and the calendar feed are derived from the edition's time and need no change. Due dates of
owed texts move by the same number of days, at the same hour.
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

TELLS = "expert.moved"
A_DAY = timedelta(days=1)  # the least time that a moved due date leaves an expert
DATES = ("due_at", "reply_by")


def move(session: Session, actor: Staff, edition: Edition, local_at: datetime) -> None:
    """Reschedule a planned edition to another local time, and tell its experts. Does nothing if the time is the same.

    Raises `PermissionDenied`, `InvalidTransition`, and `InvalidField` as `planning.reschedule_edition` does.
    """
    must(actor, "edition")
    slots.require_planned(lock_row(session, edition))
    newsletter = lock_row(session, session.get_one(Newsletter, edition.newsletter_id))
    if local_at.isoformat(timespec="minutes") == edition.local_at:
        return
    was, before = _dates_of(newsletter, edition), edition.rule_date
    planning.reschedule_edition(session, newsletter, edition, local_at)
    last = notices.get_newest_mail_id(session)
    kept = _move_dates(session, actor, list_assignments(session, edition), edition, edition.rule_date - before)
    picked = slots.list_picked_questions(session, edition)
    for question in picked:
        notices.tell_experts(session, actor, question, TELLS, AssignmentMail(runs_on=edition.runs_at))
    session.flush()
    mail_ids = notices.mail_ids_since(session, last, [TELLS], [question.id for question in picked], list(kept))
    facts = {"was": was, "to": _dates_of(newsletter, edition), "asked": _dates_to_json(kept), "told": mail_ids}
    audit.record(session, actor, "edition.move", edition, facts=facts)


def _dates_of(newsletter: Newsletter, edition: Edition) -> dict[str, Any]:
    return {"at": edition.local_at, "skips": list(newsletter.skips), "extra": list(newsletter.extra)}


def undo_move(session: Session, actor: Staff, edition: Edition, event: Event) -> None:
    """Undo a move. Raises `VersionConflict` if the edition, its assignments or the calendar were changed since."""
    facts = event.facts or {}
    newsletter = lock_row(session, session.get_one(Newsletter, edition.newsletter_id))
    if not lock_row(session, edition).is_planned or _dates_of(newsletter, edition) != facts["to"]:
        raise VersionConflict(edition.public_id)
    was = facts["was"]
    newsletter.skips, newsletter.extra = was["skips"], was["extra"]
    planning.set_time(newsletter, edition, datetime.fromisoformat(was["at"]))
    restore_dates(session, facts["asked"])
    audit.record(session, actor, "edition.move_back", edition)


def list_assignments(session: Session, edition: Edition) -> Sequence[Assignment]:
    """Return the asked assignments that are for this edition or whose question is picked for it."""
    this = (Assignment.for_edition_id == edition.id) | (Question.edition_id == edition.id)
    query = select(Assignment).join(Question, Question.id == Assignment.question_id)
    return session.scalars(query.where(Assignment.is_asked, this).order_by(Assignment.id)).all()


def hand_over_assignments(session: Session, actor: Staff, edition: Edition) -> dict[str, Any]:
    """Hand the assignments for a cancelled edition over to the next one that takes answers, and tell the experts.

    Returns the former dates for `restore_dates`; they are empty, and nothing changes, if there is no such edition.
    """
    target = session.scalar(slots.select_later_editions(edition).where(Edition.cutoff_at > now(session)).limit(1))
    if target is None:
        return {}
    asked = [one for one in list_assignments(session, edition) if one.for_edition_id == edition.id]
    kept = _move_dates(session, actor, asked, target, target.rule_date - edition.rule_date)
    return _dates_to_json(kept)


def _move_dates(
    session: Session, actor: Staff, assignments: Sequence[Assignment], edition: Edition, by: timedelta
) -> dict[int, dict[str, Any]]:
    """Move the dates of assignments by `by` for an edition, and tell their experts; return the former dates by key."""
    newsletter = session.get_one(Newsletter, edition.newsletter_id)
    kept = {}
    for assignment in assignments:
        lock_row(session, assignment)
        kept[assignment.id] = {name: getattr(assignment, name) for name in (*DATES, "for_edition_id")}
        if assignment.for_edition_id is not None:
            assignment.for_edition_id = edition.id
        due_at = assignment.due_at if assignment.owes_text else None
        if due_at is not None:
            due_at = assignment.due_at = _shift_due_at(session, newsletter.zone, due_at, by, edition)
            assignment.reply_by = min(assignment.reply_by, due_at) if assignment.reply_by else None
        about = AssignmentMail(due_at=due_at, runs_on=edition.runs_at)
        expert_mails.send_to_expert(session, actor, assignment, TELLS, about)
    return kept


def _shift_due_at(session: Session, zone: str, due_at: datetime, by: timedelta, edition: Edition) -> datetime:
    """Return the due time moved by `by` in local time, or the default one if that leaves less than a day."""
    local = due_at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    moved, at = in_utc(local + by, zone), now(session)
    return moved if moved >= at + A_DAY else default_due_at(edition.cutoff_at, zone, at)


def _dates_to_json(old_dates: dict[int, dict[str, Any]]) -> dict[str, Any]:
    return {
        str(key): {name: value.isoformat() if isinstance(value, date) else value for name, value in one.items()}
        for key, one in old_dates.items()
    }


def restore_dates(session: Session, old_dates: dict[str, Any]) -> None:
    """Restore the former dates of assignments. Raises `VersionConflict` if one is no longer asked."""
    for key, was in old_dates.items():
        assignment = lock_row(session, session.get_one(Assignment, int(key)))
        if not assignment.is_asked:
            raise VersionConflict(assignment.public_id)
        for name in DATES:
            setattr(assignment, name, datetime.fromisoformat(was[name]) if was[name] else None)
        assignment.for_edition_id = was["for_edition_id"]
