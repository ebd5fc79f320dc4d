"""Queries for assignments and answers, by question and by expert, and for the mail about them."""

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from sqlalchemy import ScalarSelect, Select, exists, func, select, union_all
from sqlalchemy.orm import Session, aliased, joinedload, lazyload
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.sql import ColumnElement

from ..core.listing import Listing
from ..letters.models import Letter
from ..mail import inbound
from ..mail.models import Inbound, OutboxMail
from ..people.models import Expert
from ..questions.models import Question
from .lifecycle import ASSIGNMENT_STATES
from .models import Answer, AnswerText, Assignment, Check

MAX_WRITABLE = 100  # assignments that a list offers to choose from
MAX_WAITING_LETTERS = 12  # letters from experts that a page lists one by one
MAX_BOUNCES = 5  # newest bounces that are considered
MAILABLE_STATES = ASSIGNMENT_STATES.which("may_be_written_about")  # a mail from the expert may be about such a one

CheckOrText = TypeVar("CheckOrText", Check, AnswerText)


def load_assignment(session: Session, question: Question, public_id: str) -> Assignment | None:
    """Return an assignment of a question, or None. The caller must have checked that the actor may see the question."""
    assignment = session.scalar(select(Assignment).filter_by(public_id=public_id, question_id=question.id))
    if assignment is not None:
        set_committed_value(assignment, "question", question)  # spares a query
    return assignment


def load_answer(session: Session, question: Question, public_id: str) -> Answer | None:
    """Return an answer of a question, or None. The caller must have checked that the actor may see the question."""
    return session.scalar(select(Answer).filter_by(public_id=public_id, question_id=question.id))


def answers_of(session: Session, question_ids: Sequence[int]) -> dict[int, Answer]:
    """Return the answers to several questions, keyed by assignment ID."""
    query = select(Answer).where(Answer.question_id.in_(question_ids))
    return {answer.assignment_id: answer for answer in session.scalars(query)}


def newest_checks(session: Session, answer_ids: Sequence[int]) -> dict[int, Check]:
    """Return the newest quote check of each answer, keyed by answer ID."""
    newest_ids = select(func.max(Check.id)).where(Check.answer_id.in_(answer_ids)).group_by(Check.answer_id)
    checks = session.scalars(select(Check).where(Check.id.in_(newest_ids)))
    return {check.answer_id: check for check in checks}


def checks_of(session: Session, answer_ids: Sequence[int]) -> dict[int, list[Check]]:
    """Return all quote checks of several answers, keyed by answer ID, oldest first."""
    return _group_by_answer(session, Check, answer_ids)


def versions_of(session: Session, answer_ids: Sequence[int]) -> dict[int, list[AnswerText]]:
    """Return all versions of several answers, keyed by answer ID, oldest first."""
    return _group_by_answer(session, AnswerText, answer_ids)


def _group_by_answer(
    session: Session, model: type[CheckOrText], answer_ids: Sequence[int]
) -> dict[int, list[CheckOrText]]:
    rows_by_answer: dict[int, list[CheckOrText]] = {answer_id: [] for answer_id in answer_ids}
    if not rows_by_answer:
        return rows_by_answer
    for row in session.scalars(select(model).where(model.answer_id.in_(rows_by_answer)).order_by(model.id)):
        rows_by_answer[row.answer_id].append(row)
    return rows_by_answer


def list_assignments_with_answers(
    session: Session, question_ids: Sequence[int]
) -> list[tuple[Assignment, Answer | None, Check | None]]:
    """Return all assignments of several questions with their answer and its newest quote check, in one query."""
    newest_check_id = select(func.max(Check.id)).where(Check.answer_id == Answer.id).correlate(Answer)
    query = (
        select(Assignment, Answer, Check)
        .options(lazyload(Answer.expert))  # it is the expert of the assignment, who is loaded already
        .outerjoin(Answer, Answer.assignment_id == Assignment.id)
        .outerjoin(Check, Check.id == newest_check_id.scalar_subquery())
        .where(Assignment.question_id.in_(question_ids))
        .order_by(Assignment.id)
    )
    rows: list[tuple[Assignment, Answer | None, Check | None]] = []
    for assignment, answer, check in session.execute(query):
        set_committed_value(assignment, "answer", answer)
        rows.append((assignment, answer, check))
    return rows


def count_open_assignments(session: Session, expert_ids: Sequence[int]) -> Counter[int]:
    """Return the number of each expert's open assignments at all newsletters, keyed by expert ID, in one query."""
    query = select(Assignment.expert_id, func.count()).where(Assignment.expert_id.in_(expert_ids), Assignment.is_asked)
    return Counter(dict(session.execute(query.group_by(Assignment.expert_id)).all()))


def select_open_count() -> ScalarSelect[int]:
    """Return a column for a query of experts: the number of open assignments of each."""
    count = select(func.count()).where(Assignment.expert_id == Expert.id, Assignment.is_asked)
    return count.correlate(Expert).scalar_subquery()


