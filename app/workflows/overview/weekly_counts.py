"""The worker's weekly counts for Insights.

A week is counted from the rows themselves, and recounted while it can still change, so that late imports, merges and
filings are included without further effort.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Row, Select, and_, case, func, or_, select
from sqlalchemy.orm import Session

from ...answers.lifecycle import ASSIGNMENT_STATES
from ...answers.models import Assignment
from ...db.engine import Database
from ...db.session import now
from ...letters.lifecycle import STATES as LETTERS
from ...letters.models import Letter
from ...newsletters.queries import all_newsletters
from ...questions.models import Question, QuestionTopic
from .insights import Figures
from .models import CountedWeek

WEEK = timedelta(days=7)
AT_ONCE = 30  # weeks of a newsletter counted in one run, so that the worker's mail doesn't wait long
# The age of a week, and how old its count may get: older weeks change rarely.
FRESH = (
    (timedelta(weeks=3), timedelta(minutes=10)),
    (timedelta(weeks=53), timedelta(days=1)),
    (timedelta.max, timedelta(days=30)),
)
BY_TOPIC = select(QuestionTopic.topic_id, func.count()).group_by(QuestionTopic.topic_id)


def count_due(database: Database, current_time: datetime | None = None, limit: int = AT_ONCE) -> int:
    """Count the due weeks of all newsletters, newest first, up to `limit` for each, and return their number."""
    with database.read(current_time) as session:
        counted = [
            (newsletter.id, begins, count(session, newsletter.id, begins))
            for newsletter in all_newsletters(session)
            for begins in list_due_weeks(session, newsletter.id)[:limit]
        ]
    if counted:
        database.write(lambda session: _save_counts(session, counted), current_time)
    return len(counted)


def _save_counts(session: Session, weekly_figures: Sequence[tuple[int, date, Figures]]) -> None:
    for newsletter_id, begins, figures in weekly_figures:
        week = session.scalar(select(CountedWeek).filter_by(newsletter_id=newsletter_id, begins=begins))
        week = week or CountedWeek(newsletter_id=newsletter_id, begins=begins)
        week.counted_at, week.figures = now(session), {name: dict(numbers) for name, numbers in figures.items()}
        session.add(week)


def get_monday(timestamp: datetime) -> date:
    """Return the Monday of a moment's week, in UTC like the days stored for letters without a time."""
    day = timestamp.astimezone(UTC).date()
    return day - timedelta(days=day.weekday())


def list_due_weeks(session: Session, newsletter_id: int) -> list[date]:
    """Return the weeks whose count is missing or too old, newest first."""
    begins, last = _find_first_week(session, newsletter_id), get_monday(now(session))
    query = select(CountedWeek.begins, CountedWeek.counted_at).where(CountedWeek.newsletter_id == newsletter_id)
    counted = {row.begins: row.counted_at for row in session.execute(query)}
    weeks = []
    while begins is not None and begins <= last:
        staleness = next(stale for age, stale in FRESH if last - begins < age)
        if begins not in counted or now(session) - counted[begins] >= staleness:
            weeks.append(begins)
        begins += WEEK
    return weeks[::-1]


def _find_first_week(session: Session, newsletter_id: int) -> date | None:
    """Return the first week with any data, from the first entries of three indexes, or None."""
    moments = (Letter.received_at, Question.published_at, Assignment.invited_at)
    found = []
    for moment in moments:
        first = select(moment).where(moment.class_.newsletter_id == newsletter_id, moment.is_not(None))
        found.append(session.scalar(first.order_by(moment).limit(1)))
    return min((get_monday(one) for one in found if one), default=None)


def count(session: Session, newsletter_id: int, begins: date) -> Figures:
    """Return the figures of the week that begins on a Monday, reading only that week's part of the indexes."""
    start = datetime.combine(begins, time(), UTC)
    span = (start, start + WEEK)
    return (
        _count_letters(session, newsletter_id, span)
        | _count_published(session, newsletter_id, span)
        | _count_experts(session, newsletter_id, span)
    )


def _in_span(column: Any, span: tuple[datetime, datetime]) -> Any:
    return and_(column >= span[0], column < span[1])


