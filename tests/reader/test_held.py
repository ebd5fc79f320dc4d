"""Timur sees all that is kept of him, and takes it away as a file; the way off the page, and the onion address."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from app.db.engine import Database
from app.letters.models import Letter
from app.newsletters.models import Newsletter
from tests.support.desk import Desk
from tests.support.pages import Page
from tests.support.reader_pages import read_receipt, send_question
from tests.support.sample_newsroom import Newsroom

ONION = f"http://{'steppe22' * 7}.onion"
WEATHER = "https://weather.example/osh"


@pytest.fixture
def timur(client: FlaskClient, newsroom: Newsroom) -> str:
    """His receipt: he wants to be named, left an address, and added something."""
    receipt = read_receipt(
        send_question(
            client, body="Who counts the salt?", background="I live by the mill.", hear_back="while",
            email_while="timur@post.example", credit="first", first="Timur", place="Osh",
        ).text
    )  # fmt: skip
    client.post("/steppe/receipt/add", data={"receipt": receipt, "more": "I mean the year 2019."})
    return receipt


def held(client: FlaskClient, receipt: str, **fields: str) -> TestResponse:
    return client.post("/steppe/receipt/held", data={"receipt": receipt, **fields})


def letter_of(database: Database) -> Letter:
    with database.read() as session:
        return session.scalars(select(Letter)).one()


@pytest.mark.threat("seized reader's device")
def test_all_that_is_kept_stands_on_a_page_of_its_own_that_nobody_keeps(client: FlaskClient, timur: str) -> None:
    page = held(client, timur)
    assert (page.status_code, page.headers["Cache-Control"]) == (200, "no-store")
    assert Page(page.text).texts("p.said") == ["Who counts the salt?", "I live by the mill.", "I mean the year 2019."]
    shown = Page(page.text).main_text
    for kept in ("timur@post.example", "Timur, Osh", "I agree that The Steppe Letter prints this name"):
        assert kept in shown


@pytest.mark.threat("seized reader's device")
def test_the_file_has_all_of_it_and_its_name_says_nothing(client: FlaskClient, database: Database, timur: str) -> None:
    file = held(client, timur, **{"as": "file"})
    assert file.headers["Content-Disposition"] == "attachment; filename=a.json"
    got, letter = json.loads(file.text), letter_of(database)
    assert (got.pop("consent").startswith("I agree"), got.pop("address_erased_by")[:2]) == (True, "20")
    assert got == {
        "words": "Who counts the salt?",
        "background": "I live by the mill.",
        "word_for_word": False,
        "language": letter.language,
        "came_by": "web",
        "came_on": letter.received_at.isoformat(timespec="seconds"),
        "hears_back": "while",
        "address": "timur@post.example",
        "name": "Timur, Osh",
        "added": [{"asked": None, "words": "I mean the year 2019."}],
    }


@pytest.mark.threat("court order")
def test_with_just_a_number_the_file_has_the_day_and_no_minute(client: FlaskClient, newsroom: Newsroom) -> None:
    got = json.loads(
        held(client, read_receipt(send_question(client, body="Who counts the salt?").text), **{"as": "file"}).text
    )
    assert (len(got["came_on"]), got["address"], got["name"], got["consent"]) == (10, None, None, None)


@pytest.mark.threat("seized reader's device")
def test_a_number_that_came_by_mail_and_one_that_was_taken_back_show_nothing(
    client: FlaskClient, database: Database, timur: str
) -> None:
    for mailed in (True, False):
        database.write(lambda s, mailed=mailed: setattr(s.scalars(select(Letter)).one(), "receipt_mailed", mailed))
        page = held(client, timur, **{"as": "file"})
        assert (page.status_code, "salt" in page.text) == ((409, False) if mailed else (200, True))
    client.post("/steppe/receipt/withdraw", data={"receipt": timur})
    page = held(client, timur)
    assert (page.status_code, "salt" in page.text) == (409, False)
    assert held(client, "1234").status_code == 422


@pytest.mark.threat("seized reader's device")
def test_the_way_off_and_the_onion_address_stand_there_once_the_desk_has_set_them(
    nora: Desk, client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    def ways_off(path: str) -> list[str]:
        return [address for address in Page(client.get(path).text).urls if address == WEATHER]

    def change(**values: str) -> None:
        def fn(session: Any) -> None:
            for name, value in values.items():
                setattr(session.get_one(Newsletter, newsroom.newsletter_id), name, value)

        database.write(fn)

    assert (ways_off("/steppe/ask"), ONION in client.get("/steppe/ask").text) == ([], False)
    change(leave_to=WEATHER, onion=ONION)
    paths = ("/steppe/", "/steppe/ask", "/steppe/receipt", "/steppe/protection")
    assert [ways_off(path) for path in paths] == [[WEATHER]] * 4
    assert [ONION in client.get(path).text for path in paths] == [False, True, False, True]
