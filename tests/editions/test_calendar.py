"""When editions run: rules in words, dates across changes of clocks and years, and the times derived from them."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from app.editions.calendar import (
    CalendarError,
    EditionDate,
    Rhythm,
    cutoff,
    in_utc,
    next_dates,
    occurrences,
    read_rhythm,
    read_rule,
    render_ics,
)
from app.editions.rhythm import PLACES, WEEKDAYS, WEEKS, Choices, Pattern, choices_of, parse_calendar_form, pattern_of
from app.newsletters.settings import InvalidSettings

WEDNESDAYS = "FREQ=MONTHLY;BYDAY=1WE,3WE"
PRAGUE = "Europe/Prague"
NEW_YORK = "America/New_York"


def rhythm(
    rule: str = WEDNESDAYS, at: str = "09:00", zone: str = PRAGUE, skips: Iterable[str] = (), extra: Iterable[str] = ()
) -> Rhythm:
    return read_rhythm(rule, date(2022, 1, 1), at, zone, skips, extra)


def days(given_rhythm: Rhythm, first: date, until: date) -> list[date]:
    return [edition.rule_date for edition in occurrences(given_rhythm, first, until)]


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


def test_the_rule_of_the_newsletter_gives_its_wednesdays_over_a_year_s_end() -> None:
    assert days(rhythm(), date(2022, 11, 2), date(2023, 1, 18)) == [
        date(2022, 11, 2),
        date(2022, 11, 16),
        date(2022, 12, 7),
        date(2022, 12, 21),
        date(2023, 1, 4),
        date(2023, 1, 18),
    ]


def test_a_month_with_a_fifth_wednesday_has_no_edition_on_it_unless_the_rule_says_so() -> None:
    march = date(2023, 3, 1), date(2023, 3, 31)
    assert days(rhythm(), *march) == [date(2023, 3, 1), date(2023, 3, 15)]
    assert days(rhythm("FREQ=MONTHLY;BYDAY=5WE"), date(2023, 1, 1), date(2023, 6, 30)) == [
        date(2023, 3, 29),
        date(2023, 5, 31),
    ]
    assert days(rhythm("FREQ=MONTHLY;BYDAY=-1WE"), *march) == [date(2023, 3, 29)]


def test_every_second_week_is_counted_from_the_rule_s_start_over_a_year_of_53_weeks() -> None:
    fortnights = read_rhythm("FREQ=WEEKLY;INTERVAL=2;BYDAY=TH", date(2020, 12, 17), "09:00", PRAGUE)
    assert days(fortnights, date(2020, 12, 20), date(2021, 1, 31)) == [
        date(2020, 12, 31),
        date(2021, 1, 14),
        date(2021, 1, 28),
    ]


def test_pauses_and_extra_dates() -> None:
    summer = rhythm(skips=["2023-07-01/2023-08-31", "2023-09-06"], extra=["2023-08-23T17:00", "2023-09-13"])
    assert [
        (str(edition.local_at), str(edition.runs_at))
        for edition in occurrences(summer, date(2023, 6, 20), date(2023, 9, 30))
    ] == [
        ("2023-06-21 09:00:00", "2023-06-21 07:00:00+00:00"),
        ("2023-08-23 17:00:00", "2023-08-23 15:00:00+00:00"),
        ("2023-09-13 09:00:00", "2023-09-13 07:00:00+00:00"),
        ("2023-09-20 09:00:00", "2023-09-20 07:00:00+00:00"),
    ]


def test_an_extra_date_on_a_day_of_the_rule_is_one_edition_at_its_own_time() -> None:
    moved = occurrences(rhythm(extra=["2022-11-02T12:30"]), date(2022, 11, 1), date(2022, 11, 15))
    assert moved == [EditionDate(date(2022, 11, 2), datetime(2022, 11, 2, 12, 30), utc(2022, 11, 2, 11, 30))]


def test_nine_o_clock_stays_nine_o_clock_when_the_clocks_change() -> None:
    assert [edition.runs_at for edition in occurrences(rhythm(), date(2022, 10, 19), date(2022, 11, 2))] == [
        utc(2022, 10, 19, 7),
        utc(2022, 11, 2, 8),
    ]


@pytest.mark.parametrize(
    ("zone", "local_at", "expected"),
    [
        (PRAGUE, datetime(2023, 3, 26, 2, 30), utc(2023, 3, 26, 1, 30)),  # doesn't exist: 03:30 summer time
        (PRAGUE, datetime(2023, 10, 29, 2, 30), utc(2023, 10, 29, 0, 30)),  # comes twice: the first
        (NEW_YORK, datetime(2007, 3, 11, 2, 30), utc(2007, 3, 11, 7, 30)),  # the example of RFC 5545, section 3.3.5
        (NEW_YORK, datetime(2007, 11, 4, 1, 30), utc(2007, 11, 4, 5, 30)),
        ("Asia/Tehran", datetime(2023, 3, 22, 9), utc(2023, 3, 22, 5, 30)),  # no summer time since 2022
        ("Asia/Almaty", datetime(2024, 2, 29, 9), utc(2024, 2, 29, 3)),
        ("Asia/Almaty", datetime(2024, 3, 1, 9), utc(2024, 3, 1, 4)),  # the zone itself changed that day
        ("Pacific/Apia", datetime(2011, 12, 30, 9), utc(2011, 12, 30, 19)),  # a day that Samoa left out
    ],
)
def test_local_times_that_do_not_exist_or_come_twice(zone: str, local_at: datetime, expected: datetime) -> None:
    assert in_utc(local_at, zone) == expected
    assert in_utc(local_at.replace(fold=1), zone) == expected


def test_an_edition_in_the_gap_keeps_the_time_of_the_rule() -> None:
    nights = read_rhythm("FREQ=WEEKLY;BYDAY=SU", date(2023, 3, 19), "02:30", PRAGUE)
    assert [(edition.local_at, edition.runs_at) for edition in next_dates(nights, utc(2023, 3, 19, 12), 2)] == [
        (datetime(2023, 3, 26, 2, 30), utc(2023, 3, 26, 1, 30)),
        (datetime(2023, 4, 2, 2, 30), utc(2023, 4, 2, 0, 30)),
    ]


def test_the_next_dates_run_later_than_now_by_the_minute() -> None:
    exactly = utc(2022, 11, 2, 8)
    assert [edition.rule_date.day for edition in next_dates(rhythm(), exactly - timedelta(seconds=1), 2)] == [2, 16]
    assert [edition.rule_date.day for edition in next_dates(rhythm(), exactly, 2)] == [16, 7]


def test_the_next_dates_are_right_far_from_greenwich() -> None:
    """At 23:00 UTC it is tomorrow in Auckland and still today in Honolulu."""
    assert [
        next_dates(read_rhythm("FREQ=DAILY", date(2022, 1, 1), "09:00", zone), utc(2022, 6, 1, 23), 1)[0].rule_date
        for zone in ("Pacific/Auckland", "Pacific/Honolulu")
    ] == [date(2022, 6, 3), date(2022, 6, 2)]


def test_a_rule_that_ends_has_no_more_dates() -> None:
    assert days(rhythm("FREQ=WEEKLY;BYDAY=WE;COUNT=2"), date(2022, 1, 1), date(2030, 1, 1)) == [
        date(2022, 1, 5),
        date(2022, 1, 12),
    ]
    assert next_dates(rhythm("FREQ=WEEKLY;BYDAY=WE;UNTIL=20220131"), utc(2022, 2, 1), 3) == []


@pytest.mark.parametrize(
    ("local_at", "minutes", "expected"),
    [
        (datetime(2022, 11, 16, 9), 2880, utc(2022, 11, 14, 8)),
        (datetime(2022, 10, 31, 9), 2880, utc(2022, 10, 29, 7)),  # the clocks went back between: still 09:00
        (datetime(2023, 3, 27, 9), 1440 + 90, utc(2023, 3, 26, 5, 30)),
        (datetime(2023, 3, 26, 9), 480, utc(2023, 3, 25, 23)),  # eight hours by the clock, not by the dial
        (datetime(2023, 1, 1, 9), 1440, utc(2022, 12, 31, 8)),
        (datetime(2022, 11, 16, 9), 0, utc(2022, 11, 16, 8)),
    ],
)
def test_the_cut_off_counts_days_on_the_calendar_and_minutes_on_the_clock(
    local_at: datetime, minutes: int, expected: datetime
) -> None:
    assert cutoff(local_at, PRAGUE, minutes) == expected


@pytest.mark.parametrize(
    ("rule", "choices"),
    [
        (WEDNESDAYS, Choices("month", weekdays=("WE",), places=("1", "3"))),
        ("FREQ=MONTHLY;BYDAY=-1FR", Choices("month", weekdays=("FR",), places=("-1",))),
        ("FREQ=MONTHLY;BYDAY=1MO,2MO,4MO", Choices("month", weekdays=("MO",), places=("1", "2", "4"))),
        ("FREQ=MONTHLY;BYDAY=1MO,3TH", Choices("rule", rule="FREQ=MONTHLY;BYDAY=1MO,3TH")),
        ("FREQ=WEEKLY;BYDAY=WE", Choices("weeks", "1", ("WE",))),
        ("FREQ=WEEKLY;BYDAY=MO,TH", Choices("weeks", "1", ("MO", "TH"))),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU", Choices("weeks", "2", ("TU",))),
        ("FREQ=MONTHLY;BYMONTHDAY=1,15", Choices("days", month_days="1, 15")),
    ],
)
def test_rules_as_choices_and_back(rule: str, choices: Choices) -> None:
    assert choices_of(rule) == choices
    assert choices.as_rule() == rule


def test_a_rule_in_another_order_says_the_same_and_a_stranger_says_nothing() -> None:
    assert pattern_of("BYSETPOS=1,3;BYDAY=WE;FREQ=MONTHLY;WKST=MO") == pattern_of(WEDNESDAYS) == Pattern(((2, (1, 3)),))
    strangers = (
        "FREQ=YEARLY;BYEASTER=0", "FREQ=MONTHLY;BYDAY=WE", "FREQ=WEEKLY;BYDAY=1WE", "FREQ=WEEKLY;BYDAY=", "FREQ=MONTHLY;BYDAY=6WE",
        "FREQ=MONTHLY;INTERVAL=2;BYDAY=1WE", "FREQ=MONTHLY;BYMONTHDAY=-1", "FREQ=WEEKLY", "whenever", "",
    )  # fmt: skip
    assert [pattern_of(rule) for rule in strangers] == [None] * len(strangers)
    # From which day its weeks are counted can't be chosen, and matters to this one.
    counted = "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO;WKST=SU"
    assert choices_of(counted) == Choices("rule", rule=counted)
    assert choices_of("FREQ=WEEKLY;INTERVAL=26;BYDAY=MO").by == "rule"


@given(
    st.lists(st.sampled_from(PLACES), unique=True),
    st.lists(st.sampled_from(WEEKDAYS), min_size=1, unique=True),
    st.sampled_from(WEEKS),
)
def test_every_choice_survives_being_a_rule(places: list[str], weekdays: list[str], weeks: str) -> None:
    by = "month" if places else "weeks"
    chosen = Choices(by, "1" if places else weeks, tuple(weekdays), tuple(places))
    read_rule(chosen.as_rule(), date(2022, 1, 1))
    in_order = sorted(weekdays, key=WEEKDAYS.index), sorted(places, key=PLACES.index)
    assert choices_of(chosen.as_rule()) == replace(chosen, weekdays=tuple(in_order[0]), places=tuple(in_order[1]))


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        (Choices("weeks"), "Choose a weekday, or several."),
        (Choices("month", places=("1",)), "Choose a weekday, or several."),
        (Choices("month", weekdays=("WE",)), "Choose which of the month it is: the first, the third, the last."),
        *(
            (Choices("days", month_days=days), "The days of the month are numbers from 1 to 31, separated by commas.")
            for days in ("", "40", "0", "first", "1, 15,")
        ),
    ],
)
def test_choices_that_leave_something_to_choose(choices: Choices, message: str) -> None:
    with pytest.raises(CalendarError) as raised:
        choices.as_rule()
    assert str(raised.value) == message


TYPED = {"at": "9:00", "zone": " Europe/Prague", "skips": "2026-07-01/2026-08-31\n\n 2027-01-20", "extra": ""}


def test_a_calendar_is_read_as_it_is_kept() -> None:
    assert parse_calendar_form(choices_of(WEDNESDAYS), TYPED, date(2022, 1, 1)) == {
        "rule": WEDNESDAYS, "rule_start": date(2022, 1, 1), "at": "09:00", "zone": PRAGUE,
        "skips": ["2026-07-01/2026-08-31", "2027-01-20"], "extra": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("at", "25:00", "'25:00' is not a time of day; write one like 09:00."),
        ("zone", "Prague", "'Prague' is not a time zone; write one like Europe/Prague."),
        ("zone", "../passwd", "'../passwd' is not a time zone; write one like Europe/Prague."),
        ("rule", "FREQ=WEEKLY;BYDAY=" + ",".join(["WE"] * 100), "A rule has 200 characters at most."),
        ("skips", "2026-07-01\nJuly", "'July' is not a date; write one like 2026-07-01."),
    ],
)
def test_what_of_a_calendar_cannot_be_read_is_told_at_its_field(field: str, value: str, message: str) -> None:
    choices = Choices("rule", rule=value) if field == "rule" else choices_of(WEDNESDAYS)
    with pytest.raises(InvalidSettings) as raised:
        parse_calendar_form(choices, TYPED | {field: value}, date(2022, 1, 1))
    assert raised.value.faults == {field: message}


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30", "The rule 'FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30' never gives a date."),
        ("FREQ=HOURLY", "The rule 'FREQ=HOURLY' names hours; the time of day is kept beside the rule."),
        ("FREQ=WEEKLY\nEXDATE:20220105", "Write one recurrence rule; pauses and extra dates are kept beside it."),
        *(
            (rule, f"{rule!r} is not a recurrence rule; write one like FREQ=MONTHLY;BYDAY=1WE,3WE.")
            for rule in ("", "weekly", "FREQ=WEEKLY;BYDAY=XX", "FREQ=WEEKLY;INTERVAL=0", "FREQ=WEEKLY;INTERVAL=-1")
        ),
    ],
)
def test_rules_that_can_not_be_read(rule: str, message: str) -> None:
    with pytest.raises(CalendarError) as raised:
        read_rule(rule, date(2022, 1, 1))
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("skips", "extra", "message"),
    [
        (["2023-08-31/2023-07-01"], [], "The pause '2023-08-31/2023-07-01' ends before it begins."),
        (["July"], [], "'July' is not a date; write one like 2026-07-01."),
        ([], ["2023-02-30"], "'2023-02-30' is not a date; write one like 2026-07-01."),
        ([], ["2023-02-03T9"], "'9' is not a time of day; write one like 09:00."),
    ],
)
def test_pauses_and_extra_dates_that_can_not_be_read(skips: list[str], extra: list[str], message: str) -> None:
    with pytest.raises(CalendarError) as raised:
        rhythm(skips=skips, extra=extra)
    assert str(raised.value) == message


def test_a_calendar_to_subscribe_to() -> None:
    dates = next_dates(rhythm(), utc(2022, 10, 20), 2)
    file = render_ics(
        "The Steppe; news, weekly", dates, "steppe.ask.example", utc(2022, 10, 20, 12), "https://ask.example/"
    )
    calendar = Calendar.from_ical(file)
    assert str(calendar["X-WR-CALNAME"]) == "The Steppe; news, weekly"
    assert [
        (str(event["UID"]), event["DTSTART"].dt, event["DTSTAMP"].dt, str(event["SUMMARY"]), str(event["URL"]))
        for event in calendar.events
    ] == [
        (
            f"202211{day}@steppe.ask.example",
            utc(2022, 11, int(day), 8),
            utc(2022, 10, 20, 12),
            "The Steppe; news, weekly",
            "https://ask.example/",
        )
        for day in ("02", "16")
    ]


def test_an_edition_that_moves_to_another_hour_stays_the_same_event() -> None:
    made_at = utc(2022, 10, 20)
    files = [
        Calendar.from_ical(render_ics("S", next_dates(given_rhythm, made_at, 1), "s.example", made_at)).events[0]
        for given_rhythm in (rhythm(), rhythm(extra=["2022-11-02T12:00"]))
    ]
    assert files[0]["UID"] == files[1]["UID"]
    assert [file["DTSTART"].dt for file in files] == [utc(2022, 11, 2, 8), utc(2022, 11, 2, 11)]
