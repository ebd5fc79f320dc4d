"""Before it is sent: an answer that is there already, a question that others ask, and a search that leaves no trace."""

import re
from base64 import urlsafe_b64decode

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app.core.clock import unix_time
from app.db.engine import Database
from app.letters.models import Letter
from app.questions import actions, wording
from app.questions.models import Question
from app.reader import archive_search
from app.search.models import DeskDoc, PublicDoc
from app.workflows.indexing import index_due
from tests.support.pages import Page
from tests.support.reader_pages import get_form_token, publish_answer, read_receipt, send_question
from tests.support.sample_newsroom import Newsroom, create_coast_newsletter

DRAFT = "Please tell me who built the grain silos at the border, and who is their owner now? <i>"
SHOWN = "Which silos at the border does the mill rent out?"
SECRET = "Who built silos for the general's brother, and who owns them?"


def newsletter_of_silos(database: Database, client: FlaskClient, newsroom: Newsroom) -> str:
    """An answer that ran, a question that the desk shows, and a letter that nobody but the desk may see. Gives the shown one's key."""
    publish_answer(database, newsroom, [])

    def show(session: object) -> str:
        question = actions.open_question(session, newsroom.nora, [], body=SHOWN, language="en")  # type: ignore[arg-type]
        wording.clear(session, newsroom.nora, question, question.text_id or 0)  # type: ignore[arg-type]
        actions.show(session, newsroom.nora, question, True)  # type: ignore[arg-type]
        return question.public_id

    key = database.write(show)
    send_question(client, body=SECRET)
    index_due(database)
    return key


def look(client: FlaskClient, **fields: str) -> Page:
    response = send_question(client, body=DRAFT, then="look", **fields)
    assert response.status_code == 200
    return Page(response.text)


def test_the_preview_offers_what_is_public_and_sends_by_one_press(
    database: Database, client: FlaskClient, newsroom: Newsroom
) -> None:
    key = newsletter_of_silos(database, client, newsroom)
    page = look(client, hear_back="once", email_once="timur@post.example", background="I haul grain.", verbatim="yes")
    assert page.texts("h3.head") == ["The Silos", SHOWN]
    assert page.count("Yes, that answers my question") == 1
    assert "general" not in page
    assert "&lt;i&gt;" in page.html
    assert "timur@post.example" in page
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Letter)) == 1
        assert [doc.text for doc in session.scalars(select(DeskDoc)) if "Please tell me" in doc.text] == []
    # What the page's own form sends is what was typed, under the same token, and the robots' trap.
    sent = page.form("/steppe/send").fields
    typed = {"body", "background", "hear_back", "email_once", "verbatim", "form", "leave_empty"}
    assert [len(name) for name in sent.keys() - typed] == [9]  # one field has a name that is new in each response
    assert typed <= sent.keys()
    response = client.post("/steppe/send", data={**sent, "then": "send"})
    assert len(read_receipt(response.text)) == 20
    with database.read() as session:
        letter = session.scalars(select(Letter).order_by(Letter.received_at.desc(), Letter.id.desc())).first()
        assert letter is not None
        assert (letter.body, letter.background, letter.hear_back, letter.verbatim) == (
            DRAFT,
            "I haul grain.",
            "once",
            True,
        )
    joined = client.post(f"/steppe/ask/{key}", data={"form": page.value("form")})
    assert len(read_receipt(joined.text)) == 20
    assert read_receipt(joined.text) != read_receipt(response.text)


def test_one_can_go_back_and_nothing_is_lost(client: FlaskClient, newsroom: Newsroom) -> None:
    page = look(client, background="I haul grain.")
    assert "Does one of these answer your question?" not in page
    back = send_question(client, body=DRAFT, background="I haul grain.", then="choices")
    assert (back.status_code, "I haul grain." in back.text, "Please tell me who built" in back.text) == (
        200,
        True,
        True,
    )
    short = send_question(client, body="?", then="look")
    assert (short.status_code, "too short" in short.text) == (400, True)


