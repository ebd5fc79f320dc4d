from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from ..core.listing import Listing
from .models import Event


def of_questions(question_ids: Sequence[int], actions: Sequence[str]) -> Listing[Event]:
    """Return the list of what was done to several questions and to all that hangs on them, newest first."""
    query = select(Event).where(Event.question_id.in_(question_ids), Event.action.in_(actions))
    return Listing(query, (Event.at, Event.id))


def chosen(session: Session, keys: Sequence[int]) -> list[Event]:
    """Several events by their keys, newest first."""
    return list(session.scalars(select(Event).where(Event.id.in_(keys)).order_by(Event.id.desc())))


def newest_move(session: Session, noun: str, noun_id: int) -> Event | None:
    """The newest event that moved a row from where it stood."""
    return session.scalar(_moves(noun, noun_id).order_by(Event.id.desc()).limit(1))


def newest_of(session: Session, noun: str, noun_id: int, action: str) -> Event | None:
    """Find the newest event of one kind on a row."""
    query = select(Event).where(Event.noun == noun, Event.noun_id == noun_id, Event.action == action)
    return session.scalar(query.order_by(Event.id.desc()).limit(1))


def number_since(session: Session, noun: str, noun_id: int, action: str, since: datetime) -> int:
    """Count the events of one kind on a row since a time."""
    of_row = select(Event.at).where(Event.noun == noun, Event.noun_id == noun_id, Event.action == action)
    return session.scalar(select(func.count()).select_from(of_row.where(Event.at > since).subquery())) or 0


def moved_since(session: Session, event: Event, but: Sequence[int]) -> bool:
    """Return whether the row of an event was moved again after it, by another event than those of `but`."""
    later = _moves(event.noun, event.noun_id).where(Event.id > event.id, Event.id.not_in(but))
    return session.scalar(later.limit(1)) is not None


def touched_since(session: Session, question_id: int, event_id: int, but: Sequence[int]) -> bool:
    """Return whether something was done to a question or what hangs on it after an event, besides the events `but`."""
    query = select(Event.id).where(Event.question_id == question_id, Event.id > event_id, Event.id.not_in(but))
    return session.scalar(query.limit(1)) is not None


def _moves(noun: str, noun_id: int) -> Select[Event]:
    return select(Event).where(Event.noun == noun, Event.noun_id == noun_id, Event.new.is_not(None))
