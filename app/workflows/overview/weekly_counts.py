"""The weekly counts for Insights, which the worker stores.

A week is counted from the rows themselves, and counted again as long as it can change, so that late imports, merges and
filings are included.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

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
WEEKS_PER_RUN = 30  # of each newsletter, so that the worker's mails don't wait long
# A week younger than the first value is counted again when its count is as old as the second: few old weeks change.
STALE_AFTER = (
    (timedelta(weeks=3), timedelta(minutes=10)),
    (timedelta(weeks=53), timedelta(days=1)),
    (timedelta.max, timedelta(days=30)),
)
BY_TOPIC = select(QuestionTopic.topic_id, func.count()).group_by(QuestionTopic.topic_id)


class Period(NamedTuple):
    """The time from `start` until before `end`."""

    start: datetime
    end: datetime


def count_due(database: Database, current_time: datetime | None = None, limit: int = WEEKS_PER_RUN) -> int:
    """Count the due weeks of all newsletters, newest first, up to `limit` for each, and return their number."""
    with database.read(current_time) as session:
        weekly_figures = [
            (newsletter.id, begins, count_week(session, newsletter.id, begins))
            for newsletter in all_newsletters(session)
            for begins in list_due_weeks(session, newsletter.id)[:limit]
        ]
    if weekly_figures:
        database.write(lambda session: _save_counts(session, weekly_figures), current_time)
    return len(weekly_figures)


def _save_counts(session: Session, weekly_figures: Sequence[tuple[int, date, Figures]]) -> None:
    """Store the figures of weeks, each given with the newsletter's key and the Monday."""
    for newsletter_id, begins, figures in weekly_figures:
        week = session.scalar(select(CountedWeek).filter_by(newsletter_id=newsletter_id, begins=begins))
        week = week or CountedWeek(newsletter_id=newsletter_id, begins=begins)
        week.counted_at = now(session)
        week.figures = {name: dict(counter) for name, counter in figures.items()}
        session.add(week)


def get_monday(timestamp: datetime) -> date:
    """Return the Monday of the week of a timestamp, in UTC like the days stored for letters without a time."""
    day = timestamp.astimezone(UTC).date()
    return day - timedelta(days=day.weekday())


def list_due_weeks(session: Session, newsletter_id: int) -> list[date]:
    """Return the weeks whose count is missing or too old, newest first."""
    week = _find_first_week(session, newsletter_id)
    last_week = get_monday(now(session))
    query = select(CountedWeek.begins, CountedWeek.counted_at).where(CountedWeek.newsletter_id == newsletter_id)
    counted_at = {row.begins: row.counted_at for row in session.execute(query)}
    due_weeks = []
    while week is not None and week <= last_week:
        if week not in counted_at or now(session) - counted_at[week] >= _get_max_count_age(last_week - week):
            due_weeks.append(week)
        week += WEEK
    return due_weeks[::-1]


def _get_max_count_age(week_age: timedelta) -> timedelta:
    """Return how old the count of a week of this age may get."""
    for age_limit, max_count_age in STALE_AFTER:
        if week_age < age_limit:
            return max_count_age
    return STALE_AFTER[-1][1]


def _find_first_week(session: Session, newsletter_id: int) -> date | None:
    """Return the first week with a letter, a published question or an invitation, or None.

    Only the first entries of three indexes are read.
    """
    first_times = []
    for column in (Letter.received_at, Question.published_at, Assignment.invited_at):
        times = select(column).where(column.class_.newsletter_id == newsletter_id, column.is_not(None))
        first_time = session.scalar(times.order_by(column).limit(1))
        if first_time is not None:
            first_times.append(first_time)
    return get_monday(min(first_times)) if first_times else None


def count_week(session: Session, newsletter_id: int, begins: date) -> Figures:
    """Return the figures of the week that begins on a Monday, reading only that week's part of the indexes."""
    start = datetime.combine(begins, time(), UTC)
    period = Period(start, start + WEEK)
    return (
        _count_letters(session, newsletter_id, period)
        | _count_published(session, newsletter_id, period)
        | _count_experts(session, newsletter_id, period)
    )


def _is_within(column: Any, period: Period) -> Any:
    return and_(column >= period.start, column < period.end)


