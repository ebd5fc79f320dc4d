"""Record events in the trail, one by one or in bulk, and collect them for an undo."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

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


class PendingEvent(NamedTuple):
    """An event that `record_in_bulk` will insert, and the row that it is about, which may have no ID yet."""

    values: dict[str, Any]
    row: Any


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
    """Flush the session and insert an event about `row`, or defer both inside `record_in_bulk`.

    `at` replaces the current time, for example by its day, if the minute must not be kept. Raises LookupError for an
    action that is not in `EVENTS`.
    """
    if action not in EVENTS:
        raise LookupError(f"{action} has no row in app/audit/events.py")
    collected: list[Event] | None = session.info.get("collected_events")
    pending: list[PendingEvent] | None = session.info.get("pending_events")
    # `collect_events` needs the ID of each event, so nothing is deferred inside it.
    is_deferred = pending is not None and collected is None
    if not is_deferred:
        session.flush()  # gives a new row its ID
    event_time = at or now(session)
    values = _describe(actor, action, row) | {"at": event_time, "old": old, "new": new, "facts": facts or None}
    if _keeps_only_day(event_time) and old is None:
        # A random ID, since a sequential one would reveal the order within the day. The order of a row's changes of
        # state is needed, so these keep a sequential ID.
        values["id"] = random_key(session, Event)
    if pending is not None and is_deferred:
        pending.append(PendingEvent(values, row))
    else:
        values["id"] = session.connection().execute(_INSERT_ONE, values).scalar_one()
    if collected is not None:
        collected.append(Event(**values))


def _describe(actor: Actor, action: str, row: Any) -> dict[str, Any]:
    noun = type(row).__name__.lower()
    # A row of no newsletter, such as an expert's profile, is recorded for the newsletter of the actor.
    newsletter_id = getattr(row, "newsletter_id", None) or getattr(actor, "newsletter_id", None)
    question_id = getattr(row, "question_id", None)
    return {
        "actor": actor.ref,
        "action": action,
        "noun": noun,
        "noun_id": row.id,
        "newsletter_id": row.id if noun == "newsletter" else newsletter_id,
        "question_id": row.id if noun == "question" else question_id,
    }


def _keeps_only_day(at: datetime) -> bool:
    return at == at.replace(hour=0, minute=0, second=0, microsecond=0)


@contextmanager
def record_in_bulk(session: Session) -> Iterator[None]:
    """Defer the events that are recorded in the block, and insert them together at its end.

    Until then, a new row may have no ID. In nested blocks, the outermost one inserts.
    """
    outer: list[PendingEvent] | None = session.info.get("pending_events")
    pending: list[PendingEvent] = [] if outer is None else outer
    session.info["pending_events"] = pending
    try:
        yield
        if outer is None:
            _insert_pending(session, pending)
    finally:
        session.info["pending_events"] = outer


def _insert_pending(session: Session, pending: list[PendingEvent]) -> None:
    session.flush()
    rows = [event.values | {"noun_id": event.row.id} for event in pending]
    # Rows of one statement must have the same columns.
    rows_without_id = [row for row in rows if "id" not in row]
    rows_with_id = [row for row in rows if "id" in row]
    for batch in (rows_without_id, rows_with_id):
        if batch:
            session.connection().execute(_INSERT, batch)


@contextmanager
def collect_events(session: Session) -> Iterator[list[Event]]:
    """Collect the events recorded in the block, each with its ID. An outer `collect_events` collects them too."""
    outer: list[Event] | None = session.info.get("collected_events")
    events: list[Event] = []
    session.info["collected_events"] = events
    try:
        yield events
        if outer is not None:
            outer.extend(events)
    finally:
        session.info["collected_events"] = outer
