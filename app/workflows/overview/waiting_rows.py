"""The rows behind what waits, up to a thousand, with as much of their experts and questions as says which they are."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, load_only

from ...answers.models import Answer, Assignment, Check
from ...people.models import Expert, Person
from ...questions.models import Question, QuestionText

Texts = list[tuple[Answer, Question, Check | None]]


def answers_of(session: Session, keys: Sequence[int]) -> Texts:
    """Several answers with their questions and newest checks, those that have waited longest first."""
    newest = select(func.max(Check.id)).where(Check.answer_id == Answer.id).correlate(Answer).scalar_subquery()
    query = (
        select(Answer, Question, Check)
        .options(_load_expert_name(joinedload(Answer.expert)), *_load_question_title())
        .join(Question, Question.id == Answer.question_id)
        .outerjoin(Check, Check.id == newest)
        .where(Answer.id.in_(keys))
        .order_by(Answer.state_at, Answer.id)
    )
    rows = session.execute(query) if keys else ()
    return [(answer, question, check) for answer, question, check in rows]


def assignments_of(session: Session, keys: Sequence[int]) -> list[Assignment]:
    question = joinedload(Assignment.question)
    query = select(Assignment).options(
        _load_expert_name(joinedload(Assignment.expert)), question.options(*_load_question_title())
    )
    return list(session.scalars(query.where(Assignment.id.in_(keys)).order_by(Assignment.id))) if keys else []


def _load_expert_name(expert: Any) -> Any:
    """Load of an expert as much as names them."""
    return expert.options(load_only(Expert.person_id), joinedload(Expert.person).load_only(Person.name))


def _load_question_title() -> tuple[Any, ...]:
    """Load of a question as much as says which one it is."""
    words = joinedload(Question.text).load_only(QuestionText.headline, QuestionText.body)
    return load_only(Question.public_id, Question.text_id), words