def test_what_the_desk_took_down_is_not_offered_even_before_the_index_knows(
    database: Database, client: FlaskClient, newsroom: Newsroom
) -> None:
    key = newsletter_of_silos(database, client, newsroom)

    def hide(session: object) -> None:
        actions.show(session, newsroom.nora, session.scalars(select(Question).filter_by(public_id=key)).one(), False)  # type: ignore[arg-type, attr-defined]

    database.write(hide)
    assert SHOWN not in look(client)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(PublicDoc)) == 2


def test_search_finds_what_ran_and_its_words_stand_in_no_address(
    database: Database, client: FlaskClient, newsroom: Newsroom
) -> None:
    newsletter_of_silos(database, client, newsroom)
    found = client.post("/steppe/answers", data={"words": "asked mill"})
    assert found.status_code == 303
    address = found.headers["Location"]
    assert re.fullmatch(r"/steppe/found/[\w=-]+", address)
    sealed = urlsafe_b64decode(address.rpartition("/")[2])
    assert [word for word in ("asked", "mill") if word in address or word.encode() in sealed] == []
    shown = client.get(address)
    assert (shown.status_code, shown.headers["Cache-Control"]) == (200, "no-store")
    page = Page(shown.text)
    assert page.texts("h2.head > a") == ["The Silos"]
    assert page.texts("mark") == ["asked", "mill"]
    assert [one for one in page.urls if "mill" in one or "asked" in one] == []
    assert (page.title != "", "mill" in page.title) == (True, False)
    for words, count in (("rent", 0), ("general", 0), ("<script>", 0), ("", 0), ("silo", 1)):
        page = Page(client.post("/steppe/answers", data={"words": words}, follow_redirects=True).text)
        assert len(page.texts("h2.head")) == count, words
    assert get_form_token(client)


def test_addresses_of_searches_are_equally_long_and_never_the_same(client: FlaskClient, newsroom: Newsroom) -> None:
    addresses = [
        client.post("/steppe/answers", data={"words": words}).headers["Location"]
        for words in ("a", "a", "the general’s brother", "", "کارگران " * 25, "🌾" * 250)
    ]
    assert (len(set(addresses)), len({len(address) for address in addresses})) == (6, 1)


def test_an_address_of_a_search_ends_after_an_hour_and_is_of_one_newsletter(
    database: Database, client: FlaskClient, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    newsletter_of_silos(database, client, newsroom)
    database.write(create_coast_newsletter)
    address = client.post("/steppe/answers", data={"words": "silo"}).headers["Location"]
    others = [address.replace("/steppe/", "/coast/"), f"{address[:-9]}AAAAAAAA=", "/steppe/found/x", "/steppe/found/é"]
    assert [client.get(other).status_code for other in others] == [410] * 4
    started_at = unix_time()
    for seconds, status, headlines in ((3_500, 200, ["The Silos"]), (3_700, 410, [])):
        monkeypatch.setattr(archive_search, "unix_time", lambda seconds=seconds: started_at + seconds)
        shown = client.get(address)
        assert (shown.status_code, Page(shown.text).texts("h2.head > a")) == (status, headlines)
    assert "This search has expired. Type your words again." in shown.text
    assert Page(shown.text).value("words") == ""


def test_a_long_list_of_results_goes_on(database: Database, client: FlaskClient, newsroom: Newsroom) -> None:
    for number in range(5):
        publish_answer(database, newsroom, [], headline=f"Silo {number}", body=f"Who built silo number {number}?")
    index_due(database)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archive_search, "PAGE_SIZE", 2)
        for words in ("number", "numberr"):
            page = Page(client.post("/steppe/answers", data={"words": words}, follow_redirects=True).text)
            shown = page.texts("h2.head > a")
            while older := [href for text, href in page.links if text == "Older"]:
                page = Page(client.get(older[0]).text)
                shown += page.texts("h2.head > a")
            assert (words, shown) == (words, [f"Silo {number}" for number in (4, 3, 2, 1, 0)])
