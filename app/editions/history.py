"""An edition as the desk keeps it: what has not run yet, how full it is, and who had their hand in it."""

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

MOST = 60  # lines of what happened to an edition, and as many of what happened in its slots
MISSED = timedelta(days=14)  # how long a date that passed without being sent is still shown among the coming ones


def unsent(session: Session, newsletter_id: int, limit: int = 30) -> list[Edition]:
    """List the editions that are to run, skipped dates among them, soonest first."""
    query = select(Edition).where(
        Edition.newsletter_id == newsletter_id, Edition.is_unsent, Edition.runs_at > now(session) - MISSED
    )
    return list(session.scalars(query.order_by(Edition.runs_at, Edition.id).limit(limit)))


def events_of(session: Session, edition: Edition) -> list[Event]:
    """List what was done to the edition itself, from its planning on, and last to what stood in its slots, by time."""
    query = select(Event).where(Event.noun == "edition", Event.noun_id == edition.id)
    itself = list(session.scalars(query.order_by(Event.id).limit(MOST)))
    if not itself:
        return []
    # The facts have no index: only what was done while it could be filled is looked through.
    here = [Event.facts[fact].as_integer() == edition.id for fact in ("edition", "from", "to")]
    slots = select(Event).where(
        Event.newsletter_id == edition.newsletter_id,
        Event.action.in_(list_actions_shown_in("edition")),
        Event.noun == "question",
        Event.at >= itself[0].at,
        or_(*here),
    )
    if edition.sent_at:
        slots = slots.where(Event.at <= edition.sent_at)
    # In no order: sorting them is nothing, and an index in the order of time would be walked over all other events.
    newest = sorted(session.scalars(slots), key=_by_time)[-MOST:]
    return sorted([*itself, *newest], key=_by_time)


def _by_time(event: Event) -> tuple[datetime, int]:
    return event.at, event.id


def approvals(session: Session, items: Sequence[EditionItem]) -> dict[int, list[tuple[str, str]]]:
    """By question: who approved each of its answers, and the reason noted where an expert had not passed the text."""
    keys = [item.question_id for item in items]
    query = select(Answer).where(Answer.question_id.in_(keys), Answer.is_approved)
    answers = list(session.scalars(query.order_by(Answer.run_position, Answer.id))) if keys else []
    names = names_of(session, [answer.approved_by_id for answer in answers if answer.approved_by_id])
    found: dict[int, list[tuple[str, str]]] = {key: [] for key in keys}
    for answer in answers:
        found[answer.question_id].append((names.get(answer.approved_by_id or 0, ""), answer.override_reason or ""))
    return found


def fits_its_hash(item: EditionItem) -> bool:
    """Return whether the record is still what was locked; it isn't where words were erased for somebody's safety."""
    return item_digest(item.input, item.output) == item.sha256


def has_erased_text(session: Session, edition: Edition) -> bool:
    """Return whether words of what an edition was locked with were erased for somebody's safety since."""
    items = select(EditionItem.id).where(EditionItem.edition_id == edition.id, EditionItem.erased_at.is_not(None))
    carried = select(Correction.id).where(Correction.edition_id == edition.id, Correction.erased_at.is_not(None))
    return session.scalar(union_all(items, carried).limit(1)) is not None


def edition_fits(session: Session, edition: Edition, items: Sequence[EditionItem]) -> bool:
    """Return whether the hashes of what is in an edition, and the corrections that it carries, are still those of its
    lock; so they are where it has none, and where the words of a correction were erased for somebody's safety.
    """
    carries = corrections.list_locked_corrections(session, edition)
    erased = any(one.erased_at for one in carries)
    return edition.sha256 is None or erased or edition_digest(items, carries) == edition.sha256
