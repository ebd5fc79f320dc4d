"""Queries of the desk for assignments and answers: for one question or for a page of them, one query for each kind of
row.
"""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session, lazyload
from sqlalchemy.orm.attributes import set_committed_value

from ..questions.models import Question
from .models import Answer, AnswerText, Assignment, Check


def load_assignment(session: Session, question: Question, public_id: str) -> Assignment | None:
    """One assignment of a question that was loaded through the actor, which holds it from then on."""
    one = session.scalar(select(Assignment).filter_by(public_id=public_id, question_id=question.id))
    if one is not None:
        set_committed_value(one, "question", question)
    return one


def load_answer(session: Session, question: Question, public_id: str) -> Answer | None:
    """One answer of a question that was loaded through the actor."""
    return session.scalar(select(Answer).filter_by(public_id=public_id, question_id=question.id))


def answers_of(session: Session, question_ids: Sequence[int]) -> dict[int, Answer]:
    """The answers to several questions, by the key of their assignment."""
    query = select(Answer).where(Answer.question_id.in_(question_ids))
    return {answer.assignment_id: answer for answer in session.scalars(query)}


def newest_checks(session: Session, answer_ids: Sequence[int]) -> dict[int, Check]:
    """The newest quote check of each of several answers."""
    newest = select(func.max(Check.id)).where(Check.answer_id.in_(answer_ids)).group_by(Check.answer_id)
    return {check.answer_id: check for check in session.scalars(select(Check).where(Check.id.in_(newest)))}


def checks_of(session: Session, answer_ids: Sequence[int]) -> dict[int, list[Check]]:
    """Every quote check of several answers, oldest first."""
    found: dict[int, list[Check]] = {key: [] for key in answer_ids}
    query = select(Check).where(Check.answer_id.in_(found)).order_by(Check.id)
    for check in session.scalars(query) if found else ():
        found[check.answer_id].append(check)
    return found


def versions_of(session: Session, answer_ids: Sequence[int]) -> dict[int, list[AnswerText]]:
    """Every version of several answers, oldest first."""
    found: dict[int, list[AnswerText]] = {key: [] for key in answer_ids}
    query = select(AnswerText).where(AnswerText.answer_id.in_(found)).order_by(AnswerText.id)
    for text in session.scalars(query) if found else ():
        found[text.answer_id].append(text)
    return found


def parts_of(session: Session, question_ids: Sequence[int]) -> list[tuple[Assignment, Answer | None, Check | None]]:
    """Every assignment of several questions with its answer and the newest quote check, in one query."""
    newest = select(func.max(Check.id)).where(Check.answer_id == Answer.id).correlate(Answer).scalar_subquery()
    query = (
        select(Assignment, Answer, Check)
        .options(lazyload(Answer.expert))  # who has the assignment: there already
        .outerjoin(Answer, Answer.assignment_id == Assignment.id)
        .outerjoin(Check, Check.id == newest)
        .where(Assignment.question_id.in_(question_ids))
        .order_by(Assignment.id)
    )
    found: list[tuple[Assignment, Answer | None, Check | None]]
    found = [(assignment, answer, check) for assignment, answer, check in session.execute(query)]
    for assignment, answer, _check in found:
        set_committed_value(assignment, "answer", answer)
    return found
