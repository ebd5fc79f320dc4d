"""The end of an expert's work at all desks, before the expert is erased.

Nobody is asked any more, and texts that haven't run are withdrawn. Only an answer in a locked edition stays: what a
lock has fixed, only an editor changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session, joinedload

from ...answers.assigning import reopen_if_unassigned
from ...answers.editing import approved_of, end_check, load_parents, reopen_if_unanswered
from ...answers.lifecycle import ANSWER, ASSIGNMENT
from ...answers.models import Answer, Assignment
from ...core.actors import Actor
from ...db.session import lock_row
from ...editions import slots
from ...editions.models import Edition
from ...people.models import Expert
from ...questions.models import Question

CAUSE = "remove"
# What becomes of an expert's work: they were asked, or were about to be, and owe a text; a text is withdrawn; an
# approved answer is taken out of its edition; an approved answer runs in an edition that is locked.
Outcome = Literal["asked", "drafted", "withdrawn", "taken out", "runs"]

IS_LOCKED_IN = exists().where(Edition.id == Question.edition_id, Edition.is_fixed)
IS_OPEN_WORK: ColumnElement[bool] = or_(
    Assignment.is_live & ~Assignment.is_over,
    Assignment.is_done & ~Question.has_run,
    exists().where(Answer.assignment_id == Assignment.id, Answer.is_held_over),
)


@dataclass(frozen=True)
class Work:
    """An expert's work on a question, and what becomes of it."""

    assignment: Assignment
    outcome: Outcome


def list_open_work(session: Session, expert: Expert) -> list[Work]:
    """Return the expert's open work at all desks, oldest first, with what its end would make of it."""
    query = (
        select(Assignment)
        .options(joinedload(Assignment.question))
        .join(Question, Question.id == Assignment.question_id)
        .where(Assignment.expert_id == expert.id, IS_OPEN_WORK)
    )
    assignments = session.scalars(query.order_by(Assignment.id)).all()
    return [Work(assignment, _get_outcome(session, assignment)) for assignment in assignments]


def _get_outcome(session: Session, assignment: Assignment) -> Outcome:
    if assignment.is_done:
        edition_id = assignment.question.edition_id
        edition = session.get_one(Edition, edition_id) if edition_id else None
        if edition is None:
            return "withdrawn"
        return "runs" if edition.is_fixed else "taken out"
    if assignment.is_drafted:
        return "drafted"
    return "asked" if assignment.owes_text else "withdrawn"


def end_work(session: Session, actor: Actor, expert: Expert) -> Sequence[Work]:
    """End the expert's open work at all desks, and return it with what became of it. Nobody is mailed about it.

    The questions go back to the state that they would have without the expert.
    """
    works = []
    for work in list_open_work(session, expert):
        assignment = work.assignment
        _lock(session, assignment)
        outcome = _get_outcome(session, assignment)  # the edition may have been locked before our lock
        if outcome != "runs":
            _end(session, actor, assignment)
        works.append(Work(assignment, outcome))
    return works


def _lock(session: Session, assignment: Assignment) -> None:
    """Lock an assignment with its question, and the edition that the question is picked for."""
    question = session.get_one(Question, assignment.question_id)
    if question.edition_id:
        lock_row(session, session.get_one(Edition, question.edition_id))
    lock_row(session, question)
    lock_row(session, assignment)


def _end(session: Session, actor: Actor, assignment: Assignment) -> None:
    answer = session.scalar(select(Answer).filter_by(assignment_id=assignment.id))
    if answer is not None:
        _withdraw(session, actor, lock_row(session, answer))
    if ASSIGNMENT.has_move("decline", assignment.state):
        ASSIGNMENT.apply(session, actor, assignment, "decline", cause=CAUSE, decline_reason="other")
    elif ASSIGNMENT.has_move("cancel", assignment.state):
        ASSIGNMENT.apply(session, actor, assignment, "cancel", cause=CAUSE)
    reopen_if_unassigned(session, actor, assignment.question_id)


def _withdraw(session: Session, actor: Actor, answer: Answer) -> None:
    """Withdraw an answer, and take its question out of the edition if it has no other approved answer."""
    if not ANSWER.has_move("withdraw", answer.state):
        return
    assignment, question = load_parents(session, answer)
    end_check(session, actor, answer)
    if answer.is_approved:
        if question.is_queued and len(approved_of(session, question.id)) == 1:
            slots.drop(session, actor, question, cause=CAUSE)
        ASSIGNMENT.apply(session, actor, assignment, "unfinish", cause="reopen")
    ANSWER.apply(session, actor, answer, "withdraw", cause=CAUSE)
    reopen_if_unanswered(session, actor, question)
