"""Candidates for a question: select the experts to compare, load what is known of each, and rank them.

The number of queries is fixed. The ranking itself is in `app.search.expert_ranking`. Earlier questions are read only of
this newsletter, while workload and replies count across all newsletters. None of it leaves the desk.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
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
from ..search.alike import Comparison, Probe, by_score
from ..search.expert_ranking import Candidate, Fact, PastAnswer, QuestionProfile, rank
from .assigning import of_question
from .models import Assignment
from .queries import select_open_count

LOOKED_AT = 80  # experts who are compared
HISTORY = 1_000  # newest assignments that are read, of all these experts together
EACH = 50  # newest assignments that are read of one expert
NEWEST = 200  # newest questions of the topics, and newest assignments, whose experts are considered
PAST = 80  # earlier questions that are compared
REMEMBERED = timedelta(days=730)
BEHIND = 1_000_000  # more IDs than one query finds: the IDs of the next query rank behind them
USUAL = 2  # open questions that an expert takes who has set no limit
NONE = 0  # an ID that no row has


@dataclass
class History:
    """An expert's replies so far. `days` are the days from each invitation to its text."""

    asked: int = 0
    replied: int = 0
    last_asked: datetime | None = None
    days: list[float] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)  # IDs of this newsletter's questions, newest first

    @property
    def usual_days(self) -> int | None:
        return max(1, round(median(self.days))) if self.days else None


class ExpertSummary(NamedTuple):
    """The columns of an expert that the ranking and the list of candidates need; LOOKED_AT are loaded at once.

    `live` is how many assignments they have open at all newsletters.
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


# The columns of `ExpertSummary`, to select.
_BESIDE = {"name": Person.name, "has_address": Person.email_sealed.is_not(None), "live": select_open_count()}
KNOWN = [_BESIDE[name] if name in _BESIDE else getattr(Expert, name) for name in ExpertSummary._fields]


@dataclass(frozen=True)
class ExpertFit:
    """A ranked expert with the reasons for and against.

    `here` is an assignment of theirs for this question that was declined or cancelled, `past` holds the earlier
    questions that the reasons refer to, by ID, and `language` is that of the question.
    """

    expert: ExpertSummary
    facts: tuple[Fact, ...]
    history: History
    here: Assignment | None
    past: dict[int, questions.QuestionSummary]
    language: str


def score_similar_texts(session: Session, question: Question, topics: tuple[str, ...]) -> Comparison:
    """Compare a question with all texts of its newsletter, to find similar ones and the experts who answered them."""
    words = " ".join(filter(None, (question.headline, question.wording)))
    probe = Probe(words, "question", question.id, topics=topics)
    return by_score(session, DESK, question.newsletter_id, probe)


def rank_experts(
    session: Session,
    question: Question,
    search_text: str = "",
    comparison: Comparison | None = None,
    assignments: Sequence[Assignment] | None = None,
) -> list[ExpertFit]:
    """Return experts for a question, best first, without those who already have it.

    With `search_text`, only experts whom a search of the directory finds are ranked. `comparison` (the result of
    `score_similar_texts`) and `assignments` (those of the question) can be passed if they are loaded already.
    """
    of_experts = {
        row.expert_id: row for row in (of_question(session, question) if assignments is None else assignments)
    }
    has = [key for key, row in of_experts.items() if row.is_live]
    if comparison is None:
        topics = questions.topics_of(session, [question.id])[question.id]
        comparison = score_similar_texts(session, question, tuple(topic.name for topic in topics))
    names = comparison.probe.topics
    similar = [key for (noun, key), _score, _doc in comparison.scored if noun == "question"]
    looked_at = (
        _search_experts(session, search_text) if search_text else _propose_experts(session, question, names, similar)
    )
    experts = {one.id: one for one in looked_at if one.id not in has}
    past_of = histories(session, list(experts), question, EACH)
    past = _load_past_questions(session, past_of.values(), similar)
    candidates = [_candidate(one, past_of[key], past) for key, one in experts.items()]
    language = question.text.language if question.text else "und"
    asked = QuestionProfile(f"{question.headline} {question.wording}".strip(), language, names)
    return [
        ExpertFit(experts[one.key], one.reasons, past_of[one.key], of_experts.get(one.key), past, language)
        for one in rank(asked, candidates, today=now(session).date())
    ]


def _propose_experts(
    session: Session, question: Question, topics: tuple[str, ...], similar: list[int]
) -> list[ExpertSummary]:
    """Return the experts to compare with a question.

    They answered similar questions or questions of the same topics, name the topics in their profile, were assigned by
    this newsletter lately, or are new.
    """
    terms = expert_search.terms((*topics, *f"{question.headline} {question.wording}".split()))
    answered = select(Assignment.expert_id).where(Assignment.has_text)
    of_topics = select(QuestionTopic.question_id).where(
        QuestionTopic.topic_id.in_(select(QuestionTopic.topic_id).where(QuestionTopic.question_id == question.id))
    )
    of_topics = of_topics.order_by(QuestionTopic.question_id.desc()).limit(NEWEST)
    here = select(Assignment.expert_id).where(Assignment.newsletter_id == question.newsletter_id)
    newest = select(Expert.id).where(Expert.is_listed())
    sources = (
        answered.where(Assignment.question_id.in_(similar)),
        answered.where(Assignment.question_id.in_(of_topics)).limit(NEWEST),
        expert_search.select_ids_by_topics(terms).limit(LOOKED_AT),
        here.order_by(Assignment.id.desc()).limit(NEWEST),
        newest.order_by(Expert.id.desc()).limit(LOOKED_AT),
    )
    proposed = expert_search.directory().query.where(Expert.id.in_(_first_of(sources, LOOKED_AT)))
    return [ExpertSummary(*row) for row in session.execute(_select_summary_columns(proposed).order_by(Expert.id))]


def _select_summary_columns(experts: Query) -> Query:
    return experts.join(Person, Person.id == Expert.person_id).with_only_columns(*KNOWN)


def _first_of(sources: Iterable[Select[int]], limit: int) -> Select[int]:
    """Select the first distinct IDs that several queries find, those of the first query before those of the next."""
    walks = [walk.subquery() for walk in sources]
    found = union_all(
        *(
            select(walk.c[0].label("key"), (BEHIND * place + func.row_number().over()).label("place"))
            for place, walk in enumerate(walks)
        )
    ).subquery()
    return select(found.c.key).group_by(found.c.key).order_by(func.min(found.c.place)).limit(limit)


def _search_experts(session: Session, search_text: str) -> list[ExpertSummary]:
    among = _select_summary_columns(expert_search.directory(search_text).select(None, LOOKED_AT))
    return [ExpertSummary(*row) for row in session.execute(among)]


def histories(
    session: Session, experts: Sequence[int], question: Question | None = None, limit_per_expert: int = HISTORY
) -> dict[int, History]:
    """Return how experts have replied within the last two years, keyed by expert ID.

    At most the newest `limit_per_expert` assignments of each are read. Assignments for `question` do not count.
    """
    found = {key: History() for key in experts}
    question_id, newsletter_id = (question.id, question.newsletter_id) if question else (NONE, NONE)
    for expert_id, *row in session.execute(
        _select_replies(experts, question_id, newsletter_id, limit_per_expert, now(session))
    ):
        _remember(found[expert_id], *row)
    return found


def _select_replies(
    experts: Sequence[int], question_id: int, newsletter_id: int, limit_per_expert: int, current_time: datetime
) -> Query:
    """Select what `_remember` needs of the experts' newest assignments as of `current_time`."""
    here = Assignment.newsletter_id == newsletter_id
    waits = Assignment.is_invited & (Assignment.reply_by.is_(None) | (Assignment.reply_by > current_time))
    query = select(
        Assignment.expert_id,
        case((here & Assignment.has_text, Assignment.question_id)),
        case((~Assignment.is_cancelled, Assignment.invited_at)),
        Assignment.received_at,
        case((waits, WAITS), (Assignment.is_invited, SILENT), else_=REPLIED),
    ).where(
        ~Assignment.is_drafted, Assignment.state_at >= current_time - REMEMBERED, Assignment.question_id != question_id
    )
    other = aliased(Assignment)
    back = (
        select(other.id).where(other.expert_id == Expert.id).order_by(other.id.desc()).offset(limit_per_expert).limit(1)
    )
    query = query.join(Expert, Expert.id == Assignment.expert_id)
    query = query.where(Expert.id.in_(experts), Assignment.id > func.coalesce(back.scalar_subquery(), 0))
    return query.order_by(Assignment.id.desc()).limit(HISTORY)


