"""Pausing, resuming and closing a newsletter.

A paused newsletter accepts no questions on its pages, plans no editions until it resumes, sends no reminders, and
stops its ladders. Readers' mails still become letters, and experts' answers are accepted. When a newsletter is closed,
all experts with open work are told.
"""

from collections.abc import Sequence
from datetime import date, datetime
from functools import partial
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from ... import audit
from ...answers import closing
from ...answers.assigning import reopen_if_unassigned
from ...answers.models import Assignment
from ...audit import Event
from ...core.actors import Actor, Clock
from ...core.fields import FieldError
from ...core.state_machine import must
from ...db.engine import Database
from ...db.session import lock_row, now
from ...editions.planning import plan_newsletter
from ...newsletters.lifecycle import NEWSLETTER
from ...newsletters.models import Newsletter
from ...newsletters.queries import all_newsletters
from ...newsletters.settings import InvalidSettings
from ...people.models import Expert
from ...questions.models import Question


def pause(session: Session, actor: Actor, newsletter: Newsletter, paused_until: date | None = None) -> Event:
    """Pause a newsletter, or change the end of its pause. It resumes on the day `paused_until` in its time zone.

    Raises `InvalidSettings` for a day that is not in the future, `InvalidTransition` and `PermissionDenied`.
    """
    lock_row(session, newsletter)
    if paused_until is not None and paused_until <= _today(session, newsletter):
        raise InvalidSettings({"until": FieldError("past")})
    return _change_state(session, actor, newsletter, "pause", paused_until=paused_until)


def resume(session: Session, actor: Actor, newsletter: Newsletter) -> Event:
    """Resume a paused or closed newsletter, and plan its editions. Raises `InvalidTransition`, `PermissionDenied`."""
    return _change_state(session, actor, lock_row(session, newsletter), "resume", paused_until=None)


def close(session: Session, actor: Actor, newsletter: Newsletter, sentence: str) -> Event:
    """Close a newsletter and end the open assignments; each of their experts is mailed the `sentence`.

    Questions in an edition stay there. Return the event; its facts list the ended assignments' events and mails.
    Raises `InvalidSettings` if there are open assignments but no sentence, `LeakDetected`, `InvalidTransition` and
    `PermissionDenied`.
    """
    lock_row(session, newsletter)
    NEWSLETTER.find_move("close", newsletter.state)
    must(actor, "newsletters", "upkeep")
    assignments = list_open_assignments(session, newsletter)
    if assignments and not sentence.strip():
        raise InvalidSettings({"sentence": FieldError("empty")})
    with audit.collect_events(session) as events:
        mails = [closing.end_assignment(session, actor, assignment, sentence) for assignment in assignments]
        for question_id in dict.fromkeys(assignment.question_id for assignment in assignments):
            reopen_if_unassigned(session, actor, question_id)
        session.flush()
    mail_ids = [mail.id for mail in mails if mail is not None]
    facts = {"did": [event.id for event in events], "told": mail_ids}
    return _change_state(session, actor, newsletter, "close", facts, paused_until=None)


def list_open_assignments(session: Session, newsletter: Newsletter) -> list[Assignment]:
    """Return the assignments that closing would end: drafted, asked, or answered but not picked for an edition."""
    query = select(Assignment).join(Question, Question.id == Assignment.question_id).join(Expert)
    open_conditions = (Assignment.newsletter_id == newsletter.id, Assignment.is_live, ~Question.is_in_edition)
    # Sort here: ORDER BY would make the database scan all ended assignments.
    return sorted(session.scalars(query.where(*open_conditions)), key=attrgetter("id"))


def end_pauses(database: Database, current_time: datetime | None = None) -> int:
    """Resume the newsletters whose pause is over, and return their number."""
    with database.read(current_time) as session:
        with_end = all_newsletters(session, Newsletter.paused_until.is_not(None))
        due_ids = [newsletter.id for newsletter in with_end if _is_pause_over(session, newsletter)]
    return sum(
        database.write(partial(_resume_if_due, newsletter_id=newsletter_id), current_time) for newsletter_id in due_ids
    )


def _resume_if_due(session: Session, newsletter_id: int) -> bool:
    newsletter = lock_row(session, session.get_one(Newsletter, newsletter_id))
    if not _is_pause_over(session, newsletter):
        return False
    resume(session, Clock(), newsletter)
    return True


def undo_state_change(
    session: Session, actor: Actor, newsletter: Newsletter, event: Event, _press: Sequence[int]
) -> None:
    """Undo a pause, resumption or closing, and plan the editions again."""
    former_end = (event.facts or {})["was"]["paused_until"]
    paused_until = date.fromisoformat(former_end) if former_end else None
    facts = {"undoes": event.id}
    _change_state(session, actor, newsletter, "undo", facts, to_state=event.old, paused_until=paused_until)


def _change_state(
    session: Session,
    actor: Actor,
    newsletter: Newsletter,
    action: str,
    event_facts: dict[str, Any] | None = None,
    *,
    paused_until: date | None,
    to_state: str | None = None,
) -> Event:
    """Apply a transition and plan the editions again. The event keeps the former end of the pause, for undo."""
    former_end = newsletter.paused_until.isoformat() if newsletter.paused_until else None
    why = {"was": {"paused_until": former_end}} | (event_facts or {})
    with audit.collect_events(session) as events:
        NEWSLETTER.apply(session, actor, newsletter, action, to=to_state, why=why, paused_until=paused_until)
    plan_newsletter(session, actor, newsletter)
    return events[0]


def _today(session: Session, newsletter: Newsletter) -> date:
    return now(session).astimezone(ZoneInfo(newsletter.zone)).date()


def _is_pause_over(session: Session, newsletter: Newsletter) -> bool:
    paused_until = newsletter.paused_until
    return newsletter.is_paused and paused_until is not None and paused_until <= _today(session, newsletter)
