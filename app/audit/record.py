"""Record events in the trail, one by one or in bulk, and collect them for an undo."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from ..core.actors import Actor
from ..db.drawn_keys import random_key
from ..db.session import now
from .events import EVENTS
from .models import Event

# A Core insert: an event is never changed, and no other row refers to it.
_INSERT = insert(Event.__table__)  # type: ignore[arg-type]
_INSERT_ONE = _INSERT.returning(Event.id)
Waiting = list[
    tuple[dict[str, Any], Any]
]  # the values of an event to write at the end of `together`, and the row that it is about


def record(
    session: Session,
    actor: Actor,
    action: str,
    row: Any,
    *,
    old: str | None = None,
    new: str | None = None,
    at: datetime | None = None,
    facts: dict[str, Any] | None = None,
) -> None:
    """Flush the session and write an event about `row`, or collect it inside `together`.

    `at` is the time to store if the current minute must not be kept. Raises LookupError for an action that is not in
    `EVENTS`.
    """
    if action not in EVENTS:
        raise LookupError(f"{action} has no row in app/audit/events.py")
    watched: list[Event] | None = session.info.get("watched")
    # `watched` needs each event with its ID, at once.
    waiting: Waiting | None = session.info.get("events") if watched is None else None
    if waiting is None:
        session.flush()  # gives a new row its ID
    noun = type(row).__name__.lower()
    # A row of no newsletter, such as an expert's profile, is recorded for the newsletter of the actor.
    of_desk = getattr(row, "newsletter_id", None) or getattr(actor, "newsletter_id", None)
    newsletter_id = row.id if noun == "newsletter" else of_desk
    question_id = row.id if noun == "question" else getattr(row, "question_id", None)
    moment = at or now(session)
    # An event that keeps only its day gets a random ID, which has no order either, unless it changed a row's state.
    is_day = moment == moment.replace(hour=0, minute=0, second=0, microsecond=0)
    values = {
        **({"id": random_key(session, Event)} if is_day and old is None else {}),
        "at": moment,
        "actor": actor.ref,
        "action": action,
        "noun": noun,
        "noun_id": row.id,
        "newsletter_id": newsletter_id,
        "question_id": question_id,
        "old": old,
        "new": new,
        "facts": facts or None,
    }
    if waiting is not None:
        waiting.append((values, row))
    else:
        values["id"] = session.connection().execute(_INSERT_ONE, values).scalar_one()
    if watched is not None:
        watched.append(Event(**values))


@contextmanager
def together(session: Session) -> Iterator[None]:
    """Write the events that are recorded inside at the end, in bulk; until then a new row may have no ID."""
    before: Waiting | None = session.info.get("events")
    waiting: Waiting = [] if before is None else before
    session.info["events"] = waiting
    try:
        yield
        if before is None:
            _write(session, waiting)
    finally:
        session.info["events"] = before


def _write(session: Session, waiting: Waiting) -> None:
    session.flush()
    rows = [values | {"noun_id": row.id} for values, row in waiting]
    for some in ([row for row in rows if "id" not in row], [row for row in rows if "id" in row]):
        if some:
            session.connection().execute(_INSERT, some)


@contextmanager
def watched(session: Session) -> Iterator[list[Event]]:
    """Collect the events that are recorded inside, for an undo. An outer `watched` collects them too."""
    before = session.info.get("watched")
    events: list[Event] = []
    session.info["watched"] = events
    try:
        yield events
        if before is not None:
            before += events
    finally:
        session.info["watched"] = before
