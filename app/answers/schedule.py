"""The schedule of an assignment: when it was asked, and when reply, text, quote check, cut-off and run follow.

Whatever names one of these dates takes it from here. A quote check ends in working hours of the newsletter's zone, so
that nobody's silence counts as consent in the night or at a weekend.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from ..core.domain_errors import InvalidField
from ..newsletters.models import Newsletter

EVENING = time(18)  # local time at which texts and replies are due
WORK_BEGINS, WORK_ENDS = time(9), time(17)  # local time, from Monday to Friday
FRIDAY = 4
DAYS_TO_EDIT = 3  # between an answer's deadline and the cut-off, for editing and the quote check
TIME_WITHOUT_EDITION = timedelta(days=14)  # until the assumed cut-off, for a text that isn't for an edition yet
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MIN_TIME_TO_WRITE = DAY  # by default; an editor may set an earlier deadline
MIN_TIME_TO_CHECK = DAY  # or the newsletter's `check_hours`, if they are fewer


class DueTooLate(InvalidField):
    """Raised if a text would come too late for its edition. It is in time until `latest_due_at`."""

    code = "invalid.due_at_after_edition"

    def __init__(self, latest_due_at: datetime) -> None:
        super().__init__("due_at_after_edition", "due_at")
        self.latest_due_at = latest_due_at


class EditionTimes(NamedTuple):
    """The times of an edition: its cut-off, and when it runs."""

    cutoff_at: datetime
    runs_at: datetime


@dataclass(frozen=True)
class Schedule:
    """The dates of one assignment, in UTC.

    They are in order if asked_at < reply_by <= due_at <= latest_due_at < check_until <= cutoff_at <= runs_at.
    `latest_due_at` leaves time for the quote check, which ends at `check_until`. The last four are None for an
    assignment without an edition.
    """

    asked_at: datetime
    reply_by: datetime
    due_at: datetime
    latest_due_at: datetime | None = None
    check_until: datetime | None = None
    cutoff_at: datetime | None = None
    runs_at: datetime | None = None

    @property
    def is_in_order(self) -> bool:
        try:
            self.require_order()
        except InvalidField:
            return False
        return True

    def require_order(self) -> None:
        """Raise `InvalidField`, for a text that is due too late `DueTooLate`, unless the dates are in order."""
        if self.due_at <= self.asked_at:
            raise InvalidField("due_at_not_in_future", "due_at")
        if self.latest_due_at and self.due_at > self.latest_due_at:
            raise DueTooLate(self.latest_due_at)
        if not self.asked_at < self.reply_by <= self.due_at:
            raise InvalidField("reply_by_after_due_at", "reply_by")


def plan_schedule(
    newsletter: Newsletter,
    edition: EditionTimes | None,
    asked_at: datetime,
    due_at: datetime,
    reply_by: datetime | None = None,
) -> Schedule:
    """Return the schedule of an assignment for an edition, or for none yet. `reply_by` defaults to an evening."""
    reply_by = reply_by or _default_reply_by(asked_at, due_at, newsletter.zone)
    if edition is None:
        return Schedule(asked_at, reply_by, due_at)
    latest_due_at = get_latest_due_at(newsletter, edition)
    return Schedule(asked_at, reply_by, due_at, latest_due_at, _last_check_time(newsletter, edition), *edition)


def get_latest_due_at(newsletter: Newsletter, edition: EditionTimes) -> datetime:
    """Return until when a text is in time for an edition, so that its quote check can end before the cut-off."""
    return _last_check_time(newsletter, edition) - get_time_to_check(newsletter)


def propose_due_at(newsletter: Newsletter, edition: EditionTimes | None, asked_at: datetime) -> datetime | None:
    """Return the evening DAYS_TO_EDIT days before the cut-off, or the next one that leaves MIN_TIME_TO_WRITE.

    Return None if no evening is in time for the edition.
    """
    cutoff_at = edition.cutoff_at if edition else asked_at + TIME_WITHOUT_EDITION
    latest_due_at = get_latest_due_at(newsletter, edition) if edition else cutoff_at
    last_day = cutoff_at.astimezone(ZoneInfo(newsletter.zone)).date()
    evenings = [
        _local_time(last_day - timedelta(days=days), EVENING, newsletter.zone) for days in range(DAYS_TO_EDIT, -1, -1)
    ]
    return next((evening for evening in evenings if asked_at + MIN_TIME_TO_WRITE <= evening <= latest_due_at), None)


def get_check_end(newsletter: Newsletter, edition: EditionTimes | None, asked_at: datetime) -> datetime:
    """Return when a quote check ends: after the newsletter's `check_hours`, at the next full hour in working hours.

    It ends earlier, at the last working time before the cut-off, if the edition requires that.
    """
    end = _next_working_time(asked_at + timedelta(hours=newsletter.check_hours), newsletter.zone)
    return min(end, _last_check_time(newsletter, edition)) if edition else end


def move_due_at(
    newsletter: Newsletter, edition: EditionTimes, due_at: datetime, shift: timedelta, current_time: datetime
) -> datetime | None:
    """Return the deadline of a text after its edition has moved by `shift`: it moves along, at the same local hour.

    If it would come so near that it leaves less than MIN_TIME_TO_WRITE, or be too late for the edition, return the
    default, or else the deadline as it was. Return None if that is too late too.
    """
    latest, moved = get_latest_due_at(newsletter, edition), _shift(due_at, shift, newsletter.zone)
    if moved <= latest and (not shift or current_time + MIN_TIME_TO_WRITE <= moved):
        return moved
    return propose_due_at(newsletter, edition, current_time) or (due_at if due_at <= latest else None)


def move_check_end(
    newsletter: Newsletter, edition: EditionTimes, due_at: datetime, shift: timedelta, current_time: datetime
) -> datetime | None:
    """Return the end of a quote check after its edition has moved by `shift`: it moves along, to working hours.

    If that leaves too little time, or is too late for the edition, it stays as it was. If that is too late too, the
    time to check begins anew. Return None if the edition leaves too little time for that.
    """
    latest = _last_check_time(newsletter, edition)
    moved = _next_working_time(_shift(due_at, shift, newsletter.zone), newsletter.zone)
    if shift and current_time + get_time_to_check(newsletter) <= moved <= latest:
        return moved
    if due_at <= latest:
        return due_at
    has_time = current_time <= get_latest_due_at(newsletter, edition)
    return get_check_end(newsletter, edition, current_time) if has_time else None


def _shift(start_time: datetime, shift: timedelta, zone: str) -> datetime:
    return (start_time.astimezone(ZoneInfo(zone)) + shift).astimezone(UTC)  # in local time


def _last_check_time(newsletter: Newsletter, edition: EditionTimes) -> datetime:
    # A newsletter may set its cut-off to the time at which it runs.
    return _last_working_time(min(edition.cutoff_at, edition.runs_at - HOUR), newsletter.zone)


def get_time_to_check(newsletter: Newsletter) -> timedelta:
    """Return the least time between an answer's deadline and the end of its quote check."""
    if newsletter.check_policy == "off":
        return HOUR
    return min(timedelta(hours=newsletter.check_hours), MIN_TIME_TO_CHECK)


