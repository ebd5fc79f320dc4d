"""Queries for questions, their wordings and notes, and the letters behind them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session, aliased

from ..core.actors import Staff
from ..core.listing import Listing
from ..letters import queries as letters
from ..letters.models import Letter
from ..newsletters.models import Topic
from .models import Note, Question, QuestionText, QuestionTopic


def load(session: Session, actor: Staff, public_id: str) -> Question | None:
    """Return a question of the actor's newsletter by its public id, or None."""
    return session.scalar(select(Question).filter_by(public_id=public_id, newsletter_id=actor.newsletter_id))


# A question whose opening was undone isn't listed: its row only stays because the audit trail refers to it.
_IS_NOT_UNDONE = Question.closed_reason.is_distinct_from("undone")


def listing(newsletter_id: int, states: Sequence[str], filter_ids: Select[int] | None = None) -> Listing[Question]:
    """Return a listing of a newsletter's questions in these states, newest first.

    `filter_ids` selects the ids to which the listing is restricted. It should select few ids, since the index by state
    isn't used then.
    """
    query = select(Question).where(Question.newsletter_id == newsletter_id, _IS_NOT_UNDONE)
    if filter_ids is None:
        return Listing(query, (Question.id,), split_by=(Question.state, states))
    return Listing(query.where(Question.id.in_(filter_ids), Question.state.in_(states)), (Question.id,))


def select_ids_by_topic(topic_id: int) -> Select[int]:
    """Select the ids of the questions with a topic."""
    return select(QuestionTopic.question_id).where(QuestionTopic.topic_id == topic_id)


def select_ids_by_edition(edition_id: int) -> Select[int]:
    """Select the ids of the questions that are picked for an edition, or ran in it."""
    picked = aliased(Question)  # for use as a subquery in a query of the same table
    return select(picked.id).where(picked.edition_id == edition_id)


class QuestionSummary(NamedTuple):
    """A question with its headline and wording only, for lists of choices and for comparisons."""

    id: int
    public_id: str
    headline: str
    wording: str

    @property
    def title(self) -> str:
        return self.headline or self.wording

    @property
    def short_title(self) -> str:
        return self.headline or self.wording[:80]


def list_summaries(session: Session, question_ids: Sequence[int]) -> list[QuestionSummary]:
    """Return summaries of these questions, the newest first."""
    return _load_summaries(session, Question.id.in_(question_ids))


def list_newest_summaries(
    session: Session, newsletter_id: int, states: Sequence[str], limit: int
) -> list[QuestionSummary]:
    """Return summaries of the newest questions of a newsletter in these states."""
    return _load_summaries(session, Question.id.in_(listing(newsletter_id, states).keys(limit)))


def _load_summaries(session: Session, condition: ColumnElement[bool]) -> list[QuestionSummary]:
    columns = (Question.id, Question.public_id, QuestionText.headline, QuestionText.body)
    query = select(*columns).outerjoin(QuestionText, QuestionText.id == Question.text_id)
    rows = session.execute(query.where(condition).order_by(Question.id.desc()))
    return [QuestionSummary(row.id, row.public_id, row.headline or "", row.body or "") for row in rows]


def in_states(newsletter_id: int, states: Sequence[str]) -> Listing[Question]:
    """Return a listing of the questions in these states, for counting.

    Unlike `listing`, this doesn't exclude questions whose opening was undone: they are closed, and no caller counts
    closed questions.
    """
    query = select(Question).where(Question.newsletter_id == newsletter_id)
    return Listing(query, (Question.id,), split_by=(Question.state, states))


# A question and the questions that were merged into it are a family; the question is the lead of the family. The
# letters behind a question are all letters that are filed to a question of its family.


def list_family_ids(session: Session, question: Question) -> list[int]:
    """Return the ids of a question and of all questions merged into it."""
    return [question.id, *session.scalars(select(Question.id).filter_by(merged_into_id=question.id))]


def list_merged_questions(session: Session, question: Question) -> list[Question]:
    """Return the questions merged into this one."""
    return list(session.scalars(select(Question).filter_by(merged_into_id=question.id).order_by(Question.id)))


def letters_of(session: Session, question: Question) -> list[Letter]:
    """Return the letters behind a question, oldest first."""
    return letters.of_questions(session, list_family_ids(session, question))


def letters_behind(question_ids: Sequence[int], *order: Any, rising: bool = False) -> Listing[Letter]:
    """Return a listing of the unerased letters filed to several questions, by `order` or else the time of arrival.

    The order is descending unless `rising`.
    """
    query = select(Letter).where(Letter.question_id.in_(question_ids), Letter.is_filed, Letter.erased_at.is_(None))
    return Listing(query, order or (Letter.received_at, Letter.id), rising)


