"""Letters whose retention period has ended or is about to end, by the rules of the newsletter's settings.

No erasure is scheduled in advance, so a letter that is used again stays, and changed settings apply at once. Due
letters are found by indexes, oldest first, without reading those that stay.
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

LETTERS_PER_RULE = 100  # letters that one search finds
LETTERS_PER_TRANSACTION = 20  # only a few, because other writers wait for the transaction

# Conditions of partial indexes, word for word: SQLite uses such an index only if the query has the same condition.
UNFILED = "letters.state <> 'filed'"
FILED = "letters.state = 'filed'"
CLOSED = "questions.state = 'closed'"

_own = aliased(Question)  # the question that a letter asks
_lead = aliased(Question)  # the question that `_own` was merged into, or else `_own`


@dataclass(frozen=True)
class LetterQuery:
    """A query for the keys of letters with text that can use an index.

    - `keys`: the query, for all newsletters and letters of any age;
    - `newsletter_id`: the column with the newsletter's key;
    - `since`: the column with the time from which the retention period counts.
    """

    keys: Select[int, Any]
    newsletter_id: SQLColumnExpression[int]
    since: SQLColumnExpression[Any]

    def select_due(self, newsletter: Newsletter, cutoff: datetime) -> Select[int, datetime]:
        """Select the letters of a newsletter whose retention period counts from before `cutoff`."""
        return self.keys.where(self.newsletter_id == newsletter.id, self.since < cutoff)


def _select_letters(author: str, *conditions: Any) -> LetterQuery:
    keys = select(Letter.id.label("key"), Letter.state_at.label("since"))
    keys = keys.where(Letter.author == author, Letter.erased_at.is_(None), *conditions)
    return LetterQuery(keys, Letter.newsletter_id, Letter.state_at)


def _select_unfiled(author: str, *states: str) -> list[LetterQuery]:
    return [_select_letters(author, text(UNFILED), Letter.state == state) for state in states]


def _select_filed(author: str, *kinds: str) -> list[LetterQuery]:
    return [_select_letters(author, text(FILED), Letter.filed_as == kind) for kind in kinds]


def _select_letters_of_questions(since: SQLColumnExpression[Any], condition: Any) -> list[LetterQuery]:
    """Select readers' letters of the questions that meet a condition, and of the questions merged into these (family).

    An outer join makes the database start from the questions, which have the index, and not from the letters.
    """
    is_lead = and_(_own.id == Question.id, _own.merged_into_id.is_(None))
    family = select(_own.id).where(or_(is_lead, _own.merged_into_id == Question.id)).correlate(Question)
    asking_conditions = (
        Letter.author == "reader",
        Letter.is_filed,
        Letter.filed_as == "question",
        Letter.erased_at.is_(None),
    )
    keys: Select[int, Any] = select(Letter.id.label("key"), since.label("since")).select_from(Question)
    keys = keys.outerjoin(Letter, and_(Letter.question_id.in_(family), *asking_conditions))
    keys = keys.where(func.coalesce(Letter.id, 0) != 0)  # not "IS NOT NULL", which would make it an inner join
    return [LetterQuery(keys.where(condition), Question.newsletter_id, since)]


@dataclass(frozen=True)
class Rule:
    """A retention rule.

    - `days`: the setting with the number of days after which the rule's letters are erased;
    - `since`: the column with the time from which these days count;
    - `condition`: true for the rule's letters; it may refer to a letter's own and leading question (`_own`, `_lead`);
    - `queries`: queries that together find all letters that meet the condition.
    """

    days: str
    since: SQLColumnExpression[Any]
    condition: ColumnElement[bool]
    queries: list[LetterQuery]


_is_from_reader = Letter.author == "reader"
_is_question = and_(_is_from_reader, Letter.is_filed, Letter.filed_as == "question")
_is_spam = or_(Letter.is_held, and_(Letter.is_filed, Letter.filed_as == "spam"))
_led_to_nothing = and_(_is_from_reader, ~_is_spam, or_(~Letter.is_filed, ~_is_question))
_other_kinds = [kind for kind in FILED_AS if kind not in ("question", "spam")]
RULES = {
    "spam": Rule(
        "spam_days",
        Letter.state_at,
        and_(_is_from_reader, _is_spam),
        [*_select_unfiled("reader", "held"), *_select_filed("reader", "spam")],
    ),
    "idle": Rule(
        "idle_days",
        Letter.state_at,
        _led_to_nothing,
        [*_select_unfiled("reader", "received", "ended"), *_select_filed("reader", *_other_kinds)],
    ),
    "closed": Rule(
        "idle_days",
        _lead.state_at,
        and_(_is_question, _lead.state.in_(STATES.which("has_ended"))),
        _select_letters_of_questions(Question.state_at, text(CLOSED)),
    ),
    "ran": Rule(
        "ran_days",
        _lead.published_at,
        and_(_is_question, _lead.state.in_(STATES.which("has_run"))),
        _select_letters_of_questions(Question.published_at, Question.has_run),
    ),
    "expert": Rule(
        "expert_mail_days",
        Letter.state_at,
        Letter.author == "expert",
        [*_select_unfiled("expert", "received", "held", "ended"), *_select_filed("expert", *FILED_AS)],
    ),
}


@dataclass(frozen=True)
class DueLetter:
    """A letter that will be erased at `erased_at` by a rule, whose key in `RULES` is `rule`."""

    rule: str
    letter: Letter
    erased_at: datetime


def get_retention_period(newsletter: Newsletter, rule: Rule) -> timedelta:
    """Return a newsletter's retention period for a rule."""
    return timedelta(days=getattr(newsletter, rule.days))


