"""Questions with an approved answer that are ready to run, with what an editor needs to choose among them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, case, exists, func, literal, select, union_all
from sqlalchemy.orm import Session

from ..answers.models import Answer, AnswerText
from ..core.listing import Key
from ..db.session import now
from ..newsletters.models import Newsletter, Topic
from ..people.models import Expert, Person
from ..questions import queries as questions
from ..questions.models import Question, QuestionTopic

SHOWN = 40
LOOKED_THROUGH = 1_000  # answered questions, and newest shelved ones; older ones are on the page of the shelf
EXPERTS = 100  # experts to filter by
DATES = timedelta(days=60)  # how long a question is still listed after the date by which it must run


@dataclass(frozen=True)
class Voice:
    """An approved answer with the printed name of its expert and its length in words."""

    answer: Answer
    name: str
    words: int


@dataclass(frozen=True)
class ReadyQuestion:
    """A question that could run. `words` is the length of all its answers, `room` what its section has for them."""

    question: Question
    voices: tuple[Voice, ...]
    topics: tuple[str, ...]
    room: int

    @property
    def experts(self) -> tuple[str, ...]:
        return tuple(voice.name for voice in self.voices)

    @property
    def words(self) -> int:
        return sum(voice.words for voice in self.voices)

    @property
    def approved_at(self) -> datetime | None:
        return max((voice.answer.state_at for voice in self.voices), default=None)

    @property
    def must_run_by(self) -> date | None:
        return self.question.must_run_by

    @property
    def from_shelf(self) -> bool:
        return self.question.is_shelved


@dataclass(frozen=True)
class QuestionFilter:
    """An editor's filters. `topic` and `expert` are IDs, `days` the least number of days since an approval.

    `length` is "fits" or "long". `by` is "any" for questions with a date by which they must run, or "this" for those
    that must run by `until`. `source` is "shelf" or "answered". An empty value doesn't filter.
    """

    topic: int | None = None
    expert: int | None = None
    days: int | None = None
    length: str = ""
    by: str = ""
    source: str = ""
    until: date | None = None

    @property
    def is_all(self) -> bool:
        return not any((self.topic, self.expert, self.days, self.length, self.by, self.source))


def list_ready_questions(
    session: Session, newsletter: Newsletter, filters: QuestionFilter = QuestionFilter(), limit: int = SHOWN
) -> list[Question]:
    """Return the questions that can be picked now, shelved ones too.

    Those that must run by a date come first, by date; then the others, longest in their state first.
    """
    has_answer = exists().where(Answer.question_id == Question.id, Answer.is_approved)
    query = select(Question).where(Question.id.in_(_candidates(newsletter.id)), has_answer)
    for rule in _filter_clauses(session, newsletter, filters):
        query = query.where(rule)
    order = (Question.must_run_by.is_(None), Question.must_run_by, Question.state_at, Question.id)
    return list(session.scalars(query.order_by(*order).limit(limit)))


class Choice(NamedTuple):
    """A topic or an expert to filter by; `address` is its value in the page's URL."""

    key: int
    address: str
    name: str


def list_topic_choices(session: Session, newsletter: Newsletter) -> list[Choice]:
    """Return the newsletter's topics, by name."""
    topics = select(Topic.id, Topic.slug, Topic.name).where(Topic.newsletter_id == newsletter.id)
    return _load_choices(session, topics)


def list_expert_choices(session: Session, newsletter: Newsletter) -> list[Choice]:
    """Return the experts with an approved answer that is ready to run, by name."""
    ready = select(Answer.expert_id).where(Answer.question_id.in_(_candidates(newsletter.id)), Answer.is_approved)
    experts = select(Expert.id, Expert.public_id, Person.name).join(Person, Person.id == Expert.person_id)
    return _load_choices(session, experts.where(Expert.id.in_(ready.distinct())).limit(EXPERTS))


def _load_choices(session: Session, query: Select[int, str, str]) -> list[Choice]:
    return sorted((Choice(*row) for row in session.execute(query)), key=lambda choice: choice.name.casefold())


