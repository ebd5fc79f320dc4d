"""Rank experts for a question, with the reasons that a person would give. Needs no database.

The score is the similarity of the question to the expert's past answers, plus points for the topics and languages in
their profile, minus points for reasons not to ask them now (`Weights`).
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import Any

from .reasons import find_shared_words
from .scoring import Counts, TextTerms, WeightedText, max_similarity, similarity


@dataclass(frozen=True)
class QuestionProfile:
    """A question in the desk's wording. `topics` are names; `language` is a BCP 47 tag."""

    text: str
    language: str = "und"
    topics: tuple[str, ...] = ()


@dataclass(frozen=True)
class PastAnswer:
    """An earlier answer. `text` is compared with the question that needs an expert. A reason contains the `key`."""

    text: str
    key: int | None = None
    on: date | None = None


@dataclass(frozen=True)
class Candidate:
    """The facts about an expert that the ranking needs.

    - `past`: the past answers that are compared; `answered` is the number of all past answers.
    - `live`: the number of their open assignments; `at_once` is the most that they accept.
    - `asked`: the number of invitations; `replied`: how many of these got any reply.
    """

    key: int
    past: tuple[PastAnswer, ...] = ()
    answered: int = 0
    topics: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    live: int = 0
    at_once: int = 2
    last_asked: date | None = None
    away_until: date | None = None
    asked: int = 0
    replied: int = 0


@dataclass(frozen=True)
class Weights:
    """The weights of the ranking, and two limits.

    For `recent_days` after an invitation, an expert ranks lower, by up to `recent`. A past answer is a reason if its
    similarity is at least `min_similarity`.
    """

    past: float = 1.0
    topic: float = 0.35
    language: float = 0.1
    load: float = 0.25
    recent: float = 0.2
    recent_days: int = 28
    away: float = 2.0
    replies: float = 0.15
    min_similarity: float = 0.08


@dataclass(frozen=True)
class Fact:
    """A reason for or against an expert: its `code`, its `values`, and the `weight`, by which it changes the score.

    The codes with their values are 'past' (key of the past answer, shared words), 'topic' (names), 'language' (tag),
    'new' (), 'load' (live, at_once), 'recent' (days ago), 'away' (last day), 'replies' and 'silent' (asked, replied).
    """

    code: str
    values: tuple[Any, ...]
    weight: float

    @property
    def good(self) -> bool:
        """Return whether this is a reason to ask the expert, or at least none against it."""
        return self.weight >= 0


@dataclass(frozen=True)
class RankedExpert:
    """A ranked candidate. The `score` is never shown; the `reasons` are, those with the largest effect first."""

    key: int
    score: float
    reasons: tuple[Fact, ...]


WEIGHTS = Weights()
MIN_INVITATIONS = 3  # with fewer invitations, the rate of replies doesn't count


def rank(question: QuestionProfile, experts: Sequence[Candidate], *, today: date) -> list[RankedExpert]:
    """Return all candidates, best first. Candidates with the same score are ordered by key."""
    past_texts = {past.text: TextTerms(past.text) for expert in experts for past in expert.past}
    question_terms = TextTerms(question.text)
    counts = _counts(past_texts.values())
    counts.add_cut_texts((question_terms, *past_texts.values()))
    weighted_question = WeightedText(question_terms, counts)
    scores = {text: _score_past_text(weighted_question, terms, counts) for text, terms in past_texts.items()}
    ranked = []
    for expert in experts:
        facts = [
            *_past_answer_facts(question, expert, scores, counts),
            *_declared_facts(question, question_terms.index_terms, expert, counts),
            *_availability_facts(expert, today),
        ]
        facts.sort(key=lambda fact: -abs(fact.weight))
        ranked.append(RankedExpert(expert.key, sum(fact.weight for fact in facts), tuple(facts)))
    return sorted(ranked, key=lambda expert: (-expert.score, expert.key))


def _score_past_text(question: WeightedText, past_text: TextTerms, counts: Counts) -> float:
    """Return the similarity of an earlier text, or 0 if it is certainly below `min_similarity`."""
    if max_similarity(question, past_text, counts) < WEIGHTS.min_similarity:
        return 0.0
    return similarity(question, WeightedText(past_text, counts), counts)


def _counts(texts: Collection[TextTerms]) -> Counts:
    """Return the counts of terms in all past answers that are compared."""
    docs = Counter(chain.from_iterable(text.index_terms for text in texts))
    average_length = docs.total() / len(texts) if texts else 0.0
    return Counts(len(texts), average_length, docs)


def _past_answer_facts(
    question: QuestionProfile, expert: Candidate, scores: Mapping[str, float], counts: Counts
) -> Iterator[Fact]:
    """Yield that the expert is new, or their most similar past answer if shared words show why it is similar."""
    if not expert.past and not expert.answered:
        yield Fact("new", (), 0.0)
    best = max(expert.past, key=lambda past: scores[past.text], default=None)
    if best is None or scores[best.text] < WEIGHTS.min_similarity:
        return
    if words := find_shared_words(question.text, best.text, counts):
        yield Fact("past", (best.key, *words), WEIGHTS.past * scores[best.text])


def _declared_facts(
    question: QuestionProfile, question_terms: AbstractSet[str], expert: Candidate, counts: Counts
) -> list[Fact]:
    """Return the topics and the language of the expert's profile that fit the question."""
    facts: list[Fact] = []
    expert_topics = {topic.casefold() for topic in expert.topics}
    if shared := tuple(topic for topic in question.topics if topic.casefold() in expert_topics):
        facts.append(Fact("topic", shared, WEIGHTS.topic))
    # Without a topic in common, the question's text may mention one. Its terms include stems, so endings may differ.
    elif mentioned := tuple(topic for topic in expert.topics if counts.cut_text(topic).index_terms & question_terms):
        facts.append(Fact("topic", mentioned, WEIGHTS.topic))
    primary_languages = {tag.partition("-")[0] for tag in expert.languages}
    if question.language.partition("-")[0] in primary_languages:
        facts.append(Fact("language", (question.language,), WEIGHTS.language))
    return facts


def _availability_facts(expert: Candidate, today: date) -> list[Fact]:
    facts: list[Fact] = []
    if expert.away_until and expert.away_until >= today:
        facts.append(Fact("away", (expert.away_until,), -WEIGHTS.away))
    if expert.live:
        load = min(2.0, expert.live / max(1, expert.at_once))  # 1.0 at the limit; counts up to twice the limit
        facts.append(Fact("load", (expert.live, expert.at_once), -WEIGHTS.load * load))
    if expert.last_asked and (days := (today - expert.last_asked).days) < WEIGHTS.recent_days:
        facts.append(Fact("recent", (days,), -WEIGHTS.recent * (1 - days / WEIGHTS.recent_days)))
    if expert.asked >= MIN_INVITATIONS:
        rate = expert.replied / expert.asked
        code = "replies" if rate >= 0.5 else "silent"
        # The factor is -1 if they never replied, and 1 if they always did.
        facts.append(Fact(code, (expert.asked, expert.replied), WEIGHTS.replies * (2 * rate - 1)))
    return facts
