"""A date that has no edition: what was picked for it moves on, and for a minute all of it comes back by one press."""

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
from ...mail.models import OutboxMail
from ...questions.lifecycle import QUESTION
from ...questions.models import Question
from . import notices, publication, reschedule

Moved = list[tuple[Question, Edition | None]]  # what was picked, with the edition that it runs in now, if there is one
TELLS = ("expert.carried_over", "expert.dropped", reschedule.TELLS)
LEAVES = ("question.carry", "question.drop")


def skip(session: Session, actor: Staff, edition: Edition) -> Moved:
    """This date has no edition. What was picked is carried over, or ready again where no later slot is free; what
    experts are asked for it is for the next one, and due as much later.

    Its event keeps what was moved by it, and the mails that tell so: both can be taken back.
    """
    must(actor, "edition")
    slots.require_planned(lock_row(session, edition))
    last = notices.get_newest_mail_id(session)
    with audit.watched(session) as events:
        moved = [
            (question, _carry_over_or_drop(session, actor, question))
            for question in slots.list_picked_questions(session, edition)
        ]
        session.flush()
    asked = reschedule.hand_over_assignments(session, actor, edition)
    session.flush()
    questions = [question.id for question, _edition in moved]
    mail_ids = notices.mail_ids_since(session, last, TELLS, questions, [int(key) for key in asked])
    why = {"did": [event.id for event in events], "told": mail_ids, "asked": asked}
    EDITION.apply(session, actor, edition, "skip", why=why if moved or asked else None)
    return moved


def _carry_over_or_drop(session: Session, actor: Staff, question: Question) -> Edition | None:
    try:
        return publication.carry_over(session, actor, question)
    except MissingPrecondition:
        slots.drop(session, actor, question, cause="skip")
        notices.notify_skipped(session, actor, question)
        return None


def unskip(session: Session, actor: Staff, edition: Edition) -> Moved:
    """The date has its edition after all. What was picked for it stays where it went, which is what this gives."""
    EDITION.apply(session, actor, lock_row(session, edition), "unskip")
    return list_moved(session, edition)


def undo_skip(session: Session, actor: Staff, edition: Edition, event: Event) -> None:
    """Undo a skip: the date has its edition, and what experts were asked for it is due when it was. Raises
    `VersionConflict`."""
    reschedule.restore_dates(session, (event.facts or {}).get("asked", {}))
    unskip(session, actor, edition)


def list_moved(session: Session, edition: Edition) -> Moved:
    """Return what was picked for a date when it was left out, and where it stands now; without what has run or ended
    since.
    """
    skipped = find_latest_event(session, "edition", edition.id, "edition.skip")
    moves = get_events(session, (skipped.facts or {}).get("did", ()))[::-1] if skipped else ()
    questions = [session.get_one(Question, move.noun_id) for move in moves if move.action in LEAVES]
    return [(one, session.get(Edition, one.edition_id or 0)) for one in questions if one.is_answered or one.is_queued]


def undo_carry_over(session: Session, actor: Staff, question: Question, event: Event) -> None:
    """Put a question that was carried over into its slot of the edition that it was picked for.

    Raises `VersionConflict` where it was moved on or its slot is taken, and `AlreadySent` where its experts have heard.
    """
    facts = event.facts or {}
    edition, target = session.get_one(Edition, facts["from"]), lock_row(session, session.get_one(Edition, facts["to"]))
    if not question.is_queued or question.edition_id != target.id or not target.is_planned:
        raise VersionConflict(question.public_id)
    question.edition_id, question.position = edition.id, 0
    session.flush()
    slots.renumber(session, target)
    slots.restore_pick(session, question, edition, facts.get("position", 0))
    _recall_mails(session, actor, question, event)
    audit.record(session, actor, "question.carry_back", question, facts={"from": target.id, "to": edition.id})


def undo_drop(session: Session, actor: Staff, question: Question, event: Event) -> None:
    """Put a question that was taken out into its slot again. Raises as `undo_carry_over` does."""
    facts = event.facts or {}
    edition = session.get_one(Edition, facts["edition"])
    why = {"undoes": event.id, "edition": edition.id}
    QUESTION.apply(session, actor, question, "undo", to="queued", why=why, edition_id=edition.id, position=0)
    slots.restore_pick(session, question, edition, facts.get("position", 0))
    _recall_mails(session, actor, question, event)


def _recall_mails(session: Session, actor: Staff, question: Question, event: Event) -> None:
    """Take back the mails that told the experts of it."""
    written = select(OutboxMail.id).where(
        OutboxMail.question_id == question.id, OutboxMail.kind.in_(TELLS), OutboxMail.created_at >= event.at
    )
    unsent_mails.recall_all_mails(session, actor, list(session.scalars(written)))


def undo_set_slots(session: Session, _actor: Staff, edition: Edition, event: Event) -> None:
    """Give an edition the number of slots that it had. Raises `VersionConflict` where it is past changing."""
    if not lock_row(session, edition).is_planned:
        raise VersionConflict(edition.public_id)
    slots.share_out(edition, (event.facts or {})["was"])
    slots.renumber(session, edition)