def _candidates(newsletter: int) -> Select[Any]:
    """Select the IDs of the oldest answered, the newest shelved and all dated questions, by short index scans."""
    mine = select(Question.id).where(Question.newsletter_id == newsletter)
    answered = mine.where(Question.is_answered).order_by(Question.id).limit(LOOKED_THROUGH).subquery()
    shelved = mine.where(Question.is_shelved).order_by(Question.id.desc()).limit(LOOKED_THROUGH).subquery()
    dated = mine.where(Question.is_ready, Question.must_run_by.is_not(None))
    walks = union_all(select(answered.c.id), select(shelved.c.id), dated).subquery()
    return select(walks.c.id)


def _filter_clauses(session: Session, newsletter: Newsletter, filters: QuestionFilter) -> list[ColumnElement[bool]]:
    approved = (Answer.question_id == Question.id, Answer.is_approved)
    room = case({place: section.words for place, section in enumerate(newsletter.sections)}, value=Question.section)
    over = (
        select(func.sum(AnswerText.words - room))
        .join_from(AnswerText, Answer, AnswerText.id == Answer.approved_text_id)
        .where(*approved)
        .scalar_subquery()
    )
    rules: list[tuple[Any, ColumnElement[bool]]] = [
        (
            filters.topic,
            exists().where(QuestionTopic.question_id == Question.id, QuestionTopic.topic_id == filters.topic),
        ),
        (filters.expert, exists().where(*approved, Answer.expert_id == filters.expert)),
        (filters.days, exists().where(*approved, Answer.state_at <= now(session) - timedelta(days=filters.days or 0))),
        (filters.length, over > 0 if filters.length == "long" else over <= 0),
        (filters.by == "any", Question.must_run_by.is_not(None)),
        (filters.by == "this", Question.must_run_by <= filters.until if filters.until else literal(True)),
        (filters.source, Question.is_shelved if filters.source == "shelf" else Question.is_answered),
    ]
    return [rule for asked, rule in rules if asked]


def list_questions_with_deadline(session: Session, newsletter_id: int, limit: int = 12) -> list[Question]:
    """Return the questions that must run by a date and have not yet, nearest date first; see DATES."""
    return list(
        session.scalars(
            select_questions_with_deadline((now(session) - DATES).date(), newsletter_id, Question).limit(limit)
        )
    )


def select_questions_with_deadline(start_date: Any, newsletter_id: Key, columns: Any) -> Select[Any]:
    """Select the questions that must run by a date not before `start_date` and have not yet, or columns of them.

    A partial index holds the few questions that have such a date.
    """
    query = select(columns).where(
        Question.newsletter_id == newsletter_id,
        Question.must_run_by.is_not(None),
        Question.must_run_by >= start_date,
        Question.can_run,
    )
    return query.order_by(Question.must_run_by, Question.id)


def load_ready_questions(
    session: Session, newsletter: Newsletter, selected_questions: Sequence[Question]
) -> list[ReadyQuestion]:
    """Return `ReadyQuestion` objects for several questions, in their order, in a fixed number of queries."""
    if not selected_questions:
        return []
    keys = [question.id for question in selected_questions]
    topics = questions.topics_of(session, keys)
    voices: dict[int, list[Voice]] = {key: [] for key in keys}
    rows = session.execute(
        select(Answer, AnswerText.words)
        .join(AnswerText, AnswerText.id == Answer.approved_text_id)
        .where(Answer.question_id.in_(keys), Answer.is_approved)
        .order_by(Answer.run_position, Answer.id)
    )
    for answer, words in rows:
        name = answer.credit["name"] if answer.credit else answer.expert.printed_name
        voices[answer.question_id].append(Voice(answer, name, words))
    return [
        ReadyQuestion(
            question,
            tuple(found),
            tuple(topic.name for topic in topics[question.id]),
            newsletter.sections[question.section].words * max(1, len(found)),
        )
        for question, found in ((question, voices[question.id]) for question in selected_questions)
    ]