# The reply to an invitation; WAITS: the expert still has time to reply.
WAITS, SILENT, REPLIED = range(3)


def _remember(
    history: History,
    answered_question_id: int | None,
    invited_at: datetime | None,
    received_at: datetime | None,
    reply: int,
) -> None:
    """Add one assignment to a history. A cancelled one has no `invited_at`."""
    if answered_question_id is not None:
        history.answered.append(answered_question_id)
    if invited_at is None:
        return
    history.asked += reply != WAITS
    history.replied += reply == REPLIED
    if history.last_asked is None or invited_at > history.last_asked:
        history.last_asked = invited_at
    if received_at is not None:
        history.days.append((received_at - invited_at).total_seconds() / 86_400)


def _load_past_questions(
    session: Session, histories: Iterable[History], similar: list[int]
) -> dict[int, questions.QuestionSummary]:
    """Return the earlier questions to compare with: similar ones first, then the newest of each expert in turn."""
    lists = [history.answered for history in histories]
    theirs = {key for answered in lists for key in answered}
    in_turn = [answered[place] for place in range(10) for answered in lists if place < len(answered)]
    keys = list(dict.fromkeys([*(key for key in similar if key in theirs), *in_turn]))[:PAST]
    return {row.id: row for row in questions.list_summaries(session, keys) if row.title}


def _candidate(
    expert: ExpertSummary, history: History, past_questions: dict[int, questions.QuestionSummary]
) -> Candidate:
    return Candidate(
        key=expert.id,
        past=tuple(
            PastAnswer(f"{past_questions[key].headline}\n{past_questions[key].wording}", key)
            for key in history.answered
            if key in past_questions
        ),
        answered=len(history.answered),
        topics=tuple(expert.topics),
        languages=tuple(expert.languages),
        live=expert.live,
        at_once=expert.at_once or USUAL,
        last_asked=history.last_asked.date() if history.last_asked else None,
        away_until=expert.away_until,
        asked=history.asked,
        replied=history.replied,
    )
