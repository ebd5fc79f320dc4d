"""What is kept of Timur, said without his words; the way off the page, and the onion address."""

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
QUESTION, BACKGROUND, ADDED = "Who counts the salt?", "I live by the mill.", "I mean the year 2019."


@pytest.fixture
def timur(client: FlaskClient, newsroom: Newsroom) -> str:
    """His receipt: he wants to be named, left an address, and added something."""
    receipt = read_receipt(
        send_question(
            client, body=QUESTION, background=BACKGROUND, hear_back="while",
            email_while="timur@post.example", credit="first", first="Timur", place="Osh",
        ).text
    )  # fmt: skip
    client.post("/steppe/receipt/add", data={"receipt": receipt, "more": ADDED})
    return receipt


def send_held(client: FlaskClient, receipt: str, **fields: str) -> TestResponse:
    return client.post("/steppe/receipt/held", data={"receipt": receipt, **fields})


def letter_of(database: Database) -> Letter:
    with database.read() as session:
        return session.scalars(select(Letter)).one()


@pytest.mark.threat("seized reader's device")
def test_what_is_kept_is_said_without_a_word_of_it(client: FlaskClient, timur: str) -> None:
    page = send_held(client, timur)
    assert (page.status_code, page.headers["Cache-Control"]) == (200, "no-store")
    main = Page(page.text).part("main")
    labels = main.texts("h3.label")
    assert labels == [
        "Your question", "Background, for the desk only", "What you added", "It came", "Your address", "Your name", "You agreed to",
    ]  # fmt: skip
    sizes = [f"{len(text)} characters" for text in (QUESTION, BACKGROUND, ADDED)]
    assert [text for text in main.texts("p") if text.endswith("characters")] == sizes
    assert "I agree that The Steppe Letter prints this name" in main.main_text


@pytest.mark.threat("seized reader's device")
@pytest.mark.threat("guessed number")
def test_nothing_behind_a_number_shows_words_address_or_name(
    client: FlaskClient, newsroom: Newsroom, timur: str
) -> None:
    """Whatever somebody tries who found the number: each form of the receipt's page, empty and filled in."""
    rules = [rule for rule in client.application.url_map.iter_rules() if rule.endpoint.startswith("reader.receipt_")]
    paths = sorted(rule.rule.replace("<slug>", "steppe") for rule in rules if "POST" in (rule.methods or ()))
    assert len(paths) == len(rules)
    fields: list[dict[str, str]] = [{}, {"as": "file"}, {"more": "x", "reply": "x", "credit": "full", "name": ""}]
    paths.sort(key=lambda path: path.endswith("withdraw"))  # last
    pages = [client.post(path, data={"receipt": timur, **more}).text for path in paths for more in fields]
    assert len(pages) == 3 * len(paths)
    planted = (QUESTION, BACKGROUND, ADDED, "timur@post.example", "Timur", "Osh")
    assert [(text, page) for page in pages for text in planted if text in page] == []


@pytest.mark.threat("seized reader's device")
def test_the_file_says_the_same_and_its_name_says_nothing(client: FlaskClient, database: Database, timur: str) -> None:
    file = send_held(client, timur, **{"as": "file"})
    assert file.headers["Content-Disposition"] == "attachment; filename=a.json"
    got, letter = json.loads(file.text), letter_of(database)
    assert (got.pop("consent").startswith("I agree"), got.pop("address_erased_by")[:2]) == (True, "20")
    assert got == {
        "question_characters": len(QUESTION),
        "background_characters": len(BACKGROUND),
        "added_characters": len(ADDED),
        "word_for_word": False,
        "language": letter.language,
        "came_by": "web",
        "came_on": letter.received_at.date().isoformat(),
        "hears_back": "while",
        "has_name": True,
    }


@pytest.mark.threat("court order")
def test_with_just_a_number_no_address_and_no_name_are_kept(client: FlaskClient, newsroom: Newsroom) -> None:
    got = json.loads(send_held(client, read_receipt(send_question(client, body=QUESTION).text), **{"as": "file"}).text)
    assert (got["address_erased_by"], got["has_name"], got["consent"]) == (None, False, None)


@pytest.mark.threat("seized reader's device")
def test_a_number_that_came_by_mail_and_one_that_was_taken_back_show_nothing(
    client: FlaskClient, database: Database, timur: str
) -> None:
    for mailed in (True, False):
        database.write(lambda s, mailed=mailed: setattr(s.scalars(select(Letter)).one(), "receipt_mailed", mailed))
        page = send_held(client, timur, **{"as": "file"})
        assert (page.status_code, "question_characters" in page.text) == ((409, False) if mailed else (200, True))
    client.post("/steppe/receipt/withdraw", data={"receipt": timur})
    page = send_held(client, timur)
    assert (page.status_code, "characters" in page.text) == (409, False)
    assert send_held(client, "1234").status_code == 422


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