def _default_reply_by(asked_at: datetime, due_at: datetime, zone: str) -> datetime:
    """Return by when an expert should accept or decline, early enough to ask another.

    That is the evening of the day half-way to `due_at`, or `due_at` if this evening isn't before it.
    """
    half_way = asked_at + (due_at - asked_at) / 2
    evening = _local_time(half_way.astimezone(ZoneInfo(zone)).date(), EVENING, zone)
    return evening if asked_at < evening < due_at else due_at


def _next_working_time(start_time: datetime, zone: str) -> datetime:
    """Return the first full hour from `start_time` on that lies in working hours."""
    local = start_time.astimezone(ZoneInfo(zone))
    hour = local.replace(minute=0, second=0, microsecond=0)
    local = hour if hour == local else hour + HOUR
    day = local.date()
    if local.time() > WORK_ENDS:
        day += DAY
    while day.weekday() > FRIDAY:
        day += DAY
    if day == local.date() and local.time() >= WORK_BEGINS:
        return local.astimezone(UTC)
    return _local_time(day, WORK_BEGINS, zone)


def _last_working_time(end_time: datetime, zone: str) -> datetime:
    """Return the last time until `end_time`, included, that lies in working hours."""
    local = end_time.astimezone(ZoneInfo(zone))
    day = local.date()
    if local.time() < WORK_BEGINS:
        day -= DAY
    while day.weekday() > FRIDAY:
        day -= DAY
    return min(end_time, _local_time(day, WORK_ENDS, zone))


def _local_time(day: date, time_of_day: time, zone: str) -> datetime:
    return datetime.combine(day, time_of_day, ZoneInfo(zone)).astimezone(UTC)
