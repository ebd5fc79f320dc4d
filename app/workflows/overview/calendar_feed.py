"""Entries of the desk's calendar: editions and their cut-offs, due texts, deadlines of questions, pauses."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from ...answers.models import Assignment
from ...editions.calendar import in_utc, read_skip
from ...editions.models import Edition
from ...newsletters.models import Newsletter
from ...questions.models import Question

MOST = 400  # entries of each kind: more than a desk of ten has in three months


@dataclass(frozen=True)
class Entry:
    """A calendar entry. `kind` is "pause", "edition", "cutoff", "due" or "by"; `at` is None for whole days."""

    day: date
    kind: str
    at: datetime | None = None
    edition: Edition | None = None
    assignment: Assignment | None = None
    question: Question | None = None


ORDER = ("pause", "edition", "cutoff", "due", "by")


def list_entries(session: Session, newsletter: Newsletter, first_day: date, last_day: date) -> list[Entry]:
    """Return the entries from `first_day` to `last_day`, sorted by day, and within a day in the order of `ORDER`."""
    zone = ZoneInfo(newsletter.zone)
    begin = in_utc(datetime.combine(first_day, time()), newsletter.zone)
    end = in_utc(datetime.combine(last_day + timedelta(days=1), time()), newsletter.zone)

    def of_day(moment: datetime) -> date:
        return moment.astimezone(zone).date()

    ours = Edition.newsletter_id == newsletter.id
    editions = session.scalars(select(Edition).where(ours, Edition.runs_at >= begin, Edition.runs_at < end).limit(MOST))
    found = [Entry(of_day(one.runs_at), "edition", one.runs_at, edition=one) for one in editions]
    cuts = select(Edition).where(ours, Edition.is_ahead, Edition.cutoff_at >= begin, Edition.cutoff_at < end)
    found += [
        Entry(of_day(one.cutoff_at), "cutoff", one.cutoff_at, edition=one) for one in session.scalars(cuts.limit(MOST))
    ]
    owed = select(Assignment).where(
        Assignment.newsletter_id == newsletter.id,
        Assignment.owes_text,
        Assignment.due_at >= begin,
        Assignment.due_at < end,
    )
    for one in session.scalars(owed.order_by(Assignment.due_at, Assignment.id).limit(MOST)):
        if one.due_at is not None:
            found.append(Entry(of_day(one.due_at), "due", one.due_at, assignment=one, question=one.question))
    dated = select(Question).where(
        Question.newsletter_id == newsletter.id, Question.is_going, Question.must_run_by.between(first_day, last_day)
    )
    for question in session.scalars(dated.order_by(Question.id).limit(MOST)):
        if question.must_run_by is not None:
            found.append(Entry(question.must_run_by, "by", question=question))
    for begins, ends in map(read_skip, newsletter.skips):
        span = range(max((begins - first_day).days, 0), min((ends - first_day).days, (last_day - first_day).days) + 1)
        found += [Entry(first_day + timedelta(days=number), "pause") for number in span]
    return sorted(found, key=lambda one: (one.day, ORDER.index(one.kind), one.at or datetime.max.replace(tzinfo=zone)))