def _count_letters(session: Session, newsletter_id: int, period: Period) -> Figures:
    """Count readers' letters by channel, language, kind and topic. Spam is counted only among the kinds."""
    conditions = (
        Letter.newsletter_id == newsletter_id,
        _is_within(Letter.received_at, period),
        Letter.author == "reader",
    )
    columns = (Letter.channel, Letter.language, Letter.state, Letter.filed_as)
    query = select(*columns, func.count()).where(*conditions).group_by(*columns)
    figures = {name: Counter[str]() for name in ("channels", "languages", "kinds")}
    for channel, language, state, filed_as, count in session.execute(query):
        if state in LETTERS.which("waits"):
            kind = "waiting"
        elif state in LETTERS.which("is_filed"):
            kind = str(filed_as)
        else:
            kind = str(state)
        figures["kinds"][kind] += count
        if kind != "spam":
            figures["channels"][channel] += count
            figures["languages"][language] += count
    topics = BY_TOPIC.join(Letter, Letter.question_id == QuestionTopic.question_id).where(*conditions)
    return figures | {"topics_in": _count_topics(session, topics)}


def _count_published(session: Session, newsletter_id: int, period: Period) -> Figures:
    """Count the published questions, their readers, the days from the first letter to print, and the topics."""
    query = select(Question.id, Question.opened_at, Question.published_at).where(
        Question.newsletter_id == newsletter_id, _is_within(Question.published_at, period)
    )
    questions = session.execute(query).all()
    if not questions:
        return {"out": Counter(), "days": Counter(), "topics_out": Counter()}
    question_ids = [question.id for question in questions]
    askers = {row.lead: row for row in _count_askers(session, question_ids)}
    days: Counter[str] = Counter()
    for question in questions:
        first_asked_at = question.opened_at
        if question.id in askers:
            first_asked_at = min(first_asked_at, askers[question.id].since)
        days_to_print = max(0, (question.published_at - first_asked_at).days)
        days[str(days_to_print)] += 1
    out = Counter({"ran": len(questions), "readers": sum(row.readers for row in askers.values())})
    topics = _count_topics(session, BY_TOPIC.where(QuestionTopic.question_id.in_(question_ids)))
    return {"out": +out, "days": days, "topics_out": topics}  # "+" drops zeros


def _count_topics(session: Session, query: Select[int, int]) -> Counter[str]:
    """Return the counts of a query like `BY_TOPIC`, by the topic's key."""
    return Counter({str(topic_id): number for topic_id, number in session.execute(query)})


def _count_askers(session: Session, question_ids: Sequence[int]) -> Iterator[Row[Any]]:
    """Return a row for each question with letters, including letters of the questions merged into it.

    The rows have the key of the question (`lead`), the time of the first letter (`since`), and the number of `readers`.
    """
    lead = func.coalesce(Question.merged_into_id, Question.id)
    filed_letters = func.sum(case((Letter.is_filed, 1), else_=0))
    query = (
        select(lead.label("lead"), func.min(Letter.received_at).label("since"), filed_letters.label("readers"))
        .join(Question, Question.id == Letter.question_id)
        .where(or_(Question.id.in_(question_ids), Question.merged_into_id.in_(question_ids)))
    )
    return iter(session.execute(query.group_by(lead)))


def _count_experts(session: Session, newsletter_id: int, period: Period) -> Figures:
    """Count the invitations of that week and their outcomes: a text, a refusal, or silence until the deadline."""
    deadline_column = case((Assignment.is_invited, Assignment.reply_by), else_=Assignment.due_at)
    # The expert of a cancelled assignment was silent if the deadline had passed before it was cancelled.
    end_column = case((Assignment.is_cancelled, Assignment.state_at), else_=now(session))
    query = select(
        Assignment.expert_id,
        Assignment.state,
        Assignment.invited_at,
        Assignment.received_at,
        deadline_column,
        end_column,
    ).where(Assignment.newsletter_id == newsletter_id, _is_within(Assignment.invited_at, period))
    figures = {name: Counter[str]() for name in ("asked", "answered", "declined", "silent", "reply_days")}
    silent_states = (*ASSIGNMENT_STATES.which("owes_text"), *ASSIGNMENT_STATES.which("is_cancelled"))
    for expert_id, state, invited_at, received_at, deadline, end in session.execute(query):
        key = str(expert_id)
        figures["asked"][key] += 1
        if received_at is not None:
            figures["answered"][key] += 1
            figures["reply_days"][f"{key} {max(0, (received_at - invited_at).days)}"] += 1
        elif state in ASSIGNMENT_STATES.which("is_declined"):
            figures["declined"][key] += 1
        elif state in silent_states and deadline is not None and deadline < end:
            figures["silent"][key] += 1
    return figures
