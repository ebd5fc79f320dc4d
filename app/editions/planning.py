"""Plan editions ahead from the newsletter's calendar, and reschedule them when it changes."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..answers.models import Assignment
from ..core.actors import Actor
from ..core.domain_errors import InvalidField
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

DAYS_AHEAD = 180  # for which editions are planned
MAX_CHECKED_DATES = 50  # searched for a future cut-off, which can be weeks before the run even if a newsletter is daily


def rhythm_of(newsletter: Newsletter) -> Rhythm:
    return read_rhythm(
        newsletter.rule, newsletter.rule_start, newsletter.at, newsletter.zone, newsletter.skips, newsletter.extra
    )


def plan_all(session: Session, actor: Actor) -> int:
    """Plan the editions of every newsletter. Return how many were created."""
    return sum(plan_newsletter(session, actor, newsletter) for newsletter in all_newsletters(session))


def plan_newsletter(
    session: Session,
    actor: Actor,
    newsletter: Newsletter,
    ahead_days: int = DAYS_AHEAD,
    start_time: datetime | None = None,
) -> int:
    """Create the missing editions of the next `ahead_days` days and update the planned ones. Return how many were new.

    Times in UTC are derived again from the local ones, as the rules of zones change. A planned edition that isn't in
    the calendar any more is deleted if nothing refers to it; otherwise it stays for the editor to decide.
    """
    start = start_time or now(session)
    first = start.astimezone(ZoneInfo(newsletter.zone)).date()
    dates = _list_dates(newsletter, first, first + timedelta(days=ahead_days))
    query = select(Edition).where(Edition.newsletter_id == newsletter.id, Edition.rule_date >= first)
    editions = {edition.rule_date: edition for edition in session.scalars(query)}
    for rule_date, edition in editions.items():
        if not edition.is_planned or edition.runs_at <= start:
            continue
        if rule_date in dates:
            _set_times(newsletter, edition, dates[rule_date])
        elif not _get_use(session, edition):
            session.delete(edition)
    missing_dates = [
        edition_date
        for rule_date, edition_date in dates.items()
        if rule_date not in editions and edition_date.runs_at > start
    ]
    for edition_date in missing_dates:
        edition = Edition(newsletter_id=newsletter.id, rule_date=edition_date.rule_date)
        share_out(edition, [section.slots for section in newsletter.sections])
        _set_times(newsletter, edition, edition_date)
        EDITION.apply(session, actor, edition, "plan")
    session.flush()
    return len(missing_dates)


def start_with_open_edition(session: Session, newsletter: Newsletter) -> None:
    """Set the start of a new newsletter's rule to the first date whose cut-off is in the future, if there is one."""
    rhythm = rhythm_of(newsletter)
    current_time = now(session)
    dates = next_dates(rhythm, current_time, MAX_CHECKED_DATES)
    for edition_date in dates:
        if cutoff(edition_date.local_at, rhythm.zone, newsletter.cutoff_minutes) > current_time:
            newsletter.rule_start = edition_date.rule_date
            return


def reschedule_edition(session: Session, newsletter: Newsletter, edition: Edition, local_at: datetime) -> None:
    """Move an edition to another local time and store the change in the newsletter's calendar.

    The old day becomes a pause if the rule has it, and the new day an extra date unless the rule has it at this time.
    Raises `InvalidField` if the time isn't in the future or is more than DAYS_AHEAD days away, or if another edition
    has that date.
    """
    old_day, new_day = edition.rule_date, local_at.date()
    runs_at = in_utc(local_at, newsletter.zone)
    if runs_at <= now(session):
        raise InvalidField("date_not_in_future", "local_at")
    if runs_at > now(session) + timedelta(days=DAYS_AHEAD):
        raise InvalidField("date_too_far_ahead", "local_at")
    others = select(Edition.id).where(Edition.newsletter_id == newsletter.id, Edition.id != edition.id)
    if session.scalar(others.where(Edition.rule_date == new_day).limit(1)) is not None:
        raise InvalidField("date_taken", "local_at")
    skips = [skip for skip in newsletter.skips if read_skip(skip) != (new_day, new_day)]
    rhythm = replace(rhythm_of(newsletter), skips=tuple(map(read_skip, skips)), extra=())
    if old_day != new_day and occurrences(rhythm, old_day, old_day):
        skips.append(old_day.isoformat())
    extra = [text for text in newsletter.extra if read_extra(text, rhythm.at).date() not in (old_day, new_day)]
    if [edition_date.local_at for edition_date in occurrences(rhythm, new_day, new_day)] != [local_at]:
        extra.append(local_at.isoformat(timespec="minutes"))
    newsletter.skips = skips
    newsletter.extra = sorted(extra)
    set_time(newsletter, edition, local_at)
    session.flush()


def set_time(newsletter: Newsletter, edition: Edition, local_at: datetime) -> None:
    """Set the local time of an edition, and the date and the UTC times that are derived from it."""
    edition.rule_date = local_at.date()
    _set_times(newsletter, edition, EditionDate(local_at.date(), local_at, in_utc(local_at, newsletter.zone)))


def list_editions_off_calendar(session: Session, newsletter: Newsletter) -> list[tuple[Edition, str]]:
    """Return the coming editions that don't match the calendar, each with the reason why it isn't deleted.

    The reason is "locked"; "picked", "asked" or "letters" for a question, an assignment or a letter that refers to the
    edition; or "" if nothing keeps it.
    """
    coming = session.scalars(select_editions_to_run(now(session), newsletter.id, Edition)).all()
    if not coming:
        return []
    dates = _list_dates(newsletter, coming[0].rule_date, max(edition.rule_date for edition in coming))
    mismatches = []
    for edition in coming:
        edition_date = dates.get(edition.rule_date)
        if edition_date is None or _format_local_at(edition_date) != edition.local_at:
            reason = "locked" if edition.is_locked else _get_use(session, edition)
            mismatches.append((edition, reason))
    return mismatches


def _list_dates(newsletter: Newsletter, start_date: date, end_date: date) -> dict[date, EditionDate]:
    """Return the calendar's dates, keyed by date; for a paused newsletter, only those from the end of the pause."""
    if not newsletter.is_running:
        if newsletter.paused_until is None:
            return {}
        start_date = max(start_date, newsletter.paused_until)
    dates = occurrences(rhythm_of(newsletter), start_date, end_date)
    return {edition_date.rule_date: edition_date for edition_date in dates}


def _format_local_at(edition_date: EditionDate) -> str:
    return edition_date.local_at.isoformat(timespec="minutes")


def _set_times(newsletter: Newsletter, edition: Edition, edition_date: EditionDate) -> None:
    edition.local_at = _format_local_at(edition_date)
    edition.runs_at = in_utc(edition_date.local_at, newsletter.zone)
    edition.cutoff_at = cutoff(edition_date.local_at, newsletter.zone, newsletter.cutoff_minutes)


def _get_use(session: Session, edition: Edition) -> str:
    """Return what refers to an edition, as `list_editions_off_calendar` names it, or "" if nothing does."""
    queries = {
        "picked": select(Question.id).filter_by(edition_id=edition.id),
        "asked": select(Assignment.id).filter_by(for_edition_id=edition.id),
        "letters": select(Letter.id).filter_by(about_edition_id=edition.id),
    }
    for use, query in queries.items():
        if session.scalar(query.limit(1)) is not None:
            return use
    return ""
