"""Candidates for a question: select the experts to compare, load what is known of each, and rank them.

The number of queries doesn't grow with the number of experts. The ranking itself is in `app.search.expert_ranking`.
Only this newsletter's earlier questions are compared, while workload and replies are counted across all newsletters.
Only the desk sees the candidates and the reasons for them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import chain
from statistics import median
from typing import NamedTuple

from sqlalchemy import Select, case, func, select, union_all
from sqlalchemy.orm import Session, aliased

from ..core.listing import Query
from ..db.session import now
from ..people import expert_search
from ..people.models import Expert, Person
from ..questions import queries as questions
from ..questions.models import Question, QuestionTopic
from ..search import DESK
from ..search.alike import Comparison, Probe, compare
from ..search.expert_ranking import Candidate, Fact, PastAnswer, QuestionProfile, rank
from .assigning import assignments_of
from .models import Assignment
from .queries import select_open_count

MAX_EXPERTS = 80  # experts who are compared with a question
MAX_ASSIGNMENTS = 1_000  # newest assignments that are read for the histories of all these experts
MAX_ASSIGNMENTS_PER_EXPERT = 50  # newest assignments that are read for the history of one expert
MAX_SOURCE_ROWS = 200  # newest questions of the topics, and newest assignments, whose experts are considered
MAX_PAST_QUESTIONS = 80  # earlier questions that are compared
MAX_PAST_QUESTIONS_PER_EXPERT = 10  # newest questions of an expert, besides the similar ones
HISTORY_PERIOD = timedelta(days=730)
RANK_OFFSET = 1_000_000  # more than the rows of any query, so that each row ranks before those of the next query
DEFAULT_AT_ONCE = 2  # open assignments at a time, for experts who have set no limit
NO_ID = 0  # an ID that no row has
WAITS, SILENT, REPLIED = range(3)  # the reply to an invitation; WAITS: none yet, but there is still time


@dataclass
class History:
    """An expert's replies so far.

    - `asked`: number of invitations with a reply, or with no time left for one;
    - `replied`: number of invitations with a reply of any kind, such as a refusal or a text;
    - `last_asked`: time of the newest invitation;
    - `writing_days`: days from each invitation to its text;
    - `answered_ids`: IDs of the questions that the expert has answered at the newsletter that is looking for experts,
      newest first.
    """

    asked: int = 0
    replied: int = 0
    last_asked: datetime | None = None
    writing_days: list[float] = field(default_factory=list)
    answered_ids: list[int] = field(default_factory=list)

    @property
    def median_days(self) -> int | None:
        """Return the median number of days from an invitation to its text, at least 1; None if there is no text."""
        if not self.writing_days:
            return None
        return max(1, round(median(self.writing_days)))


class ExpertSummary(NamedTuple):
    """The columns of an expert that the ranking and the list of candidates need.

    `live` is the number of their open assignments at all newsletters, and `at_once` the limit that they have set.
    """

    id: int
    public_id: str
    name: str
    title: str
    organisation: str
    credit_line: str
    ties: str
    topics: list[str]
    languages: list[str]
    at_once: int | None
    away_until: date | None
    verified_at: datetime | None
    has_address: bool
    live: int

    @property
    def is_full(self) -> bool:
        return self.at_once is not None and self.live >= self.at_once


# The columns to select for `ExpertSummary`. `_COMPUTED` has the fields that aren't columns of `Expert`.
_COMPUTED = {"name": Person.name, "has_address": Person.email_sealed.is_not(None), "live": select_open_count()}
SUMMARY_COLUMNS = [_COMPUTED[name] if name in _COMPUTED else getattr(Expert, name) for name in ExpertSummary._fields]


@dataclass(frozen=True)
class ExpertFit:
    """A ranked expert with the reasons for and against.

    - `facts`: the reasons;
    - `history`: the expert's replies so far;
    - `earlier_assignment`: the expert's declined or cancelled assignment for this question, if there is one;
    - `past_questions`: the earlier questions of all candidates, by ID; the reasons refer to some of them;
    - `language`: the language of the question.
    """

    expert: ExpertSummary
    facts: tuple[Fact, ...]
    history: History
    earlier_assignment: Assignment | None
    past_questions: dict[int, questions.QuestionSummary]
    language: str


def score_similar_texts(session: Session, question: Question, topics: tuple[str, ...]) -> Comparison:
    """Compare a question with all texts of its newsletter, to find similar ones and the experts who answered them."""
    text = " ".join(filter(None, (question.headline, question.wording)))
    probe = Probe(text, "question", question.id, topics=topics)
    return compare(session, DESK, question.newsletter_id, probe)


def rank_experts(
    session: Session,
    question: Question,
    search_text: str = "",
    comparison: Comparison | None = None,
    assignments: Sequence[Assignment] | None = None,
) -> list[ExpertFit]:
    """Return experts for a question, best first, without experts who have a live assignment for it.

    With `search_text`, only experts whom a search of the directory finds are ranked. `comparison` (the result of
    `score_similar_texts`) and `assignments` (those of the question) can be passed if they are loaded already.
    """
    if assignments is None:
        assignments = assignments_of(session, question)
    assignment_by_expert = {assignment.expert_id: assignment for assignment in assignments}
    assigned_ids = {expert_id for expert_id, assignment in assignment_by_expert.items() if assignment.is_live}
    if comparison is None:
        topics = questions.topics_of(session, [question.id])[question.id]
        comparison = score_similar_texts(session, question, tuple(topic.name for topic in topics))
    topic_names = comparison.probe.topics
    similar_ids = [row_id for (noun, row_id), _score, _doc in comparison.scored if noun == "question"]
    if search_text:
        found = _search_experts(session, search_text)
    else:
        found = _propose_experts(session, question, topic_names, similar_ids)
    experts = {expert.id: expert for expert in found if expert.id not in assigned_ids}
    histories = load_histories(session, list(experts), question, MAX_ASSIGNMENTS_PER_EXPERT)
    past_questions = _load_past_questions(session, histories.values(), similar_ids)
    candidates = [
        _build_candidate(expert, histories[expert_id], past_questions) for expert_id, expert in experts.items()
    ]
    language = question.text.language if question.text else "und"
    profile = QuestionProfile(f"{question.headline} {question.wording}".strip(), language, topic_names)
    return [
        ExpertFit(
            expert=experts[ranked.key],
            facts=ranked.reasons,
            history=histories[ranked.key],
            earlier_assignment=assignment_by_expert.get(ranked.key),
            past_questions=past_questions,
            language=language,
        )
        for ranked in rank(profile, candidates, today=now(session).date())
    ]


def _propose_experts(
    session: Session, question: Question, topics: tuple[str, ...], similar_ids: list[int]
) -> list[ExpertSummary]:
    """Return the experts to compare with a question, at most MAX_EXPERTS.

    If there are too many, these come first, in this order: experts who answered similar questions, who answered
    questions of the same topics, who have the question's topics or words as topics in their profile, who were assigned
    by this newsletter last, and who are new in the directory.
    """
    terms = expert_search.topic_terms((*topics, *f"{question.headline} {question.wording}".split()))
    topic_ids = select(QuestionTopic.topic_id).where(QuestionTopic.question_id == question.id)
    same_topic_ids = select(QuestionTopic.question_id).where(QuestionTopic.topic_id.in_(topic_ids))
    same_topic_ids = same_topic_ids.order_by(QuestionTopic.question_id.desc()).limit(MAX_SOURCE_ROWS)
    answering_experts = select(Assignment.expert_id).where(Assignment.has_text)
    assigned_experts = select(Assignment.expert_id).where(Assignment.newsletter_id == question.newsletter_id)
    listed_experts = select(Expert.id).where(Expert.is_listed())
    sources = (
        answering_experts.where(Assignment.question_id.in_(similar_ids)),
        answering_experts.where(Assignment.question_id.in_(same_topic_ids)).limit(MAX_SOURCE_ROWS),
        expert_search.select_ids_by_terms(terms).limit(MAX_EXPERTS),
        assigned_experts.order_by(Assignment.id.desc()).limit(MAX_SOURCE_ROWS),
        listed_experts.order_by(Expert.id.desc()).limit(MAX_EXPERTS),
    )
    proposed = expert_search.directory().query.where(Expert.id.in_(_select_first_ids(sources, MAX_EXPERTS)))
    return [ExpertSummary(*row) for row in session.execute(_select_summary_columns(proposed).order_by(Expert.id))]


def _select_summary_columns(experts: Query) -> Query:
    return experts.join(Person, Person.id == Expert.person_id).with_only_columns(*SUMMARY_COLUMNS)


def _select_first_ids(sources: Iterable[Select[int]], limit: int) -> Select[int]:
    """Select up to `limit` distinct IDs from several queries: all of the first query, then those of the next."""
    ranked = []
    for number, source in enumerate(sources):
        subquery = source.subquery()
        rank_in_all = RANK_OFFSET * number + func.row_number().over()
        ranked.append(select(subquery.c[0].label("id"), rank_in_all.label("rank")))
    found = union_all(*ranked).subquery()
    return select(found.c.id).group_by(found.c.id).order_by(func.min(found.c.rank)).limit(limit)


def _search_experts(session: Session, search_text: str) -> list[ExpertSummary]:
    query = _select_summary_columns(expert_search.directory(search_text).select(None, MAX_EXPERTS))
    return [ExpertSummary(*row) for row in session.execute(query)]


def load_histories(
    session: Session,
    expert_ids: Sequence[int],
    question: Question | None = None,
    limit_per_expert: int = MAX_ASSIGNMENTS,
) -> dict[int, History]:
    """Return how experts have replied within the last two years, keyed by expert ID.

    At most the newest `limit_per_expert` assignments of each expert are read, and MAX_ASSIGNMENTS in all. Assignments
    for `question` don't count. Without `question`, `answered_ids` stays empty.
    """
    histories = {expert_id: History() for expert_id in expert_ids}
    query = _select_replies(
        expert_ids,
        question_id=question.id if question else NO_ID,
        newsletter_id=question.newsletter_id if question else NO_ID,
        limit_per_expert=limit_per_expert,
        current_time=now(session),
    )
    for expert_id, *row in session.execute(query):
        _add_assignment(histories[expert_id], *row)
    return histories


def _select_replies(
    expert_ids: Sequence[int], question_id: int, newsletter_id: int, limit_per_expert: int, current_time: datetime
) -> Query:
    """Select the expert ID and the arguments of `_add_assignment` for the experts' newest assignments."""
    is_answered_here = Assignment.has_text & (Assignment.newsletter_id == newsletter_id)
    answered_question_id = case((is_answered_here, Assignment.question_id))
    invited_at = case((~Assignment.is_cancelled, Assignment.invited_at))
    is_waiting = Assignment.is_invited & (Assignment.reply_by.is_(None) | (Assignment.reply_by > current_time))
    reply = case((is_waiting, WAITS), (Assignment.is_invited, SILENT), else_=REPLIED)
    query = select(Assignment.expert_id, answered_question_id, invited_at, Assignment.received_at, reply).where(
        ~Assignment.is_drafted,
        Assignment.state_at >= current_time - HISTORY_PERIOD,
        Assignment.question_id != question_id,
    )
    other = aliased(Assignment)
    newest_first = select(other.id).where(other.expert_id == Expert.id).order_by(other.id.desc())
    newest_beyond_limit = newest_first.offset(limit_per_expert).limit(1).scalar_subquery()
    query = query.join(Expert, Expert.id == Assignment.expert_id)
    query = query.where(Expert.id.in_(expert_ids), Assignment.id > func.coalesce(newest_beyond_limit, NO_ID))
    return query.order_by(Assignment.id.desc()).limit(MAX_ASSIGNMENTS)


