"""Rank experts for a question: plain values in, and out with the reasons that a person would give.

What counts is how well the topic fits what somebody has answered before, and for new experts the topics and languages
that they declare, less what speaks against asking them now. The weights are data.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import Any

from .reasons import find_shared_words
from .scoring import Counts, Weighed, Words, alikeness, at_most


@dataclass(frozen=True)
class QuestionProfile:
    """A question in the desk's wording. `topics` are names; `language` is a BCP 47 tag."""

    text: str
    language: str = "und"
    topics: tuple[str, ...] = ()


@dataclass(frozen=True)
class PastAnswer:
    """An earlier answer: its question, and the answer if it is worth comparing. `key` is returned in the reason."""

    text: str
    key: int | None = None
    on: date | None = None


@dataclass(frozen=True)
class Candidate:
    """An expert as the ranking sees them.

    `past` are the answers that are worth comparing, `answered` counts all of them. `live` counts their open
    assignments, `at_once` is their limit. `asked` counts invitations and `replied` those that were answered in any way.
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
    """The weights of the ranking. An expert who was asked ranks lower for `recent_days`."""

    past: float = 1.0
    topic: float = 0.35
    language: float = 0.1
    load: float = 0.25
    recent: float = 0.2
    recent_days: int = 28
    away: float = 2.0
    replies: float = 0.15
    least: float = 0.08  # score that a past answer must reach to be named


@dataclass(frozen=True)
class Fact:
    """A reason with its `code` and `values`, and the `weight` that it adds to the score.

    The codes are 'past' (the key of the past answer, then shared words), 'topic' (names), 'language' (tag), 'new' (),
    'load' (live, at_once), 'recent' (days ago,), 'away' (date,), 'replies' and 'silent' (asked, replied). `good` says
    whether it speaks for them.
    """

    code: str
    values: tuple[Any, ...]
    weight: float

    @property
    def good(self) -> bool:
        return self.weight >= 0


@dataclass(frozen=True)
class RankedExpert:
    """A candidate with the `score` for sorting, which is never shown, and the `reasons`, the weightiest first."""

    key: int
    score: float
    reasons: tuple[Fact, ...]


WEIGHTS = Weights()
REPLIES_KNOWN = 3  # invitations from which on the rate of replies counts


def rank(question: QuestionProfile, experts: Sequence[Candidate], *, today: date) -> list[RankedExpert]:
    """Return all candidates, best first; of equals the one with the lower key, so that the order is stable."""
    texts = {past.text: Words(past.text) for expert in experts for past in expert.past}
    words = Words(question.text)
    counts = _counts(texts.values())
    counts.take_in((words, *texts.values()))
    asked = Weighed(words, counts)
    fits = {text: _score_fit(asked, cut, counts) for text, cut in texts.items()}
    ranked = []
    for expert in experts:
        facts = [
            *_past_answer_facts(question, expert, fits, counts),
            *_declared_facts(question, words.stored, expert, counts),
            *_availability_facts(expert, today),
        ]
        facts.sort(key=lambda fact: -abs(fact.weight))
        ranked.append(RankedExpert(expert.key, sum(fact.weight for fact in facts), tuple(facts)))
    return sorted(ranked, key=lambda one: (-one.score, one.key))


def _score_fit(question: Weighed, candidate: Words, counts: Counts) -> float:
    """Return how alike an earlier question is, or 0 if it can't reach what is needed to be named."""
    return (
        alikeness(question, Weighed(candidate, counts), counts)
        if at_most(question, candidate, counts) >= WEIGHTS.least
        else 0.0
    )


def _counts(texts: Collection[Words]) -> Counts:
    """Return the counts of words over everything that these experts have answered."""
    docs = Counter(chain.from_iterable(words.stored for words in texts))
    return Counts(len(texts), docs.total() / len(texts) if texts else 0.0, docs)


def _past_answer_facts(
    question: QuestionProfile, expert: Candidate, fits: Mapping[str, float], counts: Counts
) -> Iterator[Fact]:
    """Yield the most similar past answer, if a person would see why, or that the expert is new."""
    if not expert.past and not expert.answered:
        yield Fact("new", (), 0.0)
    best = max(expert.past, key=lambda past: fits[past.text], default=None)
    if best and fits[best.text] >= WEIGHTS.least and (words := find_shared_words(question.text, best.text, counts)):
        yield Fact("past", (best.key, *words), WEIGHTS.past * fits[best.text])


def _declared_facts(
    question: QuestionProfile, question_terms: AbstractSet[str], expert: Candidate, counts: Counts
) -> list[Fact]:
    """Return what fits in the expert's own profile. `question_terms` are the terms of the question."""
    found: list[Fact] = []
    topics = {topic.casefold() for topic in expert.topics}
    if shared := tuple(topic for topic in question.topics if topic.casefold() in topics):
        found.append(Fact("topic", shared, WEIGHTS.topic))
    elif said := tuple(
        topic for topic in expert.topics if counts.words(topic).stored & question_terms
    ):  # whatever their endings
        found.append(Fact("topic", said, WEIGHTS.topic))
    spoken = {tag.partition("-")[0] for tag in expert.languages}
    if question.language.partition("-")[0] in spoken:
        found.append(Fact("language", (question.language,), WEIGHTS.language))
    return found


def _availability_facts(expert: Candidate, today: date) -> list[Fact]:
    found: list[Fact] = []
    if expert.away_until and expert.away_until >= today:
        found.append(Fact("away", (expert.away_until,), -WEIGHTS.away))
    if expert.live:
        full = min(2.0, expert.live / max(1, expert.at_once))
        found.append(Fact("load", (expert.live, expert.at_once), -WEIGHTS.load * full))
    days = (today - expert.last_asked).days if expert.last_asked else WEIGHTS.recent_days
    if days < WEIGHTS.recent_days:
        found.append(Fact("recent", (days,), -WEIGHTS.recent * (1 - days / WEIGHTS.recent_days)))
    if expert.asked >= REPLIES_KNOWN:
        rate = expert.replied / expert.asked
        code = "replies" if rate >= 0.5 else "silent"
        found.append(Fact(code, (expert.asked, expert.replied), WEIGHTS.replies * (2 * rate - 1)))
    return found
