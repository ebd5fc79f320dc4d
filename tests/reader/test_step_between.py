"""Between Send and the receipt stands one step where something public fits or a country has a note; else nothing does."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app.db.engine import Database
from app.letters.models import Letter
from app.newsletters.models import Newsletter
from app.workflows.indexing import index_due
from tests.support.pages import Page
from tests.support.reader_pages import get_form_token, publish_answer, read_receipt
from tests.support.sample_newsroom import Newsroom

FITS, NEW = "Who built the silos, and who owns them now?", "Why is the bridge at Khorgos closed on Mondays?"
NOTE = {"country": "UZ", "checked_on": "2026-10-12", "text": {"en": "Wait for your own phone."}}
PAGES = pytest.mark.parametrize("path", ["/steppe/", "/steppe/ask"], ids=["front page", "ask page"])


def send_form(client: FlaskClient, path: str, body: str, **fields: str) -> tuple[Page, dict[str, Any]]:
    """What comes of Send on this page, and what was sent."""
    data = {**Page(client.get(path).text).form("/steppe/send").fields, "body": body, **fields}
    response = client.post("/steppe/send", data=data)
    assert response.status_code == 200
    return Page(response.text), data


def letters(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(Letter)) or 0


def note(database: Database, newsroom: Newsroom) -> None:
    database.write(lambda s: setattr(s.get_one(Newsletter, newsroom.newsletter_id), "notes", [NOTE]))


@PAGES
def test_where_nothing_fits_send_leads_straight_to_the_receipt(
    path: str, client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    publish_answer(database, newsroom, [])
    index_due(database)
    page, _data = send_form(client, path, NEW)
    assert (len(read_receipt(page.html)), letters(database)) == (20, 1)


@PAGES
def test_an_answer_that_fits_is_shown_before_and_one_press_more_sends(
    path: str, client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    publish_answer(database, newsroom, [])
    index_due(database)
    page, data = send_form(client, path, FITS)
    assert (page.heading, page.texts("h3.head"), letters(database)) == ("Please look at this first", ["The Silos"], 0)
    step = page.form("/steppe/send").fields
    assert (step["body"], step["form"]) == (FITS, data["form"])
    receipt = read_receipt(client.post("/steppe/send", data={**step, "then": "send"}).text)
    # The line was lost, and Send is pressed again on the page before: nothing stands between any more.
    again = client.post("/steppe/send", data=data)
    assert (read_receipt(again.text), letters(database)) == (receipt, 1)


def test_a_country_note_is_shown_where_the_form_did_not_show_it(
    client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    note(database, newsroom)
    page, _data = send_form(client, "/steppe/", NEW)
    assert (page.heading, page.texts("details > summary"), letters(database)) == (
        "Please look at this first", ["If you are in Uzbekistan"], 0,
    )  # fmt: skip
    assert page.count("Wait for your own phone.") == 1
    page, _data = send_form(client, "/steppe/ask", NEW)
    assert (len(read_receipt(page.html)), letters(database)) == (20, 1)


def test_the_address_of_a_closed_receipt_leads_to_the_form(client: FlaskClient, newsroom: Newsroom) -> None:
    page = client.get("/steppe/send?lang=fa")
    assert (page.status_code, page.headers["Location"]) == (303, "/steppe/ask?lang=fa")
    assert client.post("/steppe/ask", data={"form": get_form_token(client), "body": NEW}).status_code == 200