def _select_due_letters(newsletter: Newsletter, rule: Rule, as_of: datetime, limit: int) -> Any:
    """Return a subquery for the letters due by `as_of` by a rule, the `limit` oldest of each of its queries.

    Its columns are `key`, and `since`, the time from which the retention period counts.
    """
    cutoff = as_of - get_retention_period(newsletter, rule)
    oldest_of_each_query = []
    for query in rule.queries:
        oldest = query.select_due(newsletter, cutoff).order_by(query.since, Letter.id).limit(limit).subquery()
        oldest_of_each_query.append(select(oldest.c.key, oldest.c.since))
    return union_all(*oldest_of_each_query).subquery()


def list_leaving(session: Session, newsletter: Newsletter, horizon: timedelta, limit: int) -> list[DueLetter]:
    """Return the letters of a newsletter to be erased within `horizon`, up to `limit` for each rule."""
    due_letters = []
    for name, rule in RULES.items():
        due = _select_due_letters(newsletter, rule, now(session) + horizon, limit)
        query = select(Letter, due.c.since).join(due, due.c.key == Letter.id).order_by(due.c.since, Letter.id)
        for letter, since in session.execute(query.limit(limit)):
            due_letters.append(DueLetter(name, letter, since + get_retention_period(newsletter, rule)))
    return due_letters


def count_due_by_rule(session: Session, newsletter: Newsletter, horizon: timedelta) -> dict[str, int]:
    """Count the letters to be erased within `horizon` for each rule, up to 1,001."""
    counts = {}
    for name, rule in RULES.items():
        due = _select_due_letters(newsletter, rule, now(session) + horizon, COUNT_LIMIT + 1)
        keys = select(due.c.key).limit(COUNT_LIMIT + 1).subquery()
        counts[name] = session.scalar(select(func.count()).select_from(keys)) or 0
    return counts


@dataclass(frozen=True)
class DueBatch:
    """The `keys` of a few letters of a newsletter that are due by a rule, to be erased in one transaction."""

    newsletter_id: int
    rule: str
    keys: Sequence[int]


def list_due_batches(session: Session) -> list[DueBatch]:
    """Return the oldest due letters of each newsletter and rule, in batches."""
    batches = []
    for newsletter in all_newsletters(session):
        for name, rule in RULES.items():
            due = _select_due_letters(newsletter, rule, now(session), LETTERS_PER_RULE)
            oldest_first = select(due.c.key).order_by(due.c.since, due.c.key)
            keys = session.scalars(oldest_first.limit(LETTERS_PER_RULE)).all()
            for start in range(0, len(keys), LETTERS_PER_TRANSACTION):
                batches.append(DueBatch(newsletter.id, name, keys[start : start + LETTERS_PER_TRANSACTION]))
    return batches


def list_still_due_letters(session: Session, batch: DueBatch) -> Sequence[Letter]:
    """Return the letters of a batch without those that have been used again in the meantime."""
    newsletter = session.get_one(Newsletter, batch.newsletter_id)
    rule = RULES[batch.rule]
    cutoff = now(session) - get_retention_period(newsletter, rule)
    query = (
        select(Letter)
        .outerjoin(_own, _own.id == Letter.question_id)
        .outerjoin(_lead, _lead.id == func.coalesce(_own.merged_into_id, _own.id))
        .where(Letter.id.in_(batch.keys), Letter.erased_at.is_(None), rule.condition, rule.since < cutoff)
        .order_by(rule.since, Letter.id)
    )
    return session.scalars(query).all()
