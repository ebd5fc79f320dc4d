"""An expert's own tasks: their assignments, each with the cleared wording of its question."""

from dataclasses import dataclass

from sqlalchemy import Select, and_, exists, select
from sqlalchemy.orm import Load, Session, aliased, contains_eager, joinedload, load_only

from ..core.actors import ExpertActor
from ..db.session import now
from ..newsletters.models import Newsletter
from ..people import links
from ..people.models import Expert, Link, Person
from ..questions.models import Question, QuestionText
from ..questions.queries import select_newest_cleared_id, select_reader_count
from .editing import PASSED_OUTCOMES
from .lifecycle import STAGE_BY_ANSWER, STAGE_BY_ASSIGNMENT
from .models import Answer, Assignment, Check


@dataclass(frozen=True)
class ExpertTask:
    """An assignment as its expert may see it.

    - `text`: the newest cleared wording of the question, the only one that the expert may see;
    - `check`: the open quote check;
    - `is_passed`: whether the current text of the answer has passed a quote check;
    - `readers`: number of askers, with those of merged questions.
    """

    assignment: Assignment
    newsletter: Newsletter
    text: QuestionText
    answer: Answer | None
    check: Check | None
    is_passed: bool
    readers: int

    @property
    def stage(self) -> str:
        """Return a value of `STAGE_BY_ASSIGNMENT` or `STAGE_BY_ANSWER`, "passed", "published" or "retracted"."""
        stage = STAGE_BY_ASSIGNMENT[str(self.assignment.state)]
        if stage:
            return stage
        if self.answer is None:
            return "cancelled"
        stage = STAGE_BY_ANSWER[str(self.answer.state)]
        question = self.assignment.question
        if stage == "edited" and self.is_passed:
            return "passed"
        if stage == "approved" and question.has_run:
            return str(question.state)
        return stage

    @property
    def can_accept(self) -> bool:
        """Return whether the expert can accept, even after declining, because the question still takes answers."""
        return self.assignment.question.takes_answers

    @property
    def title(self) -> str:
        return self.text.headline or self.text.body or ""


TaskSelect = Select[Assignment, Newsletter, QuestionText, Answer, Check, bool, int]  # the fields of `ExpertTask`


def _select_tasks(few_columns: bool = False) -> TaskSelect:
    """Select tasks. With `few_columns`, load only the columns that saving a draft needs; the others load on access.

    A page saves its draft every few seconds. Loading all columns would be most of the cost.
    """
    passed_check = aliased(Check)
    is_passed = exists().where(
        passed_check.answer_id == Answer.id,
        passed_check.text_id == Answer.text_id,
        passed_check.outcome.in_(PASSED_OUTCOMES),
    )
    readers = select_reader_count(Assignment.question_id).scalar_subquery()
    query = (
        select(Assignment, Newsletter, QuestionText, Answer, Check, is_passed, readers)
        .join(Newsletter, Newsletter.id == Assignment.newsletter_id)
        .join(QuestionText, QuestionText.id == select_newest_cleared_id(Assignment.question_id).scalar_subquery())
        .outerjoin(Assignment.answer)
        .outerjoin(Check, and_(Check.answer_id == Answer.id, Check.ended_at.is_(None)))
        .options(
            Load(Answer).lazyload(Answer.expert),
            contains_eager(Assignment.answer).lazyload(
                Answer.expert
            ),  # the same as the loaded expert of the assignment
            joinedload(Assignment.question).lazyload(Question.text),  # the cleared text is selected above
        )
    )
    if not few_columns:
        return query
    return query.options(
        load_only(Assignment.state, Assignment.question_id),
        joinedload(Assignment.question).load_only(Question.state),
        joinedload(Assignment.expert).load_only(Expert.id).joinedload(Expert.person).load_only(Person.name),
        Load(Answer).load_only(Answer.state),
        contains_eager(Assignment.answer).load_only(Answer.state),
        Load(Newsletter).load_only(Newsletter.language, Newsletter.zone),
        Load(QuestionText).load_only(QuestionText.id),
        Load(Check).load_only(Check.id),
    )


def load_task(session: Session, actor: ExpertActor, public_id: str, few_columns: bool = False) -> ExpertTask | None:
    """Return an assignment of this expert as a task, or None if it is another expert's, or only drafted."""
    query = _select_tasks(few_columns).where(
        Assignment.public_id == public_id, Assignment.expert_id == actor.expert_id, ~Assignment.is_drafted
    )
    return _load_first(session, query)


def load_task_by_link(session: Session, token: str, few_columns: bool = False) -> tuple[ExpertActor, ExpertTask] | None:
    """Return the expert for whom a link was made and the one task that it opens, or None. Changes nothing."""
    conditions = links.open_link_conditions("page", links.macs_of(session, token), now(session))
    query = _select_tasks(few_columns).join(Link, Link.assignment_id == Assignment.id).where(*conditions)
    task = _load_first(session, query)
    if task is None:
        return None
    expert = task.assignment.expert
    return ExpertActor(expert.id, expert.name, task.assignment.id), task


def _load_first(session: Session, query: TaskSelect) -> ExpertTask | None:
    row = session.execute(query).first()
    return ExpertTask(*row) if row else None


def list_tasks(session: Session, expert_id: int, limit: int = 200) -> list[ExpertTask]:
    """Return an expert's tasks in one query, due soonest first, without drafted, declined and cancelled ones."""
    query = _select_tasks().where(Assignment.expert_id == expert_id, Assignment.was_asked)
    query = query.order_by(Assignment.due_at, Assignment.id).limit(limit)
    return [ExpertTask(*row) for row in session.execute(query)]
