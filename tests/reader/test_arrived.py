"""The page with a new number comes from a copy: the same as if it were made for its reader, and true at every request."""

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy.orm import Session

from app.core.clock import utc_now
from app.db.engine import Database
from app.newsletters.models import Newsletter
from app.reader.receipt import DIGIT_MARKS
from tests.support.pages import Page
from tests.support.reader_pages import get_form_token, read_receipt, send_question
from tests.support.sample_newsroom import Newsroom

WAYS = {
    "number": {},
    "once": {"hear_back": "once", "email_once": "timur@post.example"},
    "named": {"hear_back": "while", "email_while": "timur@post.example", "credit": "full", "name": "Timur"},
}


def change(database: Database, newsroom: Newsroom, **settings: Any) -> None:
    def alter(session: Session) -> None:
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        for name, value in settings.items():
            setattr(newsletter, name, value)

    database.write(alter)


@pytest.mark.parametrize("action", WAYS)
@pytest.mark.parametrize("path", ["/steppe/send", "/steppe/send?lang=fa"])
def test_the_page_is_the_one_that_is_made_for_a_form_that_is_sent_again(
    client: FlaskClient, newsroom: Newsroom, path: str, action: str
) -> None:
    for number in range(2):  # from a copy that is made, and from one that is there
        form = {
            "form": get_form_token(client),
            "body": f"Who owns silo {number} at the line?",
            "then": "send",
            **WAYS[action],
        }
        first, again = (client.post(path, data=form) for _ in range(2))
        assert (first.status_code, first.text, dict(first.headers).keys()) == (
            200,
            again.text,
            dict(again.headers).keys(),
        )
        assert Page(first.text).values("receipt") == [read_receipt(first.text)] * len(
            Page(first.text).values("receipt")
        )
        assert not set(DIGIT_MARKS) & set(first.text)


def test_each_reader_gets_a_number_of_their_own_and_no_copy_keeps_any(
    app: Flask, client: FlaskClient, newsroom: Newsroom
) -> None:
    receipts = [
        read_receipt(send_question(client, body=f"Who owns silo {number} at the line?").text) for number in range(3)
    ]
    kept = b"".join(b"".join(copy.parts) for copy in app.extensions["copies"].store._pages.values()).decode()
    digits = re.sub(r"\D", "", kept)
    assert (len({*receipts}), [one for one in receipts if one in digits]) == (3, [])


def test_what_the_desk_changes_stands_on_the_next_page(
    client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    assert "Nora Lind will read it" in send_question(client).text
    form = get_form_token(client)
    change(database, newsroom, editor="Ilya Berg", names_readers=False)
    page = send_question(client, form=form).text
    assert ("Ilya Berg will read it" in page, "Nora Lind" in page, "how we name you" in page) == (True, False, False)
    form = get_form_token(client)
    change(database, newsroom, state="paused", state_at=utc_now())
    refused = send_question(client, form=form)
    assert (refused.status_code, "is taking a break and takes no questions" in refused.text) == (409, True)


def test_a_question_asks_the_database_for_little(app: Flask, client: FlaskClient, newsroom: Newsroom) -> None:
    """What a new number's page shows, and the newsletter with its settings, are in memory after the first one."""
    send_question(client)
    database, asked, form = app.extensions["database"], list[str](), get_form_token(client)

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        asked.append(re.sub(r".*?(INSERT INTO|FROM) (\(?\w+).*", r"\1 \2", " ".join(statement.split())))

    for engine in (database.reader, database.writer):
        event.listen(engine, "before_cursor_execute", note)
    try:
        client.post("/steppe/send", data={"form": form, "body": "Who sells the water of the lake?"})
    finally:
        for engine in (database.reader, database.writer):
            event.remove(engine, "before_cursor_execute", note)
    reading = asked[: asked.index("BEGIN IMMEDIATE")]
    writing = asked[asked.index("BEGIN IMMEDIATE") :]
    assert reading == ["BEGIN", "FROM public_terms", "FROM sightings", "FROM letters", "FROM (SELECT"]
    assert writing == [
        *("BEGIN IMMEDIATE", "FROM newsletters", "FROM letters", "FROM letters", "FROM letters"),
        *("INSERT INTO letters", "FROM audit", "INSERT INTO audit"),
    ]
