"""The work that an expert has on their desk, and had."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import ScalarSelect, exists, func, select
from sqlalchemy.orm import Session, joinedload
from sqlalchemy.sql import ColumnElement

from ..people.models import Expert
from .models import Assignment


def live(session: Session, expert_ids: Sequence[int]) -> Counter[int]:
    """Return how many questions each expert has been asked and not settled, at all newsletters of the house, in one
    query.
    """
    query = select(Assignment.expert_id, func.count()).where(Assignment.expert_id.in_(expert_ids), Assignment.is_asked)
    return Counter(dict(session.execute(query.group_by(Assignment.expert_id)).all()))


def live_now() -> ScalarSelect[int]:
    """The same of the experts in a query, as a column of it."""
    mine = select(func.count()).where(Assignment.expert_id == Expert.id, Assignment.is_asked)
    return mine.correlate(Expert).scalar_subquery()


def of_expert(session: Session, newsletter_id: int, expert_id: int, limit: int = 20) -> list[Assignment]:
    """An expert's assignments at one newsletter with their questions, newest first."""
    query = select(Assignment).filter_by(newsletter_id=newsletter_id, expert_id=expert_id)
    query = query.options(joinedload(Assignment.question)).order_by(Assignment.id.desc()).limit(limit)
    return list(session.scalars(query))


def has_work() -> ColumnElement[bool]:
    """Of experts in a query: those who have something on their desk now."""
    return exists().where(Assignment.expert_id == Expert.id, Assignment.is_asked)


def never_asked() -> ColumnElement[bool]:
    """Of experts in a query: those who have never been asked anything."""
    return ~exists().where(Assignment.expert_id == Expert.id, ~Assignment.is_drafted)
