from collections import Counter
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..actors import Staff
from .models import Letter

MANY = 1_000  # counts stop here; the pages say "1,000+"


def load(session: Session, actor: Staff, public_id: str) -> Letter | None:
    """One letter of the actor's newsletter."""
    return session.scalar(select(Letter).filter_by(public_id=public_id, newsletter_id=actor.newsletter_id))


def load_many(session: Session, actor: Staff, public_ids: Sequence[str]) -> list[Letter]:
    """Those of the letters that are the actor's newsletter's, oldest first."""
    query = select(Letter).where(Letter.public_id.in_(public_ids), Letter.newsletter_id == actor.newsletter_id)
    return list(session.scalars(query.order_by(Letter.id)))


def page(session: Session, newsletter_id: int, states: Sequence[str], before: int | None, limit: int) -> list[Letter]:
    """Letters in these states, newest first, before the key `before`: one walk of an index at any depth."""
    keys: list[int] = []
    for state in states:
        part = select(Letter.id).where(Letter.newsletter_id == newsletter_id, Letter.state == state)
        part = part.where(Letter.id < before) if before else part
        keys += session.scalars(part.order_by(Letter.id.desc()).limit(limit))
    ids = sorted(keys, reverse=True)[:limit]
    return list(session.scalars(select(Letter).where(Letter.id.in_(ids)).order_by(Letter.id.desc())))


def waiting(session: Session, newsletter_id: int, states: Sequence[str] = ("received", "held")) -> int:
    """How many letters wait for the desk, counted up to 1,001."""
    walk = select(Letter.id).where(Letter.newsletter_id == newsletter_id, Letter.state.in_(states)).limit(MANY + 1)
    return session.scalar(select(func.count()).select_from(walk.subquery())) or 0


def of_questions(session: Session, question_ids: Sequence[int]) -> list[Letter]:
    """The live letters behind several questions, oldest first."""
    query = select(Letter).where(Letter.question_id.in_(question_ids), Letter.state == "filed")
    return list(session.scalars(query.order_by(Letter.id)))


def askers(session: Session, question_ids: Sequence[int]) -> Counter[int]:
    """How many live letters stand behind each question, in one query."""
    query = (
        select(Letter.question_id, func.count())
        .where(Letter.question_id.in_(question_ids), Letter.state == "filed")
        .group_by(Letter.question_id)
    )
    return Counter({question: count for question, count in session.execute(query) if question is not None})
