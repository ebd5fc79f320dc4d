"""The calendar makes the editions: ahead of time, from the newsletter's rule, and again when the rule changes."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..answers.models import Assignment
from ..core.actors import Actor
from ..core.domain_errors import MissingPrecondition
from ..db.session import now
from ..letters.models import Letter
from ..newsletters.models import Newsletter
from ..newsletters.queries import all_newsletters
from ..questions.models import Question
from .calendar import EditionDate, Rhythm, cutoff, in_utc, next_dates, occurrences, read_extra, read_rhythm, read_skip
from .lifecycle import EDITION
from .models import Edition
from .queries import select_editions_to_run
from .slots import share_out

AHEAD = 180  # days
LOOKED_THROUGH = 50  # dates, for the first whose cut-off is ahead: a daily one may have its cut-off weeks before


def rhythm_of(newsletter: Newsletter) -> Rhythm:
    return read_rhythm(
        newsletter.rule, newsletter.rule_start, newsletter.at, newsletter.zone, newsletter.skips, newsletter.extra
    )


def plan_all(session: Session, actor: Actor) -> int:
    """Make the editions of every newsletter. Returns how many were made."""
    return sum(plan_newsletter(session, actor, newsletter) for newsletter in all_newsletters(session))


def plan_newsletter(
    session: Session, actor: Actor, newsletter: Newsletter, ahead_days: int = AHEAD, start_time: datetime | None = None
) -> int:
    """Make the editions of the next `ahead_days` days that are not there yet, and set the planned ones right.

    Times in UTC are derived again from the local ones, since a zone's rules change. A planned edition that the rule no
    longer gives and that holds nothing is deleted; one that holds something stays for the editor to decide.
    Returns how many editions were made.
    """
    start = start_time or now(session)
    first = start.astimezone(ZoneInfo(newsletter.zone)).date()
    dates = _dates(newsletter, first, first + timedelta(days=ahead_days))
    known = {
        edition.rule_date: edition
        for edition in session.scalars(
            select(Edition).where(Edition.newsletter_id == newsletter.id, Edition.rule_date >= first)
        )
    }
    for rule_date, edition in known.items():
        if not edition.is_planned or edition.runs_at <= start:
            continue
        if rule_date in dates:
            _set_times(newsletter, edition, dates[rule_date])
        elif not _held_by(session, edition):
            session.delete(edition)
    missing = [one for rule_date, one in dates.items() if rule_date not in known and one.runs_at > start]
    for one in missing:
        edition = Edition(newsletter_id=newsletter.id, rule_date=one.rule_date)
        share_out(edition, [section.slots for section in newsletter.sections])
        _set_times(newsletter, edition, one)
        EDITION.apply(session, actor, edition, "plan")
    session.flush()
    return len(missing)


def start_with_open_edition(session: Session, newsletter: Newsletter) -> None:
    """Let the rule of a new newsletter start with its first date whose cut-off is ahead, if it gives one."""
    rhythm, at = rhythm_of(newsletter), now(session)
    dates = next_dates(rhythm, at, LOOKED_THROUGH)
    open_dates = (one for one in dates if cutoff(one.local_at, rhythm.zone, newsletter.cutoff_minutes) > at)
    if first := next(open_dates, None):
        newsletter.rule_start = first.rule_date


def reschedule_edition(session: Session, newsletter: Newsletter, edition: Edition, local_at: datetime) -> None:
    """Let an edition run at another local time. The newsletter's calendar keeps it: the old day as a pause, the new one
    as an extra date, and neither where the rule says the same.

    Raises `MissingPrecondition`: "date to come", "near date" beyond what is planned ahead, "free date" where another
    one stands.
    """
    day, old, at = local_at.date(), edition.rule_date, in_utc(local_at, newsletter.zone)
    if at <= now(session):
        raise MissingPrecondition("date to come")
    if at > now(session) + timedelta(days=AHEAD):
        raise MissingPrecondition("near date")
    others = select(Edition.id).where(Edition.newsletter_id == newsletter.id, Edition.id != edition.id)
    if session.scalar(others.where(Edition.rule_date == day).limit(1)) is not None:
        raise MissingPrecondition("free date")
    rhythm = replace(rhythm_of(newsletter), extra=())
    skips = [one for one in newsletter.skips if read_skip(one) != (day, day)]
    rhythm = replace(rhythm, skips=tuple(map(read_skip, skips)))
    if old != day and occurrences(rhythm, old, old):
        skips.append(old.isoformat())
    extra = [one for one in newsletter.extra if read_extra(one, rhythm.at).date() not in (old, day)]
    if [one.local_at for one in occurrences(rhythm, day, day)] != [local_at]:
        extra.append(local_at.isoformat(timespec="minutes"))
    newsletter.skips, newsletter.extra = skips, sorted(extra)
    set_time(newsletter, edition, local_at)
    session.flush()


def set_time(newsletter: Newsletter, edition: Edition, local_at: datetime) -> None:
    """Give an edition a local time, with what is derived from it."""
    edition.rule_date = local_at.date()
    _set_times(newsletter, edition, EditionDate(local_at.date(), local_at, in_utc(local_at, newsletter.zone)))


def off_the_rhythm(session: Session, newsletter: Newsletter) -> list[tuple[Edition, str]]:
    """The coming editions that the rhythm does not give, or not at this hour, and that stay all the same, with why:
    they are "locked", or something is "picked" or "asked" for them, or "letters" are about them.
    """
    coming = session.scalars(select_editions_to_run(now(session), newsletter.id, Edition)).all()
    if not coming:
        return []
    dates = _dates(newsletter, coming[0].rule_date, max(edition.rule_date for edition in coming))
    found = []
    for edition in coming:
        one = dates.get(edition.rule_date)
        if one is None or _format_local_at(one) != edition.local_at:
            found.append((edition, "locked" if edition.is_locked else _held_by(session, edition)))
    return found


def _dates(newsletter: Newsletter, start_date: date, end_date: date) -> dict[date, EditionDate]:
    """The dates of the rhythm; while a newsletter pauses only those from the day on which it goes on."""
    if not newsletter.is_running:
        if newsletter.paused_until is None:
            return {}
        start_date = max(start_date, newsletter.paused_until)
    return {one.rule_date: one for one in occurrences(rhythm_of(newsletter), start_date, end_date)}


def _format_local_at(edition_date: EditionDate) -> str:
    return edition_date.local_at.isoformat(timespec="minutes")


def _set_times(newsletter: Newsletter, edition: Edition, edition_date: EditionDate) -> None:
    edition.local_at = _format_local_at(edition_date)
    edition.runs_at = in_utc(edition_date.local_at, newsletter.zone)
    edition.cutoff_at = cutoff(edition_date.local_at, newsletter.zone, newsletter.cutoff_minutes)


def _held_by(session: Session, edition: Edition) -> str:
    """Return what refers to an edition; one that nothing does is a date of the calendar and nothing else."""
    uses = {
        "picked": select(Question.id).filter_by(edition_id=edition.id),
        "asked": select(Assignment.id).filter_by(for_edition_id=edition.id),
        "letters": select(Letter.id).filter_by(about_edition_id=edition.id),
    }
    return next((why for why, use in uses.items() if session.scalar(use.limit(1))), "")
