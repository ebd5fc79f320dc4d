"""Queries for events: of questions, by action, and of what happened after an event."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from ..core.listing import Listing
from .models import Event


def of_questions(question_ids: Sequence[int], actions: Sequence[str]) -> Listing[Event]:
    """Return the listing of events of several questions and of rows that belong to them, newest first."""
    query = select(Event).where(Event.question_id.in_(question_ids), Event.action.in_(actions))
    return Listing(query, (Event.at, Event.id))


def get_events(session: Session, keys: Sequence[int]) -> list[Event]:
    """Return events by their IDs, newest first."""
    return list(session.scalars(select(Event).where(Event.id.in_(keys)).order_by(Event.id.desc())))


def find_latest_move(session: Session, object_type: str, object_id: int) -> Event | None:
    """Return the newest event that changed the state of a row, or None."""
    return session.scalar(_select_moves(object_type, object_id).order_by(Event.id.desc()).limit(1))


def find_latest_event(session: Session, object_type: str, object_id: int, action: str) -> Event | None:
    """Return the newest event with this action on a row, or None."""
    query = select(Event).where(Event.noun == object_type, Event.noun_id == object_id, Event.action == action)
    return session.scalar(query.order_by(Event.id.desc()).limit(1))


def count_events_since(session: Session, object_type: str, object_id: int, action: str, start_time: datetime) -> int:
    """Count the events with this action on a row after `start_time`."""
    of_row = select(Event.at).where(Event.noun == object_type, Event.noun_id == object_id, Event.action == action)
    return session.scalar(select(func.count()).select_from(of_row.where(Event.at > start_time).subquery())) or 0


def has_later_move(session: Session, event: Event, but: Sequence[int]) -> bool:
    """Return whether the state of an event's row changed after it, except by the events with the IDs in `but`."""
    later = _select_moves(event.noun, event.noun_id).where(Event.id > event.id, Event.id.not_in(but))
    return session.scalar(later.limit(1)) is not None


def has_later_event(session: Session, question_id: int, event_id: int, but: Sequence[int]) -> bool:
    """Return whether a question has later events than `event_id`, except those with the IDs in `but`.

    Events of rows that belong to the question count.
    """
    query = select(Event.id).where(Event.question_id == question_id, Event.id > event_id, Event.id.not_in(but))
    return session.scalar(query.limit(1)) is not None


def _select_moves(object_type: str, object_id: int) -> Select[Event]:
    return select(Event).where(Event.noun == object_type, Event.noun_id == object_id, Event.new.is_not(None))
