"""The entries of the desk's calendar: editions and their cut-offs, due texts, deadlines of questions, and pauses."""

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

MAX_ENTRIES = 400  # of each kind: more than a desk of ten has in three months
KINDS = ("pause", "edition", "cutoff", "due", "by")  # in their order within a day; "by" is a question's deadline


@dataclass(frozen=True)
class CalendarEntry:
    """A calendar entry. `kind` is one of `KINDS`, and `at` is None for whole days."""

    day: date
    kind: str
    at: datetime | None = None
    edition: Edition | None = None
    assignment: Assignment | None = None
    question: Question | None = None


def list_entries(session: Session, newsletter: Newsletter, first_day: date, last_day: date) -> list[CalendarEntry]:
    """Return the entries from `first_day` to `last_day`, sorted by day, kind and time."""
    zone = ZoneInfo(newsletter.zone)
    begin = in_utc(datetime.combine(first_day, time()), newsletter.zone)
    end = in_utc(datetime.combine(last_day + timedelta(days=1), time()), newsletter.zone)

    def local_day(timestamp: datetime) -> date:
        return timestamp.astimezone(zone).date()

    entries = []
    editions = select(Edition).where(Edition.newsletter_id == newsletter.id)
    running = editions.where(Edition.runs_at >= begin, Edition.runs_at < end)
    for edition in session.scalars(running.limit(MAX_ENTRIES)):
        entries.append(CalendarEntry(local_day(edition.runs_at), "edition", edition.runs_at, edition=edition))
    closing = editions.where(Edition.is_ahead, Edition.cutoff_at >= begin, Edition.cutoff_at < end)
    for edition in session.scalars(closing.limit(MAX_ENTRIES)):
        entries.append(CalendarEntry(local_day(edition.cutoff_at), "cutoff", edition.cutoff_at, edition=edition))
    owed = select(Assignment).where(
        Assignment.newsletter_id == newsletter.id,
        Assignment.owes_text,
        Assignment.due_at >= begin,
        Assignment.due_at < end,
    )
    for assignment in session.scalars(owed.order_by(Assignment.due_at, Assignment.id).limit(MAX_ENTRIES)):
        due_at = assignment.due_at
        if due_at is not None:
            entries.append(
                CalendarEntry(local_day(due_at), "due", due_at, assignment=assignment, question=assignment.question)
            )
    dated = select(Question).where(
        Question.newsletter_id == newsletter.id, Question.is_going, Question.must_run_by.between(first_day, last_day)
    )
    for question in session.scalars(dated.order_by(Question.id).limit(MAX_ENTRIES)):
        if question.must_run_by is not None:
            entries.append(CalendarEntry(question.must_run_by, "by", question=question))
    for pause_start, pause_end in map(read_skip, newsletter.skips):
        day = max(pause_start, first_day)
        while day <= min(pause_end, last_day):
            entries.append(CalendarEntry(day, "pause"))
            day += timedelta(days=1)
    end_of_day = datetime.max.replace(tzinfo=zone)
    return sorted(entries, key=lambda entry: (entry.day, KINDS.index(entry.kind), entry.at or end_of_day))
