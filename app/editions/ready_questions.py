"""Questions with an approved answer that are ready to run, and what an editor should know to choose among them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, case, exists, func, select, union_all
from sqlalchemy.orm import Session

from ..answers.models import Answer, AnswerText
from ..core.listing import Key
from ..db.session import now
from ..newsletters.models import Newsletter, Topic
from ..people.models import Expert, Person
from ..questions import queries as questions
from ..questions.models import Question, QuestionTopic

MAX_LISTED = 40
MAX_CANDIDATES = 1_000  # of the oldest answered questions, and as many of the newest shelved ones
MAX_EXPERT_CHOICES = 100  # experts to filter by
OVERDUE_PERIOD = timedelta(days=60)  # how long a question is listed after the date by which it must run


@dataclass(frozen=True)
class ReadyAnswer:
    """An approved answer with the printed name of its expert, its text, and the length of that in words."""

    answer: Answer
    name: str
    body: str
    words: int


@dataclass(frozen=True)
class ReadyQuestion:
    """A question that could run. Its answers have `words` words in total; they should have no more than `room`."""

    question: Question
    voices: tuple[ReadyAnswer, ...]
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
        """Return the time of the last approval, or None without an approved answer."""
        return max((voice.answer.state_at for voice in self.voices), default=None)

    @property
    def must_run_by(self) -> date | None:
        return self.question.must_run_by

    @property
    def from_shelf(self) -> bool:
        return self.question.is_shelved


@dataclass(frozen=True)
class QuestionFilter:
    """An editor's filters. An empty value doesn't filter.

    - `topic`, `expert`: IDs;
    - `days`: the least number of days since an answer was approved;
    - `length`: "fits" or "long";
    - `by`: "any" for questions with a date by which they must run, "this" for those that must run by `until`;
    - `source`: "shelf" or "answered".
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
        """Return whether nothing is filtered out."""
        return not any((self.topic, self.expert, self.days, self.length, self.by, self.source))


def list_ready_questions(
    session: Session, newsletter: Newsletter, filters: QuestionFilter = QuestionFilter(), limit: int = MAX_LISTED
) -> list[Question]:
    """Return the questions that can be picked now, including shelved ones.

    Those that must run by a date come first, sorted by that date. Then come the others, longest in their state first.
    """
    has_answer = exists().where(Answer.question_id == Question.id, Answer.is_approved)
    query = select(Question).where(Question.id.in_(_select_candidate_ids(newsletter.id)), has_answer)
    query = query.where(*_list_conditions(session, newsletter, filters))
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
    ready = select(Answer.expert_id).where(
        Answer.question_id.in_(_select_candidate_ids(newsletter.id)), Answer.is_approved
    )
    experts = select(Expert.id, Expert.public_id, Person.name).join(Person, Person.id == Expert.person_id)
    return _load_choices(session, experts.where(Expert.id.in_(ready.distinct())).limit(MAX_EXPERT_CHOICES))


def _load_choices(session: Session, query: Select[int, str, str]) -> list[Choice]:
    return sorted((Choice(*row) for row in session.execute(query)), key=lambda choice: choice.name.casefold())


def _select_candidate_ids(newsletter_id: int) -> Select[Any]:
    """Select the IDs of the oldest answered, the newest shelved and all dated questions, by short index scans."""
    of_newsletter = select(Question.id).where(Question.newsletter_id == newsletter_id)
    answered = of_newsletter.where(Question.is_answered).order_by(Question.id).limit(MAX_CANDIDATES).subquery()
    shelved = of_newsletter.where(Question.is_shelved).order_by(Question.id.desc()).limit(MAX_CANDIDATES).subquery()
    dated = of_newsletter.where(Question.is_ready, Question.must_run_by.is_not(None))
    candidates = union_all(select(answered.c.id), select(shelved.c.id), dated).subquery()
    return select(candidates.c.id)


def _list_conditions(session: Session, newsletter: Newsletter, filters: QuestionFilter) -> list[ColumnElement[bool]]:
    approved_answer = and_(Answer.question_id == Question.id, Answer.is_approved)
    conditions: list[ColumnElement[bool]] = []
    if filters.topic:
        has_topic = exists().where(QuestionTopic.question_id == Question.id, QuestionTopic.topic_id == filters.topic)
        conditions.append(has_topic)
    if filters.expert:
        conditions.append(exists().where(approved_answer, Answer.expert_id == filters.expert))
    if filters.days:
        latest_approval = now(session) - timedelta(days=filters.days)
        conditions.append(exists().where(approved_answer, Answer.state_at <= latest_approval))
    if filters.length:
        excess_words = _select_excess_words(newsletter)
        conditions.append(excess_words > 0 if filters.length == "long" else excess_words <= 0)
    if filters.by == "any":
        conditions.append(Question.must_run_by.is_not(None))
    if filters.by == "this" and filters.until:
        conditions.append(Question.must_run_by <= filters.until)
    if filters.source:
        conditions.append(Question.is_shelved if filters.source == "shelf" else Question.is_answered)
    return conditions


def _select_excess_words(newsletter: Newsletter) -> ScalarSelect[Any]:
    """Select the number of words by which a question's answers exceed the room of its section."""
    room_by_section = {index: section.words for index, section in enumerate(newsletter.sections)}
    room = case(room_by_section, value=Question.section)
    query = select(func.sum(AnswerText.words - room))
    query = query.join_from(AnswerText, Answer, AnswerText.id == Answer.approved_text_id)
    return query.where(Answer.question_id == Question.id, Answer.is_approved).scalar_subquery()


def list_questions_with_deadline(session: Session, newsletter_id: int, limit: int = 12) -> list[Question]:
    """Return the questions that must run by a date and haven't run, earliest date first; see OVERDUE_PERIOD."""
    start_date = (now(session) - OVERDUE_PERIOD).date()
    query = select_questions_with_deadline(start_date, newsletter_id, Question)
    return list(session.scalars(query.limit(limit)))


def select_questions_with_deadline(start_date: Any, newsletter_id: Key, columns: Any) -> Select[Any]:
    """Select the questions, or `columns` of them, that haven't run and must run by `start_date` or a later date.

    This uses the partial index of the few questions with such a date.
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
    question_ids = [question.id for question in selected_questions]
    topics = questions.topics_of(session, question_ids)
    voices: dict[int, list[ReadyAnswer]] = {question_id: [] for question_id in question_ids}
    rows = session.execute(
        select(Answer, AnswerText.body, AnswerText.words)
        .join(AnswerText, AnswerText.id == Answer.approved_text_id)
        .where(Answer.question_id.in_(question_ids), Answer.is_approved)
        .order_by(Answer.run_position, Answer.id)
    )
    for answer, body, words in rows:
        name = answer.credit["name"] if answer.credit else answer.expert.printed_name
        voices[answer.question_id].append(ReadyAnswer(answer, name, body, words))
    return [
        ReadyQuestion(
            question=question,
            voices=tuple(voices[question.id]),
            topics=tuple(topic.name for topic in topics[question.id]),
            room=newsletter.sections[question.section].words * max(1, len(voices[question.id])),
        )
        for question in selected_questions
    ]
