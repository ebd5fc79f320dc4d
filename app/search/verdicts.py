"""The desk's verdicts on look-alikes, and the cutoff learned from them: from this score on, a look-alike is shown.

No cutoff fits every collection and matcher, so the verdicts of each desk adjust the cutoff for that desk.
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

MAX_FALSE_ALARMS = 0.1  # the share of pairs asking different things that may be suggested unprompted
# The cutoff without any verdicts, by matcher: for one document, and by how much it rises when the number of documents
# grows tenfold: among more documents, the nearest one that asks something else is nearer. Measured on the generated
# questions of bench/matching.py, for `MAX_FALSE_ALARMS`.
PRIOR_CUTOFFS = {"words": (0.10, 0.065), "semantic": (0.93, 0.0)}
MIN_PRIOR_DOCUMENTS = 100  # fewer have the same cutoff: a lower one would admit pairs that only share a name
PRIOR_WEIGHT = 20  # the number of verdicts that count together as much as the prior cutoff
MIN_SAME_VERDICTS = 10  # the median of fewer scores would be a matter of chance
MAX_VERDICTS = 500  # only the newest count, because the opinion of a desk and the topics of its readers change


def record_verdict(
    session: Session, actor: Staff, key: Key, other_key: Key, is_same: bool, score: float, matcher: str
) -> Verdict:
    """Record whether two letters or questions ask the same. A later verdict replaces an earlier one.

    A key is the noun, "letter" or "question", with the row's ID. `score` and `matcher` are those of the `Match` that
    was shown. Raises `PermissionDenied`, and `InvalidField` if the two keys are the same or have another noun.
    """
    must(actor, "word", "take letters")  # either permission is enough
    (a_noun, a_id), (b_noun, b_id) = sorted((key, other_key))
    if key == other_key or not {a_noun, b_noun} <= {*NOUNS}:
        raise InvalidField("pair_not_comparable", "pair")
    row = _find_verdict(session, key, other_key) or Verdict(
        newsletter_id=actor.newsletter_id, a_noun=a_noun, a_id=a_id, b_noun=b_noun, b_id=b_id
    )
    row.same = is_same
    row.score = min(1.0, max(0.0, score))
    row.matcher = matcher
    row.decided_at = now(session)
    session.add(row)
    session.flush()
    audit.record(session, actor, "verdict.same" if is_same else "verdict.not the same", row, facts=_pair(row))
    return row


def withdraw_same_verdict(session: Session, actor: Staff, key: Key, other_key: Key) -> None:
    """Delete the verdict that two questions are the same, as their merge was undone. "Not the same" stays."""
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
    """A desk's verdicts on the look-alikes of one matcher.

    `not_the_same` are the keys of everything that the desk called different from the letter or question in view.
    `different` and `same` are the scores of the newest pairs with this verdict.
    """

    matcher: str
    not_the_same: set[Key]
    different: list[float]
    same: list[float]

    def cutoff(self, documents: int) -> float:
        """Return the score from which a look-alike among so many documents is likely."""
        return learn_cutoff(self.different, self.same, prior(self.matcher, documents))


def load_desk_verdicts(session: Session, newsletter_id: int, matcher: str, key: Key | None) -> DeskVerdicts:
    """Return a desk's verdicts on a matcher's newest pairs, and every key that it ever called different from `key`."""
    query = select(Verdict.score, Verdict.same)
    query = query.where(Verdict.newsletter_id == newsletter_id, Verdict.matcher == matcher)
    newest = session.execute(query.order_by(Verdict.id.desc()).limit(MAX_VERDICTS)).all()
    different_scores = [score for score, is_same in newest if not is_same]
    same_scores = [score for score, is_same in newest if is_same]
    not_the_same = _list_not_the_same(session, key) if key else set()
    return DeskVerdicts(matcher, not_the_same, different_scores, same_scores)


def _list_not_the_same(session: Session, key: Key) -> set[Key]:
    noun, noun_id = key
    as_a = select(Verdict.b_noun, Verdict.b_id).where(Verdict.a_noun == noun, Verdict.a_id == noun_id, ~Verdict.same)
    as_b = select(Verdict.a_noun, Verdict.a_id).where(Verdict.b_noun == noun, Verdict.b_id == noun_id, ~Verdict.same)
    return {(other_noun, other_id) for other_noun, other_id in session.execute(union_all(as_a, as_b))}


def prior(matcher: str, documents: int) -> float:
    """Return the cutoff among so many documents before there are any verdicts."""
    base, rise_per_tenfold = PRIOR_CUTOFFS[matcher]
    return base + rise_per_tenfold * log10(max(MIN_PRIOR_DOCUMENTS, documents))


def learn_cutoff(different_scores: list[float], same_scores: list[float], prior_cutoff: float) -> float:
    """Return the cutoff that follows from the scores of decided pairs.

    It is a weighted mean of the prior cutoff and of the score below which nine of ten different pairs are: the more
    verdicts there are, the less the prior cutoff counts. If more than half of the same pairs score lower than that, it
    is lowered to their median, however many different pairs it then admits. Missing a repeated question costs the desk
    more than looking at one more pair.
    """
    cutoff = prior_cutoff
    if different_scores:
        number = len(different_scores)
        ninetieth_percentile = sorted(different_scores)[int(number * (1 - MAX_FALSE_ALARMS))]
        cutoff = (PRIOR_WEIGHT * prior_cutoff + number * ninetieth_percentile) / (PRIOR_WEIGHT + number)
    if len(same_scores) >= MIN_SAME_VERDICTS:
        median = sorted(same_scores)[len(same_scores) // 2]
        cutoff = min(cutoff, median)
    return cutoff
