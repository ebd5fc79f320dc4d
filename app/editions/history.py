"""The past of an edition as the desk sees it: its events, who approved its answers, and whether its contents still
match their hashes. Also the editions that have not been sent.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_, select, union_all
from sqlalchemy.orm import Session

from ..answers.models import Answer
from ..audit import Event
from ..audit.events import list_actions_shown_in
from ..db.session import now
from ..people.directory import names_of
from . import corrections
from .items import edition_digest, item_digest
from .models import Correction, Edition, EditionItem

MAX_EVENTS = 60  # of an edition itself, and as many of the questions in its slots
MISSED_PERIOD = timedelta(days=14)  # how long after its date an edition that was not sent is listed


def unsent(session: Session, newsletter_id: int, limit: int = 30) -> list[Edition]:
    """Return the editions that have not been sent, skipped ones too, soonest first; see MISSED_PERIOD."""
    query = select(Edition).where(
        Edition.newsletter_id == newsletter_id, Edition.is_unsent, Edition.runs_at > now(session) - MISSED_PERIOD
    )
    return list(session.scalars(query.order_by(Edition.runs_at, Edition.id).limit(limit)))


def events_of(session: Session, edition: Edition) -> list[Event]:
    """Return an edition's first events and the last events of questions in its slots (see MAX_EVENTS), by time."""
    query = select(Event).where(Event.noun == "edition", Event.noun_id == edition.id)
    edition_events = list(session.scalars(query.order_by(Event.id).limit(MAX_EVENTS)))
    if not edition_events:
        return []
    # The facts have no index, so only events since the edition was planned, and until it was sent, are scanned.
    edition_conditions = [Event.facts[fact].as_integer() == edition.id for fact in ("edition", "from", "to")]
    slot_query = select(Event).where(
        Event.newsletter_id == edition.newsletter_id,
        Event.action.in_(list_actions_shown_in("edition")),
        Event.noun == "question",
        Event.at >= edition_events[0].at,
        or_(*edition_conditions),
    )
    if edition.sent_at:
        slot_query = slot_query.where(Event.at <= edition.sent_at)
    # Sorted here: with an ORDER BY, the database may scan the index by time, over all other events.
    slot_events = sorted(session.scalars(slot_query), key=_get_sort_key)
    return sorted([*edition_events, *slot_events[-MAX_EVENTS:]], key=_get_sort_key)


def _get_sort_key(event: Event) -> tuple[datetime, int]:
    return event.at, event.id


def approvals(session: Session, items: Sequence[EditionItem]) -> dict[int, list[tuple[str, str]]]:
    """Return who approved each answer, keyed by question ID: pairs of a name and a reason.

    The reason says why the quote check was overridden, and is "" if it wasn't.
    """
    approvals_by_question: dict[int, list[tuple[str, str]]] = {item.question_id: [] for item in items}
    if not approvals_by_question:
        return approvals_by_question
    query = select(Answer).where(Answer.question_id.in_(approvals_by_question), Answer.is_approved)
    answers = session.scalars(query.order_by(Answer.run_position, Answer.id)).all()
    names = names_of(session, [answer.approved_by_id for answer in answers if answer.approved_by_id])
    for answer in answers:
        name = names.get(answer.approved_by_id or 0, "")
        approvals_by_question[answer.question_id].append((name, answer.override_reason or ""))
    return approvals_by_question


def item_matches_hash(item: EditionItem) -> bool:
    """Return whether an item matches its hash. It doesn't if text was erased for somebody's safety."""
    return item_digest(item.input, item.output) == item.sha256


def has_erased_text(session: Session, edition: Edition) -> bool:
    """Return whether text that an edition was locked with has been erased for somebody's safety."""
    items = select(EditionItem.id).where(EditionItem.edition_id == edition.id, EditionItem.erased_at.is_not(None))
    carried = select(Correction.id).where(Correction.edition_id == edition.id, Correction.erased_at.is_not(None))
    return session.scalar(union_all(items, carried).limit(1)) is not None


def edition_matches_hash(session: Session, edition: Edition, items: Sequence[EditionItem]) -> bool:
    """Return whether an edition's items and corrections match its hash.

    Return True as well if this can't be checked, because the edition has no hash or the text of a correction was
    erased.
    """
    locked = corrections.list_locked_corrections(session, edition)
    has_erased_correction = any(correction.erased_at for correction in locked)
    if edition.sha256 is None or has_erased_correction:
        return True
    return edition_digest(items, locked) == edition.sha256
