"""The calendar makes the editions: ahead of time, from the newsletter's rule, and again when the rule changes."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..actors import Actor
from ..answers.models import Assignment
from ..db import now
from ..letters.models import Letter
from ..newsletters.models import Newsletter
from ..newsletters.queries import all_newsletters
from ..questions.models import Question
from .calendar import EditionDate, Rhythm, cutoff, in_utc, occurrences, read_rhythm
from .lifecycle import EDITION
from .models import Edition

AHEAD = 180  # days


def rhythm_of(newsletter: Newsletter) -> Rhythm:
    return read_rhythm(
        newsletter.rule, newsletter.rule_start, newsletter.at, newsletter.zone, newsletter.skips, newsletter.extra
    )


def plan_all(session: Session, actor: Actor) -> int:
    """Make the editions of every newsletter. Returns how many were made."""
    return sum(plan_newsletter(session, actor, newsletter) for newsletter in all_newsletters(session))


def plan_newsletter(
    session: Session, actor: Actor, newsletter: Newsletter, ahead_days: int = AHEAD, since: datetime | None = None
) -> int:
    """Make the editions of the next `ahead_days` days that are not there yet, and set the planned ones right.

    Times in UTC are derived again from the local ones, since a zone's rules change. A planned edition that the rule no
    longer gives and that holds nothing is deleted; one that holds something stays for the editor to decide.
    Returns how many editions were made.
    """
    start = since or now(session)
    first = start.astimezone(ZoneInfo(newsletter.zone)).date()
    dates = {
        date.rule_date: date for date in occurrences(rhythm_of(newsletter), first, first + timedelta(days=ahead_days))
    }
    known = {
        edition.rule_date: edition
        for edition in session.scalars(
            select(Edition).where(Edition.newsletter_id == newsletter.id, Edition.rule_date >= first)
        )
    }
    for rule_date, edition in known.items():
        if edition.state != "planned" or edition.runs_at <= start:
            continue
        if rule_date in dates:
            _set_times(newsletter, edition, dates[rule_date])
        elif not session.scalar(select(Question.id).filter_by(edition_id=edition.id).limit(1)):
            _remove(session, edition)
    missing = [date for rule_date, date in dates.items() if rule_date not in known and date.runs_at > start]
    for date in missing:
        edition = Edition(newsletter_id=newsletter.id, rule_date=date.rule_date, slots=newsletter.slots)
        _set_times(newsletter, edition, date)
        EDITION.apply(session, actor, edition, "plan")
    session.flush()
    return len(missing)


def _set_times(newsletter: Newsletter, edition: Edition, date: EditionDate) -> None:
    edition.local_at = date.local_at.isoformat(timespec="minutes")
    edition.runs_at = in_utc(date.local_at, newsletter.zone)
    edition.cutoff_at = cutoff(date.local_at, newsletter.zone, newsletter.cutoff_minutes)


def _remove(session: Session, edition: Edition) -> None:
    """An edition that nothing refers to is a date of the calendar and nothing else."""
    uses = (
        select(Assignment.id).filter_by(for_edition_id=edition.id).limit(1),
        select(Letter.id).filter_by(about_edition_id=edition.id).limit(1),
    )
    if not any(session.scalar(use) for use in uses):
        session.delete(edition)
