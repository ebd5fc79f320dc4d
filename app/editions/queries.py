"""Editions and what they are for, as the desk and the worker look them up."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from ..actors import Staff
from ..answers.models import Assignment
from ..db import now
from ..newsletters.models import Newsletter
from ..questions.models import Question
from .models import Edition


def load(session: Session, actor: Staff, public_id: str) -> Edition | None:
    """One edition of the actor's newsletter."""
    return session.scalar(select(Edition).filter_by(public_id=public_id, newsletter_id=actor.newsletter_id))


def title_of(session: Session, edition: Edition) -> str:
    """Return what an edition's mail is called: the newsletter's name and the day on its clock."""
    return f"{session.get_one(Newsletter, edition.newsletter_id).name}, {edition.local_at[:10]}"


def coming_editions(session: Session, newsletter_id: int, limit: int = 2) -> list[Edition]:
    """The next editions that are to run, soonest first."""
    return list(session.scalars(coming(session, newsletter_id, Edition).limit(limit)))


def coming(session: Session, newsletter_id: int, what: Any) -> Select[Any]:
    """Select the editions that are to run, or a column of theirs, soonest first."""
    ahead = (Edition.newsletter_id == newsletter_id, Edition.is_ahead, Edition.runs_at > now(session))
    return select(what).where(*ahead).order_by(Edition.runs_at, Edition.id)


def coming_beside(
    session: Session, newsletter_id: int, numbers: Sequence[ColumnElement[int]]
) -> tuple[Edition | None, int, list[int]]:
    """Return the next edition that is to run, how many of its slots are filled, and some numbers, in one statement: a
    page of the desk has them around it.
    """
    filled = select(func.count()).where(Question.edition_id == Edition.id).correlate(Edition).scalar_subquery()
    first = coming(session, newsletter_id, Edition.id).limit(1).correlate(None).scalar_subquery()
    query = select(Edition, filled, *numbers).select_from(Newsletter).outerjoin(Edition, Edition.id == first)
    edition, many, *found = session.execute(query.where(Newsletter.id == newsletter_id)).one()
    return edition, many, found


def run_of(session: Session, assignment: Assignment) -> Edition | None:
    """The edition that an assignment is meant for: where its question was picked, else what it was asked for."""
    question = session.get_one(Question, assignment.question_id)
    key = question.edition_id or assignment.for_edition_id
    return session.get(Edition, key) if key else None
