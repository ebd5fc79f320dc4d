"""Letters whose retention period has ended or is about to end, by the rules of the newsletter's settings.

No erasure is scheduled in advance, so a letter that is used again stays, and changed settings apply at once. Letters
are found along indexes, oldest first, without reading those that are kept for good.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, and_, func, or_, select, text, union_all
from sqlalchemy.orm import Session, aliased

from ...core.listing import COUNT_LIMIT
from ...db.session import now
from ...letters.models import FILED_AS, Letter
from ...newsletters.models import Newsletter
from ...newsletters.queries import all_newsletters
from ...questions.lifecycle import STATES
from ...questions.models import Question

BATCH = 100  # letters of one rule that are searched for at once
PARCEL = 20  # letters in one transaction, for which other writers wait

# Conditions of partial indexes, verbatim: SQLite needs that to use the index.
UNFILED = "letters.state <> 'filed'"
FILED = "letters.state = 'filed'"
CLOSED = "questions.state = 'closed'"

_own = aliased(Question)  # the question that a letter asks
_lead = aliased(Question)  # the question that `_own` was merged into, or else `_own`


@dataclass(frozen=True)
class Walk:
    """A query for keys of unerased letters along an index.

    `keys` is the query, `newsletter_id` the column with the newsletter's key, and `since` the time from which the
    retention period counts.
    """

    keys: Select[int, Any]
    newsletter_id: SQLColumnExpression[int]
    since: SQLColumnExpression[Any]

    def select_due(self, newsletter: Newsletter, cutoff: datetime) -> Select[int, datetime]:
        return self.keys.where(self.newsletter_id == newsletter.id, self.since < cutoff)


def _letter_walk(author: str, *conditions: Any) -> Walk:
    keys = select(Letter.id.label("key"), Letter.state_at.label("since"))
    keys = keys.where(Letter.author == author, Letter.erased_at.is_(None), *conditions)
    return Walk(keys, Letter.newsletter_id, Letter.state_at)


def _unfiled_walks(author: str, *states: str) -> list[Walk]:
    return [_letter_walk(author, text(UNFILED), Letter.state == state) for state in states]


def _filed_walks(author: str, *kinds: str) -> list[Walk]:
    return [_letter_walk(author, text(FILED), Letter.filed_as == kind) for kind in kinds]


def _question_walks(since: SQLColumnExpression[Any], condition: Any) -> list[Walk]:
    """Return the walk over readers' letters of the questions that meet a condition, and of those merged into them.

    An outer join makes the database start from the questions, which have the index, and not from the letters.
    """
    is_lead = and_(_own.id == Question.id, _own.merged_into_id.is_(None))
    family = select(_own.id).where(or_(is_lead, _own.merged_into_id == Question.id)).correlate(Question)
    asks = (Letter.author == "reader", Letter.is_filed, Letter.filed_as == "question", Letter.erased_at.is_(None))
    keys: Select[int, Any] = select(Letter.id.label("key"), since.label("since")).select_from(Question)
    keys = keys.outerjoin(Letter, and_(Letter.question_id.in_(family), *asks))
    keys = keys.where(func.coalesce(Letter.id, 0) != 0)  # not "IS NOT NULL", which would make it an inner join
    return [Walk(keys.where(condition), Question.newsletter_id, since)]


@dataclass(frozen=True)
class Rule:
    """A retention rule: its letters are erased as many days after `since` as the setting `days` says.

    `condition` is true for the rule's letters; it may refer to a letter's own and its leading question (`_own`,
    `_lead`). The `walks` together find all such letters.
    """

    days: str
    since: SQLColumnExpression[Any]
    condition: ColumnElement[bool]
    walks: list[Walk]


_is_readers = Letter.author == "reader"
_is_question = and_(_is_readers, Letter.is_filed, Letter.filed_as == "question")
_is_spam = or_(Letter.is_held, and_(Letter.is_filed, Letter.filed_as == "spam"))
_led_to_nothing = and_(_is_readers, ~_is_spam, or_(~Letter.is_filed, ~_is_question))
_other_kinds = [kind for kind in FILED_AS if kind not in ("question", "spam")]
RULES = {
    "spam": Rule(
        "spam_days",
        Letter.state_at,
        and_(_is_readers, _is_spam),
        [*_unfiled_walks("reader", "held"), *_filed_walks("reader", "spam")],
    ),
    "idle": Rule(
        "idle_days",
        Letter.state_at,
        _led_to_nothing,
        [*_unfiled_walks("reader", "received", "ended"), *_filed_walks("reader", *_other_kinds)],
    ),
    "closed": Rule(
        "idle_days",
        _lead.state_at,
        and_(_is_question, _lead.state.in_(STATES.which("has_ended"))),
        _question_walks(Question.state_at, text(CLOSED)),
    ),
    "ran": Rule(
        "ran_days",
        _lead.published_at,
        and_(_is_question, _lead.state.in_(STATES.which("has_run"))),
        _question_walks(Question.published_at, Question.has_run),
    ),
    "expert": Rule(
        "expert_mail_days",
        Letter.state_at,
        Letter.author == "expert",
        [*_unfiled_walks("expert", "received", "held", "ended"), *_filed_walks("expert", *FILED_AS)],
    ),
}


@dataclass(frozen=True)
class DueLetter:
    """A letter that will be erased `on` a day by a rule, whose key in `RULES` is `rule`."""

    rule: str
    letter: Letter
    on: datetime


def _select_due_letters(newsletter: Newsletter, rule: Rule, as_of: datetime, limit: int) -> Any:
    """Return a subquery for the letters due by `as_of` by a rule, up to `limit` of each walk, oldest first.

    Its columns are `key`, and `since`, the time from which the retention period counts.
    """
    cutoff = as_of - get_retention_period(newsletter, rule)
    parts = []
    for walk in rule.walks:
        oldest = walk.select_due(newsletter, cutoff).order_by(walk.since, Letter.id).limit(limit).subquery()
        parts.append(select(oldest.c.key, oldest.c.since))
    return union_all(*parts).subquery()


def get_retention_period(newsletter: Newsletter, rule: Rule) -> timedelta:
    """Return a newsletter's retention period for a rule."""
    return timedelta(days=getattr(newsletter, rule.days))


