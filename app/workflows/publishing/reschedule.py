"""Rescheduling an edition, and handing its assignments over to the next one.

Due dates of owed texts and the ends of quote checks move by as many days as the edition, and keep their hour, if they
still fit (see `answers/schedule.py`). If the edition leaves no time for them any more, they are for the next one that
does. Experts are told. The cut-off, readers' pages and the calendar feed are derived from the edition's time.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ... import audit
from ...answers import editing, expert_mails
from ...answers.models import Assignment, Check
from ...answers.schedule import EditionTimes, move_check_end, move_due_at, propose_due_at
from ...audit import Event
from ...core.actors import Actor, Staff
from ...core.domain_errors import VersionConflict
from ...core.state_machine import must
from ...db.session import lock_row, now
from ...editions import planning, schedules, slots
from ...editions.models import Edition
from ...editions.queries import list_editions_to_run
from ...editions.schedules import times_of
from ...mail.mail_values import AssignmentMail
from ...newsletters.models import Newsletter
from ...questions.models import Question
from . import notices

MOVED_MAIL = "expert.moved"  # the kind of mail that tells an expert the new dates
DATE_COLUMNS = ("due_at", "reply_by")
MAX_EDITIONS = 200  # planned ahead at most, with one a day


def move(session: Session, actor: Staff, edition: Edition, local_at: datetime) -> list[str]:
    """Reschedule a planned edition to another local time, and tell its experts. Return their names.

    Does nothing if the time is the same.

    Raises `PermissionDenied`, `InvalidTransition`, and `InvalidField` as `planning.reschedule_edition` does.
    """
    must(actor, "edition")
    slots.require_planned(lock_row(session, edition))
    newsletter = lock_row(session, session.get_one(Newsletter, edition.newsletter_id))
    if local_at.isoformat(timespec="minutes") == edition.local_at:
        return []
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
    return notices.list_notified_experts(session, newsletter.id, last_mail_id)


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
    newsletter = session.get_one(Newsletter, edition.newsletter_id)
    target = schedules.find_later_edition(session, newsletter, edition)
    if target is None:
        return {}
    assignments = [
        assignment for assignment in list_assignments(session, edition) if assignment.for_edition_id == edition.id
    ]
    former_dates = _move_dates(session, actor, assignments, target, target.rule_date - edition.rule_date)
    return _dates_to_json(former_dates)


def plan_again(session: Session, actor: Actor, newsletter: Newsletter) -> list[str]:
    """Plan the editions of a newsletter whose settings have changed, as `planning.plan_newsletter` does.

    If editions get another cut-off or hour, the dates of their assignments move where they have to, and their experts
    are told. Return the names of these experts.
    """
    last_mail_id = notices.get_newest_mail_id(session)
    editions = list_editions_to_run(session, newsletter.id, MAX_EDITIONS)
    former_times = {edition: times_of(edition) for edition in editions}
    planning.plan_newsletter(session, actor, newsletter)
    for edition, times in former_times.items():
        if edition in session and times_of(edition) != times:
            _move_dates(session, actor, list_assignments(session, edition), edition, timedelta(0), only_changed=True)
    session.flush()
    return notices.list_notified_experts(session, newsletter.id, last_mail_id)


def _move_dates(
    session: Session,
    actor: Actor,
    assignments: Sequence[Assignment],
    edition: Edition,
    shift: timedelta,
    only_changed: bool = False,
) -> dict[int, dict[str, Any]]:
    """Move the dates of assignments to suit an edition, and tell their experts; with `only_changed`, if any date moved.

    Return the former values of the changed columns by assignment key.
    """
    former_dates = {}
    for assignment in assignments:
        check = _lock_open_check(session, lock_row(session, assignment))
        former = _get_dates(assignment, check)
        target = _move_schedule(session, assignment, check, edition, shift)
        former_dates[assignment.id] = former
        if only_changed and _get_dates(assignment, check) == former:
            continue
        mail_values = AssignmentMail(
            due_at=assignment.due_at if assignment.owes_text else None,
            check_until=check.due_at if check else None,
            runs_on=target.runs_at,
        )
        expert_mails.send_to_expert(session, actor, assignment, MOVED_MAIL, mail_values)
    return former_dates


def _lock_open_check(session: Session, assignment: Assignment) -> Check | None:
    """Lock the answer of an assignment, as whatever ends its check does, and return the check that is open, or None."""
    return editing.open_check(session, lock_row(session, assignment.answer)) if assignment.answer else None


def _get_dates(assignment: Assignment, check: Check | None) -> dict[str, Any]:
    dates = {name: getattr(assignment, name) for name in (*DATE_COLUMNS, "for_edition_id")}
    return dates | ({"check_id": check.id, "check_due_at": check.due_at} if check else {})


def _move_schedule(
    session: Session, assignment: Assignment, check: Check | None, edition: Edition, shift: timedelta
) -> Edition:
    """Move the deadlines of a text and a check with their edition. Return the edition that they are for now.

    That is a later one if `edition` leaves no time for them and the question isn't picked for it.
    """
    newsletter = session.get_one(Newsletter, edition.newsletter_id)
    current_time = now(session)
    times = EditionTimes(edition.cutoff_at, edition.runs_at)
    due_at = assignment.due_at if assignment.owes_text else None
    moved_due_at = move_due_at(newsletter, times, due_at, shift, current_time) if due_at else None
    check_end = move_check_end(newsletter, times, check.due_at, shift, current_time) if check else None
    has_time = (moved_due_at or not due_at) and (check_end or not check)
    if not has_time and assignment.question.edition_id is None:
        later = schedules.find_later_edition(session, newsletter, edition)
        if later:
            edition = later
            moved_due_at = propose_due_at(newsletter, EditionTimes(later.cutoff_at, later.runs_at), current_time)
    if assignment.for_edition_id is not None:
        assignment.for_edition_id = edition.id
    if moved_due_at and due_at:
        assignment.due_at = moved_due_at
        if assignment.reply_by is not None:
            assignment.reply_by = min(assignment.reply_by, moved_due_at)
    if check and check_end:  # otherwise it stays, as the later edition leaves time for it
        check.due_at = check_end
    return edition


def _dates_to_json(former_dates: dict[int, dict[str, Any]]) -> dict[str, Any]:
    return {
        str(key): {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}
        for key, values in former_dates.items()
    }


def restore_dates(session: Session, former_dates: dict[str, Any]) -> None:
    """Restore the dates of assignments from `_dates_to_json`.

    Raises `VersionConflict` if an assignment isn't with its expert, or its text on the desk, any more, or if its quote
    check has ended.
    """
    for key, values in former_dates.items():
        assignment = lock_row(session, session.get_one(Assignment, int(key)))
        if not assignment.is_asked:
            raise VersionConflict(assignment.public_id)
        for name in DATE_COLUMNS:
            setattr(assignment, name, datetime.fromisoformat(values[name]) if values[name] else None)
        assignment.for_edition_id = values["for_edition_id"]
        if "check_id" in values:
            check = _lock_open_check(session, assignment)
            if check is None or check.id != values["check_id"]:
                raise VersionConflict(assignment.public_id)
            check.due_at = datetime.fromisoformat(values["check_due_at"])