def _add_assignment(
    history: History,
    answered_question_id: int | None,
    invited_at: datetime | None,
    received_at: datetime | None,
    reply: int,
) -> None:
    """Add one assignment to a history.

    `answered_question_id` is None if the assignment has no text or belongs to another newsletter. `invited_at` is None
    if the assignment was cancelled or there was no invitation. `reply` is WAITS, SILENT or REPLIED.
    """
    if answered_question_id is not None:
        history.answered_ids.append(answered_question_id)
    if invited_at is None:
        return
    if reply != WAITS:
        history.asked += 1
    if reply == REPLIED:
        history.replied += 1
    if history.last_asked is None or invited_at > history.last_asked:
        history.last_asked = invited_at
    if received_at is not None:
        history.writing_days.append((received_at - invited_at).total_seconds() / 86_400)


def _load_past_questions(
    session: Session, histories: Iterable[History], similar_ids: list[int]
) -> dict[int, questions.QuestionSummary]:
    """Return the earlier questions to compare with, by ID: similar ones first, then the newest of each expert."""
    answered_lists = [history.answered_ids for history in histories]
    answered_ids = set(chain.from_iterable(answered_lists))
    similar_and_answered = [question_id for question_id in similar_ids if question_id in answered_ids]
    # The newest question of each expert, then the second newest of each, and so on.
    in_turn = [
        answered[round_number]
        for round_number in range(MAX_PAST_QUESTIONS_PER_EXPERT)
        for answered in answered_lists
        if round_number < len(answered)
    ]
    distinct_ids = list(dict.fromkeys([*similar_and_answered, *in_turn]))
    summaries = questions.list_summaries(session, distinct_ids[:MAX_PAST_QUESTIONS])
    return {summary.id: summary for summary in summaries if summary.title}


def _build_candidate(
    expert: ExpertSummary, history: History, past_questions: dict[int, questions.QuestionSummary]
) -> Candidate:
    loaded = [past_questions[row_id] for row_id in history.answered_ids if row_id in past_questions]
    return Candidate(
        key=expert.id,
        past=tuple(PastAnswer(f"{question.headline}\n{question.wording}", question.id) for question in loaded),
        answered=len(history.answered_ids),
        topics=tuple(expert.topics),
        languages=tuple(expert.languages),
        live=expert.live,
        at_once=expert.at_once or DEFAULT_AT_ONCE,
        last_asked=history.last_asked.date() if history.last_asked else None,
        away_until=expert.away_until,
        asked=history.asked,
        replied=history.replied,
    )