def list_assignments_of_expert(
    session: Session, newsletter_id: int, expert_id: int, limit: int = 20
) -> list[Assignment]:
    """Return an expert's assignments at one newsletter with their questions, newest first."""
    query = select(Assignment).filter_by(newsletter_id=newsletter_id, expert_id=expert_id)
    query = query.options(joinedload(Assignment.question)).order_by(Assignment.id.desc()).limit(limit)
    return list(session.scalars(query))


def has_open_assignment() -> ColumnElement[bool]:
    """Return the condition, for a query of experts, that the expert has an open assignment."""
    return exists().where(Assignment.expert_id == Expert.id, Assignment.is_asked)


def was_never_asked() -> ColumnElement[bool]:
    """Return the condition, for a query of experts, that the expert has never been asked anything."""
    return ~exists().where(Assignment.expert_id == Expert.id, ~Assignment.is_drafted)


def select_with_questions() -> Select[Assignment]:
    """Select assignments, each with its question loaded by the same query."""
    return select(Assignment).options(joinedload(Assignment.question))


def load_assignment_of_newsletter(session: Session, newsletter_id: int, public_id: str) -> Assignment | None:
    """Return an assignment of this newsletter with its question, or None."""
    return session.scalar(select_with_questions().filter_by(public_id=public_id, newsletter_id=newsletter_id))


def list_writable_assignments(
    session: Session, newsletter_id: int, *, include_declined_of: int | None = None
) -> list[Assignment]:
    """Return up to MAX_WRITABLE assignments that a mail may belong to, newest first.

    `include_declined_of` is the ID of the person from whose address the mail claims to come. The assignments that this
    person declined are included, as experts may change their mind.
    """
    of_newsletter = select(Assignment).where(Assignment.newsletter_id == newsletter_id)
    writable = Listing[Assignment](of_newsletter, (Assignment.id,), split_by=(Assignment.state, MAILABLE_STATES))
    id_queries = [writable.keys(MAX_WRITABLE)]
    if include_declined_of:
        of_person = of_newsletter.join(Expert, Expert.id == Assignment.expert_id)
        of_person = of_person.where(Expert.person_id == include_declined_of)
        declined = Listing[Assignment](of_person.where(Assignment.is_declined), (Assignment.id,))
        id_queries.append(declined.keys(MAX_WRITABLE))
    # Each query has a limit, so it must be a subquery to be part of a union.
    ids = union_all(*(select(id_query.subquery().c[0]) for id_query in id_queries))
    query = select_with_questions().where(Assignment.id.in_(ids)).order_by(Assignment.id.desc()).limit(MAX_WRITABLE)
    return list(session.scalars(query))


def list_waiting_expert_letters(
    session: Session, newsletter_id: int, assignment_ids: Sequence[int] | None = None
) -> list[tuple[Letter, Assignment]]:
    """Return up to MAX_WAITING_LETTERS letters that experts sent by mail and nobody has filed, oldest first.

    With `assignment_ids`, only letters about these assignments are returned.
    """
    query = (
        select(Letter, Assignment)
        .join(Assignment, Assignment.id == Letter.assignment_id)
        .options(joinedload(Assignment.question))
        .where(Letter.newsletter_id == newsletter_id, Letter.waits, Letter.assignment_id.is_not(None))
        .order_by(Letter.id)
    )
    if assignment_ids is not None:
        query = query.where(Letter.assignment_id.in_(assignment_ids))
    return [(letter, assignment) for letter, assignment in session.execute(query.limit(MAX_WAITING_LETTERS))]


def get_automatic_replies(session: Session, newsletter_id: int, assignment_ids: Sequence[int]) -> dict[int, Inbound]:
    """Return the newest automatic reply about each assignment, such as an absence note, keyed by assignment ID."""
    query = select(Inbound).where(
        Inbound.newsletter_id == newsletter_id, Inbound.is_automatic, Inbound.assignment_id.in_(assignment_ids)
    )
    return {row.assignment_id: row for row in session.scalars(query.order_by(Inbound.id)) if row.assignment_id}


def list_actionable_bounces(session: Session, newsletter_id: int) -> list[tuple[Inbound, OutboxMail]]:
    """Return those of the newest MAX_BOUNCES bounces that need action, each with the mail that bounced.

    Bounces of mails to readers need none, nor do bounces after which the assignment's expert got a later mail.
    """
    newest_ids = inbound.listing(newsletter_id, "bounce").keys(MAX_BOUNCES)
    later = aliased(OutboxMail)
    query = (
        select(Inbound, OutboxMail)
        .join(OutboxMail, OutboxMail.id == Inbound.outbox_id)
        .where(
            Inbound.id.in_(newest_ids),
            OutboxMail.newsletter_id == newsletter_id,
            OutboxMail.bounced_at.is_not(None),
            OutboxMail.letter_id.is_(None),
            ~exists().where(later.assignment_id == OutboxMail.assignment_id, later.id > OutboxMail.id),
        )
        .order_by(OutboxMail.id, Inbound.id)
    )
    # A mail can bounce twice, first as delayed and then as refused. The newest bounce overwrites the earlier one.
    bounce_by_mail = {mail.id: (bounce, mail) for bounce, mail in session.execute(query)}
    return list(bounce_by_mail.values())
