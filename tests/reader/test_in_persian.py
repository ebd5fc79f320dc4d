"""A Persian page counts in Persian: digits, commas, and the day of the Solar Hijri calendar beside the Gregorian one."""

import re
from datetime import UTC, date, datetime

import pytest
from flask import Flask, g
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.engine import Database
from app.letters.models import Letter
from app.newsletters.models import Newsletter
from app.text import translation
from app.web.formatting import comma, count, day, full_date, in_digits
from tests.support.assignments import ExpertAssignment
from tests.support.pages import Page
from tests.support.reader_pages import publish_answer, send_question
from tests.support.sample_newsroom import Newsroom


@pytest.mark.parametrize(
    ("language", "when", "message"),
    [
        ("fa", date(2026, 11, 18), "چهارشنبه ۱۸ نوامبر ۲۰۲۶ (۲۷ آبان ۱۴۰۵)"),
        ("fa", date(2027, 3, 20), "شنبه ۲۰ مارس ۲۰۲۷ (۲۹ اسفند ۱۴۰۵)"),
        ("fa", date(2027, 3, 21), "یکشنبه ۲۱ مارس ۲۰۲۷ (۱ فروردین ۱۴۰۶)"),
        ("fa-AF", date(2026, 11, 18), "چهارشنبه ۱۸ نومبر ۲۰۲۶ (۲۷ عقرب ۱۴۰۵)"),
        ("en", date(2026, 11, 18), "Wednesday 18 November 2026"),
    ],
)
def test_a_mail_says_the_day_in_both_calendars(language: str, when: date, message: str) -> None:
    assert translation.day(language, when, "UTC", this_year=2025) == message


def test_a_mail_moves_a_time_to_the_zone_before_it_says_the_day() -> None:
    late = datetime(2026, 11, 17, 22, tzinfo=UTC)
    assert "(۲۷ آبان ۱۴۰۵)" in translation.moment("fa", late, "Asia/Tashkent", this_year=2025)


def test_a_page_says_the_day_its_counts_and_its_commas_in_persian(app: Flask) -> None:
    with app.test_request_context():
        g.language = "fa"
        assert full_date(date(2021, 5, 5)) == "۵ مهٔ ۲۰۲۱ (۱۵ اردیبهشت ۱۴۰۰)"
        assert day(datetime(2021, 5, 5, tzinfo=UTC)) == full_date(date(2021, 5, 5))
        assert (count(37), count(2_000), in_digits(2026), comma()) == ("۳۷", "۱٬۰۰۰+", "۲۰۲۶", "، ")


def test_no_page_of_a_persian_reader_has_latin_digits_of_ours(
    client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    send_question(client)
    with database.read() as session:
        letters = list(session.scalars(select(Letter.id)))
    public_id = publish_answer(database, newsroom, letters)
    paths = (
        "",
        "ask",
        "answers",
        "editions",
        "protection",
        "receipt",
        f"q/{public_id}/the-silos",
        f"report/{public_id}",
    )
    for path in paths:
        page = Page(client.get(f"/steppe/{path}?lang=fa").text)
        words = re.sub(r"https?://\S+", "", page.main_text)
        assert (path, re.findall(r"[0-9]+", words)) == (path, [])


def test_no_page_of_a_persian_expert_has_latin_digits_of_ours(client: FlaskClient, salt: ExpertAssignment) -> None:
    def speak(session: Session) -> None:
        session.get_one(Newsletter, salt.newsroom.newsletter_id).language = "fa"

    def look(paragraph: str) -> None:
        page = Page(client.get(salt.link).text)
        words = re.sub(r"https?://\S+", "", page.main_text)
        assert (paragraph in words, re.findall(r"[0-9]+", words)) == (True, [])

    salt.database.write(speak)
    look("حدود ۱۸۰ کلمه، به زبان خودتان.")
    salt.send("What falls on the plates is counted every week, in each orchard.")
    salt.edit("What falls on the plates is counted every week.")
    salt.send_to_check()
    look("۹ کلمه؛ پیش‌تر ۱۲.")
