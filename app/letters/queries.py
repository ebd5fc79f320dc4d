"""Queries for letters and for what readers added to them."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from ..audit import Event
from ..core.actors import Staff
from ..core.listing import Key, Listing
from ..db.session import now
from .blurred_time import truncate_to_day
from .lifecycle import STATES
from .models import Addition, Letter, ReceiptNote

WAITS = STATES.which("waits")


def load(session: Session, actor: Staff, public_id: str) -> Letter | None:
    """Return a letter of the actor's newsletter by its public id, or None."""
    return session.scalar(select(Letter).filter_by(public_id=public_id, newsletter_id=actor.newsletter_id))


def listing(
    newsletter_id: Key,
    states: Sequence[str],
    *conditions: ColumnElement[bool],
    since: datetime | None = None,
    until: datetime | None = None,
) -> Listing[Letter]:
    """Return a listing of a newsletter's unerased letters in these states that match all `conditions`.

    The newest come first, or with `until` the oldest. `since` and `until` bound the time of arrival. Letters stored
    without a minute are listed as if they had arrived at midnight UTC: today's in order of arrival, older ones in no
    particular order within their day.
    """
    bounds = [Letter.received_at >= since] if since else []
    bounds += [Letter.received_at < until] if until else []
    # Waiting letters are never erased. If the condition is left out for them, an index alone can count them.
    is_unerased = [] if set(states) <= set(WAITS) else [Letter.body > ""]
    query = select(Letter).where(Letter.newsletter_id == newsletter_id, *is_unerased, *conditions, *bounds)
    return Listing(query, (Letter.received_at, Letter.id), until is not None, (Letter.state, states))


def count_waiting(session: Session, newsletter_id: int, states: Sequence[str] = WAITS) -> int:
    """Return how many letters wait for the desk, counted up to 1,001."""
    return listing(newsletter_id, states).count(session)


def count_waiting_of_past_days(session: Session, newsletter_id: int, states: Sequence[str]) -> int:
    """Return how many letters of days (UTC) that are over wait for the desk, counted up to 1,001.

    What is sent or stored for this count reveals nothing about when a letter of today arrived.
    """
    is_of_past_day = Letter.received_at < truncate_to_day(now(session))
    return listing(newsletter_id, states, is_of_past_day).count(session)


def of_questions(session: Session, question_ids: Sequence[int]) -> list[Letter]:
    """Return the letters filed to several questions, oldest first."""
    query = select(Letter).where(Letter.question_id.in_(question_ids), Letter.is_filed)
    return list(session.scalars(query.order_by(Letter.received_at, Letter.id)))


class Added(NamedTuple):
    """A reader's addition to a letter, the desk's note that it answers, or both."""

    note: ReceiptNote | None
    addition: Addition | None


def get_additions_by_letter(session: Session, letter_ids: Sequence[int]) -> dict[int, list[Added]]:
    """Return the additions to several letters by letter id, oldest first, followed by the desk's unanswered notes."""
    added_by_letter: dict[int, list[Added]] = defaultdict(list)
    additions = select(Addition, ReceiptNote).outerjoin(ReceiptNote, ReceiptNote.addition_id == Addition.id)
    additions = additions.where(Addition.letter_id.in_(letter_ids)).order_by(Addition.id)
    for addition, note in session.execute(additions):
        added_by_letter[addition.letter_id].append(Added(note, addition))
    unanswered = select(ReceiptNote).where(ReceiptNote.letter_id.in_(letter_ids), ReceiptNote.addition_id.is_(None))
    for note in session.scalars(unanswered.order_by(ReceiptNote.id)):
        added_by_letter[note.letter_id].append(Added(note, None))
    return added_by_letter


def find_all_question_ids(session: Session, letter: Letter) -> set[int]:
    """Return the ids of all questions to which a letter is or ever was filed, according to the audit trail."""
    filings = select(Event.facts).where(
        Event.noun == "letter", Event.noun_id == letter.id, Event.action == "letter.file"
    )
    question_ids = {(facts or {}).get("question") for facts in session.scalars(filings)} | {letter.question_id}
    return {question_id for question_id in question_ids if question_id is not None}
