"""Skipping an edition, and undoing the skip and each of its steps.

When an edition is skipped, its picked questions and open assignments move to later editions.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from ... import audit
from ...answers import unsent_mails
from ...audit import Event
from ...audit.queries import find_latest_event, get_events
from ...core.actors import Staff
from ...core.domain_errors import MissingPrecondition, VersionConflict
from ...core.state_machine import must
from ...db.session import lock_row
from ...editions import slots
from ...editions.lifecycle import EDITION
from ...editions.models import Edition
from ...mail.kinds import list_kinds_with_purpose
from ...mail.models import OutboxMail
from ...questions.lifecycle import QUESTION
from ...questions.models import Question
from . import notices, publication, reschedule

MovedQuestions = list[tuple[Question, Edition | None]]  # each with its new edition, if there is one
MOVE_ACTIONS = ("question.carry", "question.drop")  # how a picked question leaves an edition


def skip(session: Session, actor: Staff, edition: Edition) -> MovedQuestions:
    """Skip a planned edition, and return its picked questions with their new editions.

    Questions are carried over, or lose their slot if no later one is free. Assignments are handed over to the next
    edition, with later due dates. The event lists the moves and the mails about them, for undo. Raises
    `PermissionDenied` and `InvalidTransition`.
    """
    must(actor, "edition")
    slots.require_planned(lock_row(session, edition))
    last_mail_id = notices.get_newest_mail_id(session)
    with audit.collect_events(session) as events:
        moved = [
            (question, _carry_over_or_drop(session, actor, question))
            for question in slots.list_picked_questions(session, edition)
        ]
    former_dates = reschedule.hand_over_assignments(session, actor, edition)
    question_ids = [question.id for question, _edition in moved]
    assignment_ids = [int(key) for key in former_dates]
    mail_ids = notices.list_date_mails_after(session, last_mail_id, question_ids, assignment_ids)
    facts = {"did": [event.id for event in events], "told": mail_ids, "asked": former_dates}
    EDITION.apply(session, actor, edition, "skip", why=facts if moved or former_dates else None)
    return moved


def _carry_over_or_drop(session: Session, actor: Staff, question: Question) -> Edition | None:
    try:
        return publication.carry_over(session, actor, question)
    except MissingPrecondition:
        slots.drop(session, actor, question, cause="skip")
        notices.notify_skipped(session, actor, question)
        return None


def unskip(session: Session, actor: Staff, edition: Edition) -> MovedQuestions:
    """Restore a skipped edition, and return the questions that were picked for it, which stay where they are now.

    Raises `InvalidTransition` and `PermissionDenied`.
    """
    EDITION.apply(session, actor, lock_row(session, edition), "unskip")
    return list_moved_questions(session, edition)


def undo_skip(session: Session, actor: Staff, edition: Edition, event: Event) -> None:
    """Restore a skipped edition and the former dates of its assignments. Raises `VersionConflict`."""
    reschedule.restore_dates(session, (event.facts or {}).get("asked", {}))
    unskip(session, actor, edition)


def list_moved_questions(session: Session, edition: Edition) -> MovedQuestions:
    """Return the questions that were picked for a skipped edition, with their present editions.

    Questions that have run or ended since are left out.
    """
    skip_event = find_latest_event(session, "edition", edition.id, "edition.skip")
    if skip_event is None:
        return []
    oldest_first = reversed(get_events(session, (skip_event.facts or {}).get("did", ())))
    questions = [session.get_one(Question, event.noun_id) for event in oldest_first if event.action in MOVE_ACTIONS]
    return [
        (question, session.get(Edition, question.edition_id or 0))
        for question in questions
        if question.is_answered or question.is_queued
    ]


def undo_carry_over(session: Session, actor: Staff, question: Question, event: Event) -> None:
    """Put a question that was carried over back into its slot in the original edition.

    Raises `VersionConflict` if it was moved again or its slot is taken, `MailAlreadySent` if its experts were mailed,
    and `OnItsWay`.
    """
    facts = event.facts or {}
    edition = session.get_one(Edition, facts["from"])
    target = lock_row(session, session.get_one(Edition, facts["to"]))
    if not question.is_queued or question.edition_id != target.id or not target.is_planned:
        raise VersionConflict(question.public_id)
    question.edition_id, question.position = edition.id, 0
    session.flush()
    slots.renumber(session, target)
    slots.restore_pick(session, question, edition, facts.get("position", 0))
    _recall_mails(session, actor, question, event)
    audit.record(session, actor, "question.carry_back", question, facts={"from": target.id, "to": edition.id})


def undo_drop(session: Session, actor: Staff, question: Question, event: Event) -> None:
    """Put a question that was dropped back into its slot. Raises as `undo_carry_over` does."""
    facts = event.facts or {}
    edition = session.get_one(Edition, facts["edition"])
    why = {"undoes": event.id, "edition": edition.id}
    QUESTION.apply(session, actor, question, "undo", to="queued", why=why, edition_id=edition.id, position=0)
    slots.restore_pick(session, question, edition, facts.get("position", 0))
    _recall_mails(session, actor, question, event)


def _recall_mails(session: Session, actor: Staff, question: Question, event: Event) -> None:
    """Recall the mails about the move to the question's experts. Raises `MailAlreadySent` and `OnItsWay`."""
    mail_ids = select(OutboxMail.id).where(
        OutboxMail.question_id == question.id,
        OutboxMail.kind.in_(list_kinds_with_purpose("reschedule")),
        OutboxMail.created_at >= event.at,
    )
    unsent_mails.recall_all_mails(session, actor, list(session.scalars(mail_ids)))


def undo_set_slots(session: Session, _actor: Staff, edition: Edition, event: Event) -> None:
    """Restore the former number of slots. Raises `VersionConflict` if the edition is no longer planned."""
    if not lock_row(session, edition).is_planned:
        raise VersionConflict(edition.public_id)
    slots.share_out(edition, (event.facts or {})["was"])
    slots.renumber(session, edition)
