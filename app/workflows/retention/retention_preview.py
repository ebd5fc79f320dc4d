"""Letters whose retention period has ended or is about to end, by the rules of the newsletter's settings.

Only letters of open questions have a day on which they are erased, since the desk is asked before (`open_letters`). For
all others no erasure is scheduled in advance, so a letter that is used again stays, and changed settings apply at once.
Due letters are found by indexes, oldest first, without reading those that stay.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, and_, func, or_, select, text, union_all
from sqlalchemy.orm import Session, aliased

from ...core.listing import COUNT_LIMIT
from ...db.session import now
from ...letters.models import FILED_AS, Letter
from ...newsletters.models import Newsletter
from ...newsletters.queries import all_newsletters
from ...questions.models import Question
from .limits import LIMITS_BY_KIND, LIMITS_BY_LETTER_STATE, LIMITS_BY_QUESTION_STATE, list_limited

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

    def select_due(self, newsletter: Newsletter, is_due: ColumnElement[bool]) -> Select[int, Any]:
        """Select the letters of a newsletter that meet the condition `is_due`."""
        return self.keys.where(self.newsletter_id == newsletter.id, is_due)


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


def _join_questions(query: Select[Any]) -> Select[Any]:
    """Join a query of letters to their own and leading questions, if they have any."""
    query = query.outerjoin(_own, _own.id == Letter.question_id)
    return query.outerjoin(_lead, _lead.id == func.coalesce(_own.merged_into_id, _own.id))


def _select_announced_letters(condition: Any) -> list[LetterQuery]:
    """Select the letters that have a day on which they are erased, and meet a condition."""
    columns: tuple[Any, ...] = (Letter.id.label("key"), Letter.erase_on.label("since"))
    keys = _join_questions(select(*columns).select_from(Letter))
    keys = keys.where(Letter.erased_at.is_(None), Letter.erase_on.is_not(None), condition)
    return [LetterQuery(keys, Letter.newsletter_id, Letter.erase_on)]


@dataclass(frozen=True)
class Rule:
    """A retention rule.

    - `days`: the setting with the number of days after which the rule's letters are erased;
    - `since`: the column with the time from which these days count, or if `is_announced`, with the day on which the
      letter is erased;
    - `condition`: true for the rule's letters; it may refer to a letter's own and leading question (`_own`, `_lead`);
    - `queries`: queries that together find all letters that meet the condition.
    """

    days: str
    since: SQLColumnExpression[Any]
    condition: ColumnElement[bool]
    queries: list[LetterQuery]
    is_announced: bool = False

    def get_due_condition(
        self, newsletter: Newsletter, as_of: datetime, column: SQLColumnExpression[Any] | None = None
    ) -> ColumnElement[bool]:
        """Return the condition that a letter is due by `as_of`. `column` replaces `since` in a query of the rule."""
        since = self.since if column is None else column
        if self.is_announced:
            return since <= as_of.date()
        return since < as_of - get_retention_period(newsletter, self)

    def get_erasure_time(self, newsletter: Newsletter, value: Any) -> date:
        """Return when a letter is erased, from its value in the column `since`."""
        erased_at: date = value if self.is_announced else value + get_retention_period(newsletter, self)
        return erased_at


def get_retention_period(newsletter: Newsletter, rule: Rule) -> timedelta:
    """Return a newsletter's retention period for a rule."""
    return timedelta(days=getattr(newsletter, rule.days))


is_from_reader = Letter.author == "reader"
is_question = and_(is_from_reader, Letter.is_filed, Letter.filed_as == "question")


def _has_limit(rule: str) -> ColumnElement[bool]:
    """Return the condition that a reader's letter has a rule by its own state or kind."""
    has_kind = and_(Letter.is_filed, Letter.filed_as.in_(list_limited(LIMITS_BY_KIND, rule)))
    return and_(is_from_reader, or_(Letter.state.in_(list_limited(LIMITS_BY_LETTER_STATE, rule)), has_kind))


def _has_question_limit(rule: str) -> ColumnElement[bool]:
    """Return the condition that a reader's letter has a rule by the state of its question."""
    return and_(is_question, _lead.state.in_(list_limited(LIMITS_BY_QUESTION_STATE, rule)))


def _select_limited(rule: str) -> list[LetterQuery]:
    """Select the letters of readers that have a rule by their own state or kind."""
    return [
        *_select_unfiled("reader", *list_limited(LIMITS_BY_LETTER_STATE, rule)),
        *_select_filed("reader", *list_limited(LIMITS_BY_KIND, rule)),
    ]


RULES = {
    "spam": Rule("spam_days", Letter.state_at, _has_limit("spam"), _select_limited("spam")),
    "idle": Rule("idle_days", Letter.state_at, _has_limit("idle"), _select_limited("idle")),
    "open": Rule(
        "open_days",
        Letter.erase_on,
        _has_question_limit("open"),
        _select_announced_letters(_has_question_limit("open")),
        is_announced=True,
    ),
    "closed": Rule(
        "idle_days",
        _lead.state_at,
        _has_question_limit("closed"),
        _select_letters_of_questions(Question.state_at, text(CLOSED)),
    ),
    "ran": Rule(
        "ran_days",
        _lead.published_at,
        _has_question_limit("ran"),
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
    erased_at: date  # or a datetime, unless the rule is announced


def _select_due_letters(newsletter: Newsletter, rule: Rule, as_of: datetime, limit: int) -> Any:
    """Return a subquery for the letters due by `as_of` by a rule, the `limit` oldest of each of its queries.

    Its columns are `key`, and `since`, from which the time of erasure follows.
    """
    oldest_of_each_query = []
    for query in rule.queries:
        is_due = rule.get_due_condition(newsletter, as_of, query.since)
        oldest = query.select_due(newsletter, is_due).order_by(query.since, Letter.id).limit(limit).subquery()
        oldest_of_each_query.append(select(oldest.c.key, oldest.c.since))
    return union_all(*oldest_of_each_query).subquery()


def list_leaving(session: Session, newsletter: Newsletter, horizon: timedelta, limit: int) -> list[DueLetter]:
    """Return the letters of a newsletter to be erased within `horizon`, up to `limit` for each rule."""
    due_letters = []
    for name, rule in RULES.items():
        due = _select_due_letters(newsletter, rule, now(session) + horizon, limit)
        query = select(Letter, due.c.since).join(due, due.c.key == Letter.id).order_by(due.c.since, Letter.id)
        for letter, since in session.execute(query.limit(limit)):
            due_letters.append(DueLetter(name, letter, rule.get_erasure_time(newsletter, since)))
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
    is_due = rule.get_due_condition(newsletter, now(session))
    query = _join_questions(select(Letter))
    query = query.where(Letter.id.in_(batch.keys), Letter.erased_at.is_(None), rule.condition, is_due)
    return session.scalars(query.order_by(rule.since, Letter.id)).all()
