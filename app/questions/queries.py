from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, aliased

from ..actors import Staff
from ..letters import queries as letters
from ..letters.models import Letter
from ..newsletters.models import Topic
from .models import Note, Question, QuestionText, QuestionTopic

MANY = letters.MANY


def load(session: Session, actor: Staff, public_id: str) -> Question | None:
    """One question of the actor's newsletter."""
    return session.scalar(select(Question).filter_by(public_id=public_id, newsletter_id=actor.newsletter_id))


def page(session: Session, newsletter_id: int, states: Sequence[str], before: int | None, limit: int) -> list[Question]:
    """Questions in these states, newest first, before the key `before`: a walk of one index for each state."""
    ids: list[int] = []
    for state in states:
        part = select(Question.id).where(Question.newsletter_id == newsletter_id, Question.state == state)
        part = (part.where(Question.id < before) if before else part).order_by(Question.id.desc()).limit(limit)
        ids += session.scalars(part)
    newest = sorted(ids, reverse=True)[:limit]
    return list(session.scalars(select(Question).where(Question.id.in_(newest)).order_by(Question.id.desc())))


def count(session: Session, newsletter_id: int, states: Sequence[str]) -> int:
    """How many questions are in these states, counted up to 1,001."""
    walk = select(Question.id).where(Question.newsletter_id == newsletter_id, Question.state.in_(states))
    return session.scalar(select(func.count()).select_from(walk.limit(MANY + 1).subquery())) or 0


def family(session: Session, question: Question) -> list[int]:
    """The keys of a question and of all that was merged into it."""
    return [question.id, *session.scalars(select(Question.id).filter_by(merged_into_id=question.id))]


def merged_into(session: Session, question: Question) -> list[Question]:
    """The questions that were merged into this one."""
    return list(session.scalars(select(Question).filter_by(merged_into_id=question.id).order_by(Question.id)))


def letters_of(session: Session, question: Question) -> list[Letter]:
    """Every live letter behind a question, its merged ones included."""
    return letters.of_questions(session, family(session, question))


def askers(session: Session, questions: Sequence[Question]) -> dict[int, int]:
    """How many readers ask each question, merged ones counted for their lead, in two queries."""
    leads = [question.id for question in questions]
    merged = {
        row.id: row.merged_into_id
        for row in session.execute(
            select(Question.id, Question.merged_into_id).where(Question.merged_into_id.in_(leads))
        )
    }
    counted = letters.askers(session, [*leads, *merged])
    totals = {lead: counted[lead] for lead in leads}
    for key, lead in merged.items():
        totals[lead] += counted[key]
    return totals


def lead_of(session: Session, question: Question) -> Question:
    return session.get_one(Question, question.merged_into_id) if question.merged_into_id else question


# Where a question stands while readers can see it on the page and join it.
SHOWN_IN = ("open", "seeking", "answered", "queued")


def all_shown(newsletter_id: int) -> Select[Question]:
    """What readers may see of the open questions: one that got new words is hidden until an editor has cleared them."""
    return (
        select(Question)
        .join(QuestionText, QuestionText.id == Question.text_id)
        .where(
            Question.newsletter_id == newsletter_id,
            Question.state.in_(SHOWN_IN),
            Question.shown_at.is_not(None),
            QuestionText.cleared_at.is_not(None),
        )
    )


def shown(session: Session, newsletter_id: int, limit: int = 3) -> list[Question]:
    """The open questions that the desk has made public in its own wording."""
    return list(session.scalars(all_shown(newsletter_id).order_by(Question.id.desc()).limit(limit)))


def texts_of(session: Session, question: Question) -> list[QuestionText]:
    return list(session.scalars(select(QuestionText).filter_by(question_id=question.id).order_by(QuestionText.id)))


def newest_cleared(question_id: Any) -> Select[int]:
    """The key of the newest words of a question that an editor has cleared: nothing else of it leaves the house."""
    text = aliased(QuestionText)  # so that it can stand inside a query of the same table
    return select(func.max(text.id)).where(
        text.question_id == question_id, text.cleared_at.is_not(None), text.erased_at.is_(None)
    )


def cleared_text(session: Session, question_id: int) -> QuestionText | None:
    key = newest_cleared(question_id).scalar_subquery()
    return session.scalar(select(QuestionText).where(QuestionText.id == key))


def topics_of(session: Session, question_ids: Sequence[int]) -> dict[int, list[Topic]]:
    """The topics of several questions, in one query."""
    found: dict[int, list[Topic]] = {key: [] for key in question_ids}
    rows = session.execute(
        select(QuestionTopic.question_id, Topic)
        .join(Topic, Topic.id == QuestionTopic.topic_id)
        .where(QuestionTopic.question_id.in_(question_ids))
        .order_by(Topic.name)
    )
    for question_id, topic in rows:
        found[question_id].append(topic)
    return found


def notes_of(session: Session, question: Question) -> list[Note]:
    return list(session.scalars(select(Note).filter_by(question_id=question.id).order_by(Note.id.desc())))
