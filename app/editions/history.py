"""An edition's record at the desk: its events, who approved its answers, and whether its contents match their hashes.

Also the list of editions that have not been sent.
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

MOST = 60  # events of an edition, and as many of its slots
MISSED = timedelta(days=14)  # how long an edition that was not sent is still listed after its date


def unsent(session: Session, newsletter_id: int, limit: int = 30) -> list[Edition]:
    """Return the editions that were not sent, skipped ones too, soonest first, from MISSED before now."""
    query = select(Edition).where(
        Edition.newsletter_id == newsletter_id, Edition.is_unsent, Edition.runs_at > now(session) - MISSED
    )
    return list(session.scalars(query.order_by(Edition.runs_at, Edition.id).limit(limit)))


def events_of(session: Session, edition: Edition) -> list[Event]:
    """Return an edition's first MOST events and the last MOST of the questions in its slots, by time."""
    query = select(Event).where(Event.noun == "edition", Event.noun_id == edition.id)
    itself = list(session.scalars(query.order_by(Event.id).limit(MOST)))
    if not itself:
        return []
    # The facts have no index: only events from the time when the edition could be filled are scanned.
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
    # Sorted here: with an ORDER BY, the database may scan the index by time, over all other events.
    newest = sorted(session.scalars(slots), key=_by_time)[-MOST:]
    return sorted([*itself, *newest], key=_by_time)


def _by_time(event: Event) -> tuple[datetime, int]:
    return event.at, event.id


def approvals(session: Session, items: Sequence[EditionItem]) -> dict[int, list[tuple[str, str]]]:
    """Return who approved each answer, with the reason if its quote check was overridden, keyed by question ID."""
    keys = [item.question_id for item in items]
    query = select(Answer).where(Answer.question_id.in_(keys), Answer.is_approved)
    answers = list(session.scalars(query.order_by(Answer.run_position, Answer.id))) if keys else []
    names = names_of(session, [answer.approved_by_id for answer in answers if answer.approved_by_id])
    found: dict[int, list[tuple[str, str]]] = {key: [] for key in keys}
    for answer in answers:
        found[answer.question_id].append((names.get(answer.approved_by_id or 0, ""), answer.override_reason or ""))
    return found


def fits_its_hash(item: EditionItem) -> bool:
    """Return whether the record is still what was locked; it isn't if text was erased for somebody's safety."""
    return item_digest(item.input, item.output) == item.sha256


def has_erased_text(session: Session, edition: Edition) -> bool:
    """Return whether text that an edition was locked with was erased since, for somebody's safety."""
    items = select(EditionItem.id).where(EditionItem.edition_id == edition.id, EditionItem.erased_at.is_not(None))
    carried = select(Correction.id).where(Correction.edition_id == edition.id, Correction.erased_at.is_not(None))
    return session.scalar(union_all(items, carried).limit(1)) is not None


def edition_fits(session: Session, edition: Edition, items: Sequence[EditionItem]) -> bool:
    """Return whether an edition's items and corrections still match its hash.

    They do if the edition has no hash, or if the text of a correction was erased for somebody's safety.
    """
    carries = corrections.list_locked_corrections(session, edition)
    erased = any(one.erased_at for one in carries)
    return edition.sha256 is None or erased or edition_digest(items, carries) == edition.sha256
