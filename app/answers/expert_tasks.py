"""An expert's own tasks: their assignments, each with the words of its question that an editor has cleared."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, exists, select
from sqlalchemy.orm import Session, aliased, contains_eager, joinedload

from ..actors import Expert
from ..newsletters.models import Newsletter
from ..people import links
from ..questions.models import QuestionText
from ..questions.queries import newest_cleared
from .editing import PASSED
from .lifecycle import STAGE_BY_ANSWER, STAGE_BY_ASSIGNMENT
from .models import Answer, Assignment, Check


@dataclass(frozen=True)
class Task:
    """An assignment as its expert may see it. `text` is all that leaves the house of the question."""

    assignment: Assignment
    newsletter: Newsletter
    text: QuestionText
    answer: Answer | None
    check: Check | None
    is_passed: bool  # the very text that is there now is past its check

    @property
    def stage(self) -> str:
        """Return a key of `STAGE_BY_ASSIGNMENT` or `STAGE_BY_ANSWER` values, "passed", "published" or "retracted"."""
        own = STAGE_BY_ASSIGNMENT[str(self.assignment.state)]
        if own or self.answer is None:
            return own or "cancelled"
        found = STAGE_BY_ANSWER[str(self.answer.state)]
        if found == "edited" and self.is_passed:
            return "passed"
        question = self.assignment.question
        return str(question.state) if found == "approved" and question.has_run else found

    @property
    def may_say_yes(self) -> bool:
        """Return whether the question still takes answers."""
        return self.assignment.question.takes_answers

    @property
    def title(self) -> str:
        return self.text.headline or self.text.body or ""


def _tasks(*where: Any) -> Select[Assignment, Newsletter, QuestionText, Answer, Check, bool]:
    passed = aliased(Check)
    is_passed = exists().where(
        passed.answer_id == Answer.id, passed.text_id == Answer.text_id, passed.outcome.in_(PASSED)
    )
    return (
        select(Assignment, Newsletter, QuestionText, Answer, Check, is_passed)
        .join(Newsletter, Newsletter.id == Assignment.newsletter_id)
        .join(QuestionText, QuestionText.id == newest_cleared(Assignment.question_id).scalar_subquery())
        .outerjoin(Assignment.answer)
        .outerjoin(Check, and_(Check.answer_id == Answer.id, Check.ended_at.is_(None)))
        .options(contains_eager(Assignment.answer), joinedload(Assignment.question))
        .where(*where)
    )


def _one(session: Session, *where: Any) -> Task | None:
    row = session.execute(_tasks(*where)).first()
    return Task(*row) if row else None


def load(session: Session, actor: Expert, public_id: str) -> Task | None:
    """One assignment of this expert; by a link only the link's own. None for any other, and before it was sent."""
    mine = [Assignment.public_id == public_id, Assignment.expert_id == actor.expert_id]
    mine.append(Assignment.id == actor.assignment_id if actor.assignment_id else ~Assignment.is_drafted)
    return _one(session, *mine)


def by_link(session: Session, token: str) -> tuple[Expert, Task] | None:
    """Whoever holds an assignment's link, and the one assignment that it opens. Changes nothing."""
    link = links.find_link(session, token)
    if link is None or link.assignment_id is None:
        return None
    task = _one(session, Assignment.id == link.assignment_id)
    if task is None:
        return None
    expert = task.assignment.expert
    return Expert(expert.id, expert.name, task.assignment.id), task


def of_expert(session: Session, expert_id: int, limit: int = 200) -> list[Task]:
    """An expert's assignments, due soonest first, in one query; without those that ended with nothing."""
    here = Assignment.was_asked
    query = _tasks(Assignment.expert_id == expert_id, here).order_by(Assignment.due_at, Assignment.id).limit(limit)
    return [Task(*row) for row in session.execute(query)]