def _count_letters(session: Session, newsletter_id: int, span: tuple[datetime, datetime]) -> Figures:
    """Count readers' letters by channel, language, kind and topic. Spam is counted only among the kinds."""
    mine = (Letter.newsletter_id == newsletter_id, _in_span(Letter.received_at, span), Letter.author == "reader")
    columns = (Letter.channel, Letter.language, Letter.state, Letter.filed_as)
    figures = {name: Counter[str]() for name in ("channels", "languages", "kinds")}
    for channel, language, state, filed_as, number in session.execute(
        select(*columns, func.count()).where(*mine).group_by(*columns)
    ):
        kind = str(filed_as if state in LETTERS.which("is_filed") else state)
        kind = "waiting" if state in LETTERS.which("waits") else kind
        figures["kinds"][kind] += number
        if kind != "spam":
            figures["channels"][channel] += number
            figures["languages"][language] += number
    asked = BY_TOPIC.join(Letter, Letter.question_id == QuestionTopic.question_id).where(*mine)
    return figures | {"topics_in": _count_topics(session, asked)}


def _count_published(session: Session, newsletter_id: int, span: tuple[datetime, datetime]) -> Figures:
    """Count the published questions, their readers, the days from the first letter to print, and the topics."""
    query = select(Question.id, Question.opened_at, Question.published_at).where(
        Question.newsletter_id == newsletter_id, _in_span(Question.published_at, span)
    )
    ran = session.execute(query).all()
    keys = [row.id for row in ran]
    asked = {row.lead: row for row in _count_askers(session, keys)} if keys else {}
    days: Counter[str] = Counter()
    for row in ran:
        since = min(asked[row.id].since, row.opened_at) if row.id in asked else row.opened_at
        days[str(max(0, (row.published_at - since).days))] += 1
    out = Counter({"ran": len(ran), "readers": sum(row.readers for row in asked.values())})
    found = _count_topics(session, BY_TOPIC.where(QuestionTopic.question_id.in_(keys))) if keys else Counter[str]()
    return {"out": +out, "days": days, "topics_out": found}


def _count_topics(session: Session, query: Select[int, int]) -> Counter[str]:
    """Return the counts of a query like `BY_TOPIC`, by the topic's key."""
    return Counter({str(topic): number for topic, number in session.execute(query)})


def _count_askers(session: Session, leads: Sequence[int]) -> Iterator[Row[Any]]:
    """Return the first letter's time and the number of readers of each question, including merged questions."""
    lead = func.coalesce(Question.merged_into_id, Question.id)
    live = func.sum(case((Letter.is_filed, 1), else_=0))
    query = (
        select(lead.label("lead"), func.min(Letter.received_at).label("since"), live.label("readers"))
        .join(Question, Question.id == Letter.question_id)
        .where(or_(Question.id.in_(leads), Question.merged_into_id.in_(leads)))
    )
    return iter(session.execute(query.group_by(lead)))


def _count_experts(session: Session, newsletter_id: int, span: tuple[datetime, datetime]) -> Figures:
    """Count the experts invited that week and the outcomes: a text, a refusal, or silence until the deadline."""
    mine = (Assignment.newsletter_id == newsletter_id, _in_span(Assignment.invited_at, span))
    until_when = case((Assignment.is_invited, Assignment.reply_by), else_=Assignment.due_at)
    # A cancelled expert counts as silent if the deadline had passed by then.
    by = case((Assignment.is_cancelled, Assignment.state_at), else_=now(session))
    asked = select(
        Assignment.expert_id, Assignment.state, Assignment.invited_at, Assignment.received_at, until_when, by
    )
    figures = {name: Counter[str]() for name in ("asked", "answered", "declined", "silent", "reply_days")}
    waited_for = (*ASSIGNMENT_STATES.which("owes_text"), *ASSIGNMENT_STATES.which("is_cancelled"))
    for expert, state, invited_at, received_at, until, ended in session.execute(asked.where(*mine)):
        figures["asked"][str(expert)] += 1
        if received_at is not None:
            figures["answered"][str(expert)] += 1
            figures["reply_days"][f"{expert} {max(0, (received_at - invited_at).days)}"] += 1
        elif state in ASSIGNMENT_STATES.which("is_declined"):
            figures["declined"][str(expert)] += 1
        elif state in waited_for and until is not None and until < ended:
            figures["silent"][str(expert)] += 1
    return figures
