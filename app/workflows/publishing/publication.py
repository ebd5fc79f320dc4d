"""Sending editions, moving questions between them, and withdrawing pages, each with its mails and webhooks."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from ... import audit
from ...answers import unused_answers
from ...audit import erasures
from ...core.actors import Actor, Staff
from ...core.domain_errors import InvalidField
from ...core.state_machine import check_version, must, require_text
from ...db.session import lock_row, now
from ...editions import slots
from ...editions.lifecycle import EDITION
from ...editions.models import Edition
from ...editions.slots import list_picked_questions
from ...programs.program_events import queue_deliveries
from ...questions.lifecycle import QUESTION
from ...questions.models import Question
from ...search.index import remove_documents
from ...search.models import PUBLIC
from ...text.clean import clean
from . import notices

GRACE = timedelta(minutes=10)  # the delay of thanks and notices; until then an edition can be recalled


def drop(session: Session, actor: Staff, question: Question, reason: str = "") -> None:
    """Take a question out of its slot, and tell its experts the `reason`, if there is one.

    Raises `InvalidTransition`, `PermissionDenied`, `VersionConflict`, and `LeakDetected` (see `source_protection`).
    """
    slots.drop(session, actor, question)
    reason = clean(reason)
    if reason:
        notices.notify_dropped(session, actor, question, reason)


def carry_over(session: Session, actor: Staff, question: Question) -> Edition:
    """Move a question to the next planned edition with a free slot, and tell its experts the new date.

    Raises as `slots.carry_over` does, for example `MissingPrecondition` if there is no such edition.
    """
    target = slots.carry_over(session, actor, question)
    notices.notify_carried_over(session, actor, question, target)
    return target


def set_slots(session: Session, actor: Staff, edition: Edition, count: int, section_index: int = 0) -> None:
    """Change the number of slots in a section of an edition. Questions that no longer fit are carried over, last first.

    Raises `PermissionDenied`, `InvalidTransition`, `InvalidField` for a number outside 1 to `slots.MAX_SLOTS` or an
    unknown section, and `MissingPrecondition` if there is no later edition to carry over to.
    """
    must(actor, "edition")
    slots.require_planned(lock_row(session, edition))
    slots_by_section = slots.shares(edition)
    if not 1 <= count <= slots.MAX_SLOTS or section_index not in range(len(slots_by_section)):
        raise InvalidField("slot_count_out_of_range", "count")
    former_counts = list(slots_by_section)
    picked = slots.sections_of(session, edition)[section_index].picked
    with audit.collect_events(session) as events:
        for question in reversed(picked[count:]):
            carry_over(session, actor, question)
    slots_by_section[section_index] = count
    slots.share_out(edition, slots_by_section)
    slots.renumber(session, edition)
    facts = {"slots": count, "was": former_counts, "did": [event.id for event in events]}
    audit.record(session, actor, "edition.slots", edition, facts=facts)


def send(
    session: Session, actor: Staff, edition: Edition, message_id: str | None = None, version: int | None = None
) -> None:
    """Mark an edition as sent: its Q&As are public at once, mails and webhooks follow after ten minutes.

    Assignments for its questions end if their answers aren't printed, and the experts are told. The event lists these
    ends, so that a recall can undo them. Raises `VersionConflict`, `InvalidTransition` and `PermissionDenied`.
    """
    check_version(lock_row(session, edition), version)
    due_at = now(session) + GRACE
    questions = list_picked_questions(session, edition)
    with audit.collect_events(session) as events:
        for question in questions:
            unused_answers.mark_unused(session, actor, question, edition.runs_at, edition_id=edition.id, due_at=due_at)
    why = {"did": [event.id for event in events]} if events else None
    facts: dict[str, Any] = {"sent_at": now(session), "message_id": message_id or edition.message_id}
    EDITION.apply(session, actor, edition, "send", why=why, **facts)
    for question in questions:
        QUESTION.apply(session, actor, lock_row(session, question), "publish", cause="send", published_at=now(session))
        notices.notify_published(session, actor, edition, question, due_at=due_at)
        queue_deliveries(session, edition.newsletter_id, "answer.published", question_id=question.id, due_at=due_at)
    queue_deliveries(session, edition.newsletter_id, "edition.sent", edition_id=edition.id, due_at=due_at)
    notices.notify_askers(session, actor, edition, questions, due_at)


def get_notices_due_at(session: Session, edition: Edition) -> datetime:
    """Return when a mail about what ran in a sent edition is due: not before the thanks for it, and not in the past."""
    current_time = now(session)
    return max(current_time, edition.sent_at + GRACE) if edition.sent_at else current_time


def retract(session: Session, actor: Staff, question: Question, reason: str) -> None:
    """Withdraw a published page at once, leaving a stub, and tell its experts the reason.

    Raises `MissingField` without a reason, `LeakDetected`, `InvalidTransition` and `PermissionDenied`.
    """
    reason = require_text("reason", clean(reason))
    take_down(session, actor, question)
    notices.notify_dropped(session, actor, question, reason)
    queue_deliveries(session, question.newsletter_id, "answer.withdrawn", question_id=question.id)


def take_down(session: Session, actor: Actor, question: Question) -> None:
    """Withdraw a published page without telling anybody, for `retract` and for a page that a backup brought back."""
    QUESTION.apply(session, actor, lock_row(session, question), "retract")
    session.flush()
    remove_documents(session, PUBLIC, [("question", question.id)])
    erasures.note(session, "page", [question.public_id])


def restore(session: Session, actor: Staff, question: Question) -> None:
    """Publish a withdrawn page again, and tell its experts. Raises `InvalidTransition` and `PermissionDenied`."""
    QUESTION.apply(session, actor, lock_row(session, question), "restore")
    notices.notify_restored(session, actor, question)
    queue_deliveries(session, question.newsletter_id, "answer.published", question_id=question.id)
