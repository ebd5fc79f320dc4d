"""The desk's verdicts on look-alikes, and the score from which one is worth showing, which is learned from them.

A cutoff doesn't fit another collection or another matcher: each desk's verdicts adjust its own.
"""

from dataclasses import dataclass
from math import log10

from sqlalchemy import select, union_all
from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Staff
from ..core.domain_errors import InvalidField
from ..core.state_machine import must
from ..db.session import now
from .models import NOUNS, Key, Verdict

MAX_FALSE_ALARMS = 0.1  # share of different pairs that may be shown unasked
# Without verdicts: the cutoff for that share, measured on the generated questions of bench/matching.py.
# It rises with the number of documents, as the nearest different one gets nearer.
# Each matcher has the cutoff for one document, and by how much ten times as many documents raise it.
PRIOR_CUTOFFS = {"words": (0.10, 0.065), "semantic": (0.93, 0.0)}
MIN_PRIOR_DOCUMENTS = 100  # with a lower cutoff, two different documents that share a name would pass
PRIOR_WEIGHT = 20  # as many verdicts weigh as much as the prior cutoff
MAX_VERDICTS = 500  # the newest that count: a desk changes its mind, and readers their questions


def record_verdict(
    session: Session, actor: Staff, key: Key, other_key: Key, is_same: bool, score: float, matcher: str
) -> Verdict:
    """Record whether two things ask the same. A later verdict replaces an earlier one.

    `score` and `matcher` are those of the `Match` that was shown. Raises `InvalidField` if the two can't be compared,
    and `PermissionDenied`.
    """
    must(actor, "word", "take letters")
    (a_noun, a_id), (b_noun, b_id) = sorted((key, other_key))
    if key == other_key or not {a_noun, b_noun} <= {*NOUNS}:
        raise InvalidField("pair_not_comparable", "pair")
    row = _find_verdict(session, key, other_key) or Verdict(
        newsletter_id=actor.newsletter_id, a_noun=a_noun, a_id=a_id, b_noun=b_noun, b_id=b_id
    )
    row.same, row.score, row.matcher, row.decided_at = is_same, min(1.0, max(0.0, score)), matcher, now(session)
    session.add(row)
    session.flush()
    audit.record(session, actor, "verdict.same" if is_same else "verdict.not the same", row, facts=_pair(row))
    return row


def withdraw_same_verdict(session: Session, actor: Staff, key: Key, other_key: Key) -> None:
    """Delete the verdict that two are the same, when the step that it led to is undone. One that they differ stays."""
    row = _find_verdict(session, key, other_key)
    if row is not None and row.same:
        audit.record(session, actor, "verdict.take back", row, facts=_pair(row))
        session.delete(row)
        session.flush()


def _find_verdict(session: Session, key: Key, other_key: Key) -> Verdict | None:
    (a_noun, a_id), (b_noun, b_id) = sorted((key, other_key))
    return session.scalar(select(Verdict).filter_by(a_noun=a_noun, a_id=a_id, b_noun=b_noun, b_id=b_id))


def _pair(row: Verdict) -> dict[str, list[str | int]]:
    return {"a": [row.a_noun, row.a_id], "b": [row.b_noun, row.b_id]}


@dataclass(frozen=True)
class DeskVerdicts:
    """The verdicts of a desk with one matcher.

    `not_the_same` are the keys of what it called different from one letter or question. `different` and `same` are the
    newest scores of the pairs that it called so.
    """

    matcher: str
    not_the_same: set[Key]
    different: list[float]
    same: list[float]

    def cutoff(self, documents: int) -> float:
        """Return the score from which a look-alike is likely at this desk, among so many documents. Nine of ten
        different pairs score lower.

        The more verdicts there are, the less the prior counts. If more than half of the pairs that are the same score
        lower than the cutoff, it is lowered to admit half of them: to miss a repetition costs the desk more than to
        look at one more pair.
        """
        return learn_cutoff(self.different, self.same, prior(self.matcher, documents))


def load_desk_verdicts(session: Session, newsletter_id: int, matcher: str, key: Key | None) -> DeskVerdicts:
    """Return a desk's verdicts with one matcher, and everything that was ever called different from `key`."""
    mine = (Verdict.newsletter_id == newsletter_id, Verdict.matcher == matcher)
    newest = select(Verdict.score, Verdict.same).where(*mine).order_by(Verdict.id.desc()).limit(MAX_VERDICTS)
    scores = session.execute(newest).all()
    different_scores = [score for score, is_same in scores if not is_same]
    same_scores = [score for score, is_same in scores if is_same]
    not_the_same = _list_not_the_same(session, key) if key else set()
    return DeskVerdicts(matcher, not_the_same, different_scores, same_scores)


def _list_not_the_same(session: Session, key: Key) -> set[Key]:
    noun, noun_id = key
    as_a = select(Verdict.b_noun, Verdict.b_id).where(Verdict.a_noun == noun, Verdict.a_id == noun_id, ~Verdict.same)
    as_b = select(Verdict.a_noun, Verdict.a_id).where(Verdict.b_noun == noun, Verdict.b_id == noun_id, ~Verdict.same)
    return {(row[0], row[1]) for row in session.execute(union_all(as_a, as_b))}


def prior(matcher: str, documents: int) -> float:
    """Return the cutoff before there are any verdicts, among so many documents."""
    base, rise_per_tenfold = PRIOR_CUTOFFS[matcher]
    return base + rise_per_tenfold * log10(max(MIN_PRIOR_DOCUMENTS, documents))


def learn_cutoff(different_scores: list[float], same_scores: list[float], prior: float) -> float:
    """Return the cutoff that follows from the scores of decided pairs."""
    cutoff = prior
    if different_scores:
        number = len(different_scores)
        ninetieth_percentile = sorted(different_scores)[int(number * (1 - MAX_FALSE_ALARMS))]
        cutoff = (PRIOR_WEIGHT * prior + number * ninetieth_percentile) / (PRIOR_WEIGHT + number)
    if len(same_scores) >= PRIOR_WEIGHT // 2:
        median = sorted(same_scores)[len(same_scores) // 2]
        cutoff = min(cutoff, median)
    return cutoff
