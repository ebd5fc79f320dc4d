"""An expert's own tasks: their assignments, each with the cleared wording of its question."""

from dataclasses import dataclass
from functools import cache

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import Load, Session, aliased, contains_eager, joinedload, load_only

from ..core.actors import ExpertActor
from ..db.session import now
from ..newsletters.models import Newsletter
from ..people import links
from ..people.models import Expert, Link, Person
from ..questions.models import Question, QuestionText
from ..questions.queries import select_newest_cleared_id
from .editing import PASSED_OUTCOMES
from .lifecycle import CONTESTABLE_STAGES, STAGE_BY_ANSWER, STAGE_BY_ASSIGNMENT
from .models import Answer, Assignment, Check


@dataclass(frozen=True)
class ExpertTask:
    """An assignment as its expert may see it.

    - `text`: the newest cleared wording of the question, the only one that the expert may see;
    - `check`: the open quote check;
    - `last_check`: the newest ended check of the current text of the answer, which may be an objection;
    """

    assignment: Assignment
    newsletter: Newsletter
    text: QuestionText
    answer: Answer | None
    check: Check | None
    last_check: Check | None

    @property
    def stage(self) -> str:
        """Return the stage of the expert's page.

        That is a value of `STAGE_BY_ASSIGNMENT` or `STAGE_BY_ANSWER`, "passed", "objected", "published" or "retracted".
        """
        stage = STAGE_BY_ASSIGNMENT[str(self.assignment.state)]
        if stage:
            return stage
        if self.answer is None:
            return "cancelled"
        stage = STAGE_BY_ANSWER[str(self.answer.state)]
        question = self.assignment.question
        if stage == "approved" and question.has_run:
            return str(question.state)
        if self.objection and stage in CONTESTABLE_STAGES:
            return "objected"
        if stage == "edited" and self.last_check and self.last_check.outcome in PASSED_OUTCOMES:
            return "passed"
        return stage

    @property
    def objection(self) -> Check | None:
        """The expert's objection to the current text, until the desk has settled it."""
        return self.last_check if self.last_check and self.last_check.is_open_objection else None

    @property
    def can_accept(self) -> bool:
        """Return whether the expert can accept, even after declining, because the question still takes answers."""
        return self.assignment.question.takes_answers

    @property
    def title(self) -> str:
        return self.text.headline or self.text.body or ""


TaskSelect = Select[Assignment, Newsletter, QuestionText, Answer, Check, Check]  # the fields of `ExpertTask`


@cache
def _select_tasks(few_columns: bool = False) -> TaskSelect:
    """Select tasks. With `few_columns`, load only the columns that saving a draft needs; the others load on access.

    A page saves its draft every few seconds. Loading all columns would be most of the cost, and most of the rest would
    be building this statement, which is always the same.
    """
    last_check, ended_check = aliased(Check), aliased(Check)
    last_check_id = select(func.max(ended_check.id)).where(
        ended_check.answer_id == Answer.id, ended_check.text_id == Answer.text_id, ended_check.outcome != "recalled"
    )
    query = (
        select(Assignment, Newsletter, QuestionText, Answer, Check, last_check)
        .join(Newsletter, Newsletter.id == Assignment.newsletter_id)
        .join(QuestionText, QuestionText.id == select_newest_cleared_id(Assignment.question_id).scalar_subquery())
        .outerjoin(Assignment.answer)
        .outerjoin(Check, and_(Check.answer_id == Answer.id, Check.ended_at.is_(None)))
        .outerjoin(last_check, last_check.id == last_check_id.correlate(Answer).scalar_subquery())
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
        Load(last_check).load_only(last_check.id),
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