def first_letters(session: Session, question: Question, family_ids: Sequence[int], limit: int) -> list[Letter]:
    """Return the first unerased letters behind a question, its own before those of the questions merged into it."""
    query = select(Letter).where(Letter.question_id.in_(family_ids), Letter.is_filed, Letter.erased_at.is_(None))
    own_first = (Letter.question_id != question.id, Letter.received_at, Letter.id)
    return list(session.scalars(query.order_by(*own_first).limit(limit)))


def count_askers(session: Session, questions: Sequence[Question]) -> dict[int, int]:
    """Return the number of letters behind each question, by its id, in one query.

    It is 0 for a question that was merged into another one, whose letters they are now.
    """
    question_ids = [question.id for question in questions]
    query = letters_behind_each(question_ids, func.count())
    lead_id = query.selected_columns[0]
    rows = session.execute(query.group_by(lead_id))
    counts = {key: count for key, count in rows}  # noqa: C416 - dict() takes a `Result` for a mapping, as it has keys()
    return {question_id: counts.get(question_id, 0) for question_id in question_ids}


def letters_behind_each(
    question_ids: Sequence[int], *columns: Any, condition: ColumnElement[bool] | None = None
) -> Select[Any]:
    """Select, for each letter behind one of these questions, the id of the lead and then `columns`.

    `condition` says which letters of a question are behind it, by default those that are filed to it.
    """
    lead_id = func.coalesce(Question.merged_into_id, Question.id)
    is_in_family = or_(Question.id.in_(question_ids), Question.merged_into_id.in_(question_ids))
    query = select(lead_id, *columns).select_from(Question).join(Letter, Letter.question_id == Question.id)
    return query.where(is_in_family, Letter.is_filed if condition is None else condition)


def lead_of(session: Session, question: Question) -> Question:
    """Return the question that this one was merged into, or else this one."""
    return session.get_one(Question, question.merged_into_id) if question.merged_into_id else question


def select_public_questions(newsletter_id: int) -> Select[Question]:
    """Select the open questions that readers can see. A new wording hides a question until an editor has cleared it."""
    return (
        select(Question)
        .join(QuestionText, QuestionText.id == Question.text_id)
        .where(
            Question.newsletter_id == newsletter_id,
            Question.is_going,
            Question.shown_at.is_not(None),
            QuestionText.cleared_at.is_not(None),
        )
    )


def list_public_questions(session: Session, newsletter_id: int, limit: int = 3) -> list[Question]:
    """Return the newest open questions that readers can see, at most `limit`."""
    return list(session.scalars(select_public_questions(newsletter_id).order_by(Question.id.desc()).limit(limit)))


def list_public_questions_by_id(session: Session, newsletter_id: int, question_ids: Sequence[int]) -> list[Question]:
    """Return the questions with these ids that readers can see and join."""
    return list(session.scalars(select_public_questions(newsletter_id).where(Question.id.in_(question_ids))))


def texts_of(session: Session, question: Question) -> list[QuestionText]:
    return list(session.scalars(select(QuestionText).filter_by(question_id=question.id).order_by(QuestionText.id)))


def select_newest_cleared_id(question_id: Any) -> Select[int]:
    """Select the id of a question's newest cleared wording, the only one that may leave the newsroom."""
    text = aliased(QuestionText)  # for use as a subquery in a query of the same table
    return select(func.max(text.id)).where(
        text.question_id == question_id, text.cleared_at.is_not(None), text.erased_at.is_(None)
    )


def cleared_text(session: Session, question_id: int) -> QuestionText | None:
    """Return the newest cleared wording of a question, or None."""
    newest_id = select_newest_cleared_id(question_id).scalar_subquery()
    return session.scalar(select(QuestionText).where(QuestionText.id == newest_id))


def get_cleared_texts(session: Session, question_ids: Sequence[int]) -> dict[int, QuestionText]:
    """Return the newest cleared wordings of several questions by question id, without those that have none."""
    newest_id = select_newest_cleared_id(Question.id).scalar_subquery()
    query = select(Question.id, QuestionText).join(QuestionText, QuestionText.id == newest_id)
    return {key: text for key, text in session.execute(query.where(Question.id.in_(question_ids)))}  # noqa: C416


def topics_of(session: Session, question_ids: Sequence[int]) -> dict[int, list[Topic]]:
    """Return the topics of several questions by question id, in one query."""
    topics: dict[int, list[Topic]] = {question_id: [] for question_id in question_ids}
    rows = session.execute(
        select(QuestionTopic.question_id, Topic)
        .join(Topic, Topic.id == QuestionTopic.topic_id)
        .where(QuestionTopic.question_id.in_(question_ids))
        .order_by(Topic.name)
    )
    for question_id, topic in rows:
        topics[question_id].append(topic)
    return topics


def notes_of(question: Question) -> Listing[Note]:
    """Return a listing of the desk's notes about a question, newest first."""
    return Listing(select(Note).where(Note.question_id == question.id), (Note.written_at, Note.id))
