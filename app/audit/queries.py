"""Queries for events: of questions, by action, and of what happened after an event.

A move is an event that changed the state of a row.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from ..core.listing import Listing
from .models import Event


def of_questions(question_ids: Sequence[int], actions: Sequence[str]) -> Listing[Event]:
    """Return the listing of events of questions and of rows that belong to them, by action, newest first."""
    query = select(Event).where(Event.question_id.in_(question_ids), Event.action.in_(actions))
    return Listing(query, (Event.at, Event.id))


def get_events(session: Session, keys: Sequence[int]) -> list[Event]:
    """Return events by their IDs, newest first."""
    return list(session.scalars(select(Event).where(Event.id.in_(keys)).order_by(Event.id.desc())))


def find_latest_move(session: Session, object_type: str, object_id: int) -> Event | None:
    """Return the newest move of a row, or None."""
    return session.scalar(_select_moves(object_type, object_id).order_by(Event.id.desc()).limit(1))


def find_latest_event(session: Session, object_type: str, object_id: int, action: str) -> Event | None:
    """Return the newest event with this action on a row, or None."""
    query = select(Event).where(Event.noun == object_type, Event.noun_id == object_id, Event.action == action)
    return session.scalar(query.order_by(Event.id.desc()).limit(1))


def count_events_since(session: Session, object_type: str, object_id: int, action: str, start_time: datetime) -> int:
    """Count the events with this action on a row after `start_time`."""
    query = select(Event.at).where(Event.noun == object_type, Event.noun_id == object_id, Event.action == action)
    later_events = query.where(Event.at > start_time).subquery()
    return session.scalar(select(func.count()).select_from(later_events)) or 0


def has_later_move(session: Session, event: Event, excluded_ids: Sequence[int]) -> bool:
    """Return whether the row of an event was moved after it, not counting the events with `excluded_ids`."""
    moves = _select_moves(event.noun, event.noun_id)
    later_moves = moves.where(Event.id > event.id, Event.id.not_in(excluded_ids))
    return session.scalar(later_moves.limit(1)) is not None


def has_later_event(session: Session, question_id: int, event_id: int, excluded_ids: Sequence[int]) -> bool:
    """Return whether a question, or a row that belongs to it, has later events than `event_id`.

    The events with `excluded_ids` don't count.
    """
    events = select(Event.id).where(Event.question_id == question_id)
    later_events = events.where(Event.id > event_id, Event.id.not_in(excluded_ids))
    return session.scalar(later_events.limit(1)) is not None


def _select_moves(object_type: str, object_id: int) -> Select[Event]:
    return select(Event).where(Event.noun == object_type, Event.noun_id == object_id, Event.new.is_not(None))