def list_leaving(session: Session, newsletter: Newsletter, horizon: timedelta, limit: int) -> list[DueLetter]:
    """Return the letters of a newsletter to be erased within `horizon`, up to `limit` for each rule."""
    found = []
    for name, rule in RULES.items():
        due = _select_due_letters(newsletter, rule, now(session) + horizon, limit)
        query = select(Letter, due.c.since).join(due, due.c.key == Letter.id).order_by(due.c.since, Letter.id)
        for letter, since in session.execute(query.limit(limit)):
            found.append(DueLetter(name, letter, since + get_retention_period(newsletter, rule)))
    return found


def count_due_by_rule(session: Session, newsletter: Newsletter, horizon: timedelta) -> dict[str, int]:
    """Count the letters to be erased within `horizon` for each rule, up to 1,001."""
    counts = {}
    for name, rule in RULES.items():
        due = _select_due_letters(newsletter, rule, now(session) + horizon, COUNT_LIMIT + 1)
        keys = select(due.c.key).limit(COUNT_LIMIT + 1).subquery()
        counts[name] = session.scalar(select(func.count()).select_from(keys)) or 0
    return counts


@dataclass(frozen=True)
class Parcel:
    """The `keys` of a few due letters of a newsletter and a rule, to be erased in one transaction."""

    newsletter_id: int
    rule: str
    keys: Sequence[int]


def list_due_parcels(session: Session) -> list[Parcel]:
    """Return a batch of due letters of each newsletter and rule, oldest first, in parcels."""
    found = []
    for newsletter in all_newsletters(session):
        for name, rule in RULES.items():
            due = _select_due_letters(newsletter, rule, now(session), BATCH)
            keys = session.scalars(select(due.c.key).order_by(due.c.since, due.c.key).limit(BATCH)).all()
            for start in range(0, len(keys), PARCEL):
                found.append(Parcel(newsletter.id, name, keys[start : start + PARCEL]))
    return found


def list_still_due_letters(session: Session, parcel: Parcel) -> Sequence[Letter]:
    """Return those letters of a parcel that are still due: others may have been used again in the meantime."""
    newsletter, rule = session.get_one(Newsletter, parcel.newsletter_id), RULES[parcel.rule]
    cutoff = now(session) - get_retention_period(newsletter, rule)
    query = (
        select(Letter)
        .outerjoin(_own, _own.id == Letter.question_id)
        .outerjoin(_lead, _lead.id == func.coalesce(_own.merged_into_id, _own.id))
        .where(Letter.id.in_(parcel.keys), Letter.erased_at.is_(None), rule.condition, rule.since < cutoff)
        .order_by(rule.since, Letter.id)
    )
    return session.scalars(query).all()
