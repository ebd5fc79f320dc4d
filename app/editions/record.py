"""An edition as the desk keeps it: what has not run yet, how full it is, and who had their hand in it."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..audit import Event
from ..db import now
from ..people.directory import names_of
from ..questions.models import Question
from .models import Edition

MISSED = timedelta(days=14)  # how long a date that passed without being sent is still shown among the coming ones


def unsent(session: Session, newsletter_id: int, limit: int = 30) -> list[Edition]:
    """The editions that are to run, skipped dates among them, soonest first."""
    query = select(Edition).where(
        Edition.newsletter_id == newsletter_id,
        Edition.state.in_(("planned", "locked", "skipped")),
        Edition.runs_at > now(session) - MISSED,
    )
    return list(session.scalars(query.order_by(Edition.runs_at, Edition.id).limit(limit)))


def filled(session: Session, editions: Sequence[Edition]) -> Counter[int]:
    """How many slots of each edition are filled, in one query."""
    keys = [edition.id for edition in editions]
    query = select(Question.edition_id, func.count()).where(Question.edition_id.in_(keys)).group_by(Question.edition_id)
    return Counter({edition: count for edition, count in session.execute(query) if edition is not None})


def hands(session: Session, edition: Edition) -> dict[str, str]:
    """Who locked and who sent an edition the last time, by name: {"lock": "Nora Lind", "send": "Nora Lind"}."""
    query = select(Event).where(
        Event.noun == "edition", Event.noun_id == edition.id, Event.action.in_(("edition.lock", "edition.send"))
    )
    last = {event.action.removeprefix("edition."): event.actor for event in session.scalars(query.order_by(Event.id))}
    keys = {act: int(actor.removeprefix("staff:")) for act, actor in last.items() if actor.startswith("staff:")}
    names = names_of(session, list(keys.values()))
    return {act: names[key] for act, key in keys.items() if key in names}
