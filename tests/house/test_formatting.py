"""Days and counts as pages print them. Around New Year, a day to come has its weekday, whatever year it is in."""

from datetime import UTC, date, datetime

import pytest
from flask import Flask, g

from app.core import fields
from app.core.listing import COUNT_LIMIT
from app.web import formatting

NEW_YEARS_EVE = datetime(2026, 12, 31, 22, 59, tzinfo=UTC)  # a minute before midnight in Prague


@pytest.mark.parametrize(
    ("language", "day", "style", "message"),
    [
        ("en", date(2026, 11, 18), "long", "Wednesday 18 November"),
        ("en", date(2027, 1, 6), "long", "Wednesday 6 January 2027"),
        ("en", date(2025, 12, 17), "long", "17 December 2025"),
        ("en", date(2027, 1, 6), "short", "Wed 6 Jan 2027"),
        ("fa", date(2027, 1, 6), "long", "چهارشنبه ۶ ژانویهٔ ۲۰۲۷ (۱۶ دی ۱۴۰۵)"),
    ],
)  # fmt: skip
def test_a_day_to_come_has_its_weekday(
    app: Flask, monkeypatch: pytest.MonkeyPatch, language: str, day: date, style: str, message: str
) -> None:
    monkeypatch.setattr(formatting, "utc_now", lambda: NEW_YEARS_EVE)
    with app.test_request_context():
        g.language, g.zone = language, "Europe/Prague"
        assert formatting.day(day, style) == message


def test_the_year_turns_with_the_newsletters_clock(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    said = []
    for zone in ("UTC", "Europe/Prague"):
        monkeypatch.setattr(formatting, "utc_now", lambda: NEW_YEARS_EVE.replace(hour=23))
        with app.test_request_context():
            g.zone = zone
            said.append(formatting.day(date(2027, 1, 6)))
    assert said == ["Wednesday 6 January 2027", "Wednesday 6 January"]


def test_a_capped_count_has_the_same_thousands_below_the_cap_and_above(app: Flask) -> None:
    with app.test_request_context():
        assert [formatting.count(number) for number in (0, 999, COUNT_LIMIT, COUNT_LIMIT + 1)] == [
            "",
            "999",
            "1,000",
            "1,000+",
        ]


def test_each_language_that_an_expert_can_read_has_a_name(app: Flask) -> None:
    """CLDR has no locale of Avar, Ingush or Klingon; a page that showed "av" would tell nobody which it is."""
    with app.test_request_context():
        named = {code: formatting.format_language(code) for code in ("av", "inh", "tlh", "av-Arab", "kk-Arab", "xx")}
        nameless = {code for code in fields._language_codes().values() if not formatting.format_language(code)}
    assert named == {
        "av": "Avaric", "inh": "Ingush", "tlh": "Klingon", "av-Arab": "Avaric (Arabic)", "kk-Arab": "Kazakh (Arabic)",
        "xx": "",
    }  # fmt: skip
    assert nameless == {"und"}
