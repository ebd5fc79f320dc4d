"""The schedule of an assignment: the dates in order, checks in working hours, across changes of clocks and in any zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.answers.schedule import (
    EditionTimes,
    get_check_end,
    get_latest_due_at,
    move_check_end,
    move_due_at,
    plan_schedule,
    propose_due_at,
)
from app.core.domain_errors import InvalidField
from app.newsletters.models import Newsletter

PRAGUE, TASHKENT, NEW_YORK = "Europe/Prague", "Asia/Tashkent", "America/New_York"
DAYS = timedelta(days=1)


def newsletter(zone: str = PRAGUE, check_hours: int = 48, check_policy: str = "facts") -> Newsletter:
    return Newsletter(zone=zone, check_hours=check_hours, check_policy=check_policy)


def local(text: str, zone: str = PRAGUE) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def format_local(time: datetime | None, zone: str = PRAGUE) -> str | None:
    return f"{time.astimezone(ZoneInfo(zone)):%a %Y-%m-%d %H:%M}" if time else None


DEC_2 = EditionTimes(local("2026-11-30T09:00"), local("2026-12-02T09:00"))  # a Monday, and the Wednesday after it


@pytest.mark.parametrize(
    ("asked_at", "due_at"),
    [
        ("2026-11-18T09:00", "Fri 2026-11-27 18:00"),
        ("2026-11-26T18:00", "Fri 2026-11-27 18:00"),
        ("2026-11-26T18:01", "Sat 2026-11-28 18:00"),
        ("2026-11-27T18:01", None),  # on Sunday evening, no day would be left for the check
        ("2026-11-30T08:00", None),
        ("2026-12-01T10:00", None),
    ],
)
def test_a_text_is_due_on_an_evening_that_leaves_a_day_to_write_and_a_day_to_check(
    asked_at: str, due_at: str | None
) -> None:
    assert format_local(propose_due_at(newsletter(), DEC_2, local(asked_at))) == due_at


def test_without_a_quote_check_a_text_may_come_later() -> None:
    assert format_local(get_latest_due_at(newsletter(check_policy="off"), DEC_2)) == "Mon 2026-11-30 08:00"
    assert format_local(get_latest_due_at(newsletter(check_hours=6), DEC_2)) == "Mon 2026-11-30 03:00"
    assert format_local(get_latest_due_at(newsletter(check_hours=96), DEC_2)) == "Sun 2026-11-29 09:00"


def test_a_text_for_no_edition_yet_is_due_in_eleven_days() -> None:
    assert format_local(propose_due_at(newsletter(), None, local("2026-12-01T10:00"))) == "Sat 2026-12-12 18:00"


@pytest.mark.parametrize(
    ("asked_at", "ends"),
    [
        ("2026-12-01T10:00", "Thu 2026-12-03 10:00"),
        ("2026-12-01T10:24", "Thu 2026-12-03 11:00"),
        ("2026-12-01T04:24", "Thu 2026-12-03 09:00"),
        ("2026-12-01T17:00", "Thu 2026-12-03 17:00"),
        ("2026-12-01T17:01", "Fri 2026-12-04 09:00"),
        ("2026-12-02T18:00", "Mon 2026-12-07 09:00"),
        ("2026-12-03T12:00", "Mon 2026-12-07 09:00"),  # a Saturday
        ("2026-12-04T12:00", "Mon 2026-12-07 09:00"),  # a Sunday
    ],
)
def test_a_check_ends_in_working_hours_and_never_early(asked_at: str, ends: str) -> None:
    assert format_local(get_check_end(newsletter(), None, local(asked_at))) == ends


@pytest.mark.parametrize(
    ("cutoff", "ends"),
    [
        ("2026-11-30T09:00", "Mon 2026-11-30 09:00"),
        ("2026-11-30T08:59", "Fri 2026-11-27 17:00"),
        ("2026-11-29T09:00", "Fri 2026-11-27 17:00"),
        ("2026-11-27T21:00", "Fri 2026-11-27 17:00"),
        ("2026-11-27T16:30", "Fri 2026-11-27 16:30"),
    ],
)
def test_a_check_ends_in_the_last_working_hours_before_the_cut_off(cutoff: str, ends: str) -> None:
    edition = EditionTimes(local(cutoff), local("2026-12-02T09:00"))
    assert format_local(get_check_end(newsletter(check_hours=300), edition, local("2026-11-25T10:00"))) == ends


def test_with_its_cut_off_at_its_run_a_check_ends_before_it() -> None:
    edition = EditionTimes(local("2026-12-02T12:00"), local("2026-12-02T12:00"))
    assert (
        format_local(get_check_end(newsletter(check_hours=300), edition, local("2026-11-25T10:00")))
        == "Wed 2026-12-02 11:00"
    )


@pytest.mark.parametrize(
    ("zone", "asked", "due", "check_until"),
    [
        (PRAGUE, "2026-03-20T09:00", "Sat 2026-03-28 18:00", "Tue 2026-03-31 09:00"),
        (PRAGUE, "2026-10-16T09:00", "Sat 2026-10-24 18:00", "Tue 2026-10-27 09:00"),
        (NEW_YORK, "2026-10-23T09:00", "Sat 2026-10-31 18:00", "Tue 2026-11-03 09:00"),
        (TASHKENT, "2026-03-20T09:00", "Sat 2026-03-28 18:00", "Tue 2026-03-31 09:00"),
    ],
    ids=["summer time begins", "summer time ends", "New York", "Tashkent"],
)
def test_local_hours_stay_when_the_clocks_change(zone: str, asked: str, due: str, check_until: str) -> None:
    asked_at = local(asked, zone)
    cutoff = local(f"{check_until[4:14]}T09:00", zone)
    edition = EditionTimes(cutoff, cutoff + 2 * DAYS)
    due_at = propose_due_at(newsletter(zone), edition, asked_at)
    assert due_at is not None
    schedule = plan_schedule(newsletter(zone), edition, asked_at, due_at)
    assert (format_local(schedule.due_at, zone), format_local(schedule.check_until, zone)) == (due, check_until)


@pytest.mark.parametrize(
    ("due_at", "reply", "code"),
    [
        ("2026-11-29T09:00", "2026-11-20T18:00", ""),
        ("2026-11-29T09:01", "2026-11-20T18:00", "invalid.due_at_after_edition"),
        ("2026-12-03T18:00", "2026-11-20T18:00", "invalid.due_at_after_edition"),  # after it has run
        ("2026-11-18T09:00", "2026-11-18T08:00", "invalid.due_at_not_in_future"),
        ("2026-11-27T18:00", "2026-11-27T18:01", "invalid.reply_by_after_due_at"),
        ("2026-11-27T18:00", "2026-11-18T09:00", "invalid.reply_by_after_due_at"),
    ],
)
def test_dates_out_of_order_are_refused(due_at: str, reply: str, code: str) -> None:
    schedule = plan_schedule(newsletter(), DEC_2, local("2026-11-18T09:00"), local(due_at), local(reply))
    if not code:
        schedule.require_order()
        return
    with pytest.raises(InvalidField) as refused:
        schedule.require_order()
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("asked_at", "reply_by"),
    [
        ("2026-11-03T18:00", "Sun 2026-11-08 18:00"),  # the evening half-way
        ("2026-11-12T19:00", "Fri 2026-11-13 18:00"),  # half-way is the day itself: with the text
    ],
)
def test_a_reply_is_due_on_the_evening_half_way_to_the_text(asked_at: str, reply_by: str) -> None:
    schedule = plan_schedule(newsletter(), None, local(asked_at), local("2026-11-13T18:00"))
    assert format_local(schedule.reply_by) == reply_by


@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)),
    st.integers(0, 60 * 24 * 30),
    st.integers(0, 60 * 24 * 10),
    st.integers(1, 336),
    st.sampled_from([PRAGUE, TASHKENT, NEW_YORK, "Pacific/Kiritimati", "America/St_Johns"]),
)
def test_proposed_dates_are_in_order_whatever_the_time(
    local_now: datetime, minutes: int, gap: int, check_hours: int, zone: str
) -> None:
    asked_at = local_now.replace(tzinfo=UTC)
    cutoff_at = asked_at + timedelta(minutes=minutes)
    edition = EditionTimes(cutoff_at, cutoff_at + timedelta(minutes=gap))
    letter = newsletter(zone, check_hours)
    due_at = propose_due_at(letter, edition, asked_at)
    if due_at is None:
        return
    schedule = plan_schedule(letter, edition, asked_at, due_at)
    schedule.require_order()
    check_until = schedule.check_until
    assert check_until is not None
    assert schedule.due_at < check_until <= cutoff_at <= edition.runs_at
    assert check_until < edition.runs_at
    check_end = get_check_end(letter, edition, due_at)
    assert due_at < check_end <= check_until
    for end in (check_until, check_end):
        at = end.astimezone(ZoneInfo(zone))
        assert at.weekday() < 5
        assert 9 <= at.hour + at.minute / 60 + at.second / 3600 <= 17


def test_dates_move_with_their_edition_at_the_same_hour() -> None:
    now, week_later = local("2026-11-18T09:00"), EditionTimes(DEC_2.cutoff_at + 7 * DAYS, DEC_2.runs_at + 7 * DAYS)
    due_at, check_end = local("2026-11-27T18:00"), local("2026-11-27T16:00")
    assert format_local(move_due_at(newsletter(), week_later, due_at, 7 * DAYS, now)) == "Fri 2026-12-04 18:00"
    assert format_local(move_check_end(newsletter(), week_later, check_end, 7 * DAYS, now)) == "Fri 2026-12-04 16:00"
    day_later = EditionTimes(DEC_2.cutoff_at + DAYS, DEC_2.runs_at + DAYS)
    assert format_local(move_check_end(newsletter(), day_later, check_end, DAYS, now)) == "Mon 2026-11-30 09:00"


def test_dates_that_would_not_fit_any_more_begin_anew() -> None:
    now = local("2026-11-24T09:00")
    earlier = EditionTimes(local("2026-11-27T09:00"), local("2026-11-29T09:00"))
    due_at, check_end = local("2026-11-27T18:00"), local("2026-11-30T12:00")
    assert format_local(move_due_at(newsletter(), earlier, due_at, -3 * DAYS, now)) == "Wed 2026-11-25 18:00"
    assert format_local(move_check_end(newsletter(), earlier, check_end, -3 * DAYS, now)) == "Thu 2026-11-26 09:00"
    stays = local("2026-11-26T12:00")
    assert format_local(move_check_end(newsletter(), earlier, stays, -3 * DAYS, now)) == "Thu 2026-11-26 12:00"
    assert move_due_at(newsletter(), earlier, due_at, -3 * DAYS, now + 2 * DAYS) is None
    assert move_check_end(newsletter(), earlier, check_end, -3 * DAYS, now + 2.5 * DAYS) is None


@pytest.mark.parametrize("now", ["2026-11-27T17:00", "2026-11-28T09:00"], ids=["an hour left", "late"])
def test_dates_stay_where_only_the_hour_of_the_edition_changes(now: str) -> None:
    later, kept = EditionTimes(DEC_2.cutoff_at + DAYS / 24, DEC_2.runs_at + DAYS / 24), timedelta(0)
    due_at, check_end = local("2026-11-27T18:00"), local("2026-11-27T17:30")
    assert move_due_at(newsletter(), later, due_at, kept, local(now)) == due_at
    assert move_check_end(newsletter(), later, check_end, kept, local(now)) == check_end


def test_a_date_that_is_near_stays_if_the_edition_comes_earlier_and_leaves_no_evening() -> None:
    now, due_at = local("2026-11-27T20:00"), local("2026-11-28T18:00")
    assert move_due_at(newsletter(), DEC_2, due_at, -DAYS, now) == due_at
    assert move_due_at(newsletter(), DEC_2, due_at + DAYS, -DAYS, now) is None
