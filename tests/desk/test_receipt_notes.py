"""Nora asks Timur something at his receipt: he left no address, and answers there when he comes back."""

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.audit import Event
from app.core.clock import utc_now
from app.db.engine import Database
from app.letters.models import Addition, Letter, ReceiptNote
from app.newsletters.models import Newsletter
from app.workflows.overview import digest
from tests.support.desk import Desk, get_version
from tests.support.pages import Page
from tests.support.reader_pages import answer_letters, publish_answer, read_receipt, send_question
from tests.support.sample_newsroom import Newsroom

SALT = "Who counts the salt in our orchard?"
WHICH = "Which year do you mean?"
YEAR = "The year of the late frost, 2019."


@pytest.fixture
def timur(client: FlaskClient, newsroom: Newsroom) -> str:
    """His receipt; he left no address."""
    return read_receipt(send_question(client, body=SALT).text)


@pytest.fixture
def letter(database: Database, timur: str) -> Letter:
    with database.read() as session:
        return session.scalars(select(Letter)).one()


def open_receipt(client: FlaskClient, receipt: str, act: str = "", **fields: str) -> Any:
    return client.post(f"/steppe/receipt{act}", data={"receipt": receipt, **fields})


def leave(nora: Desk, letter: Letter, note: str = WHICH, status: int = 303) -> str:
    shown = get_version(nora.get(f"/letters/{letter.public_id}"))
    return nora.post(f"/letters/{letter.public_id}/note", status, note=note, version=shown)


def notes(database: Database) -> list[tuple[str, str | None]]:
    with database.read() as session:
        found = session.scalars(select(ReceiptNote).order_by(ReceiptNote.id))
        return [(one.body, one.addition.body if one.addition else None) for one in found]


def test_a_note_is_read_and_answered_at_the_receipt(
    nora: Desk, client: FlaskClient, database: Database, newsroom: Newsroom, timur: str, letter: Letter
) -> None:
    assert "Nora Lind asks you" not in open_receipt(client, timur).text
    leave(nora, letter)
    page = open_receipt(client, timur).text
    assert Page(page).texts("#asks, #asks + .quotation") == ["Nora Lind asks you", WHICH]
    assert SALT not in page
    answer = open_receipt(client, timur, "/answer", reply=YEAR)
    assert (answer.status_code, "It is sent." in answer.text, WHICH in answer.text) == (200, True, False)
    assert notes(database) == [(WHICH, YEAR)]
    read = Page(nora.get(f"/letters/{letter.public_id}"))
    assert [text for text in read.texts(".note, .said") if text in (WHICH, YEAR)] == [WHICH, YEAR]
    [line] = [link for link in Page(nora.get("/")).links if link[0] == "A reader has written back to your note"]
    assert line[1] == f"/desk/steppe/letters/{letter.public_id}"


def test_a_reloaded_answer_is_taken_once_and_a_second_one_finds_no_note(
    nora: Desk, client: FlaskClient, database: Database, timur: str, letter: Letter
) -> None:
    leave(nora, letter)
    sent = [open_receipt(client, timur, "/answer", reply=reply).status_code for reply in (YEAR, YEAR, "Or 2020.")]
    assert sent == [200, 200, 409]
    assert notes(database) == [(WHICH, YEAR)]


def test_words_that_were_added_before_are_an_answer_too(
    nora: Desk, client: FlaskClient, database: Database, timur: str, letter: Letter
) -> None:
    open_receipt(client, timur, "/add", more=YEAR)
    for note in (WHICH, "And the second frost?"):
        leave(nora, letter, note)
        assert open_receipt(client, timur, "/answer", reply=YEAR).status_code == 200
    assert notes(database) == [(WHICH, YEAR), ("And the second frost?", YEAR)]


@pytest.mark.parametrize(("act", "checkbox"), [("/answer", "reply"), ("/add", "more")])
def test_what_comes_after_the_end_is_not_said_to_be_read(
    nora: Desk, client: FlaskClient, database: Database, timur: str, letter: Letter, act: str, checkbox: str
) -> None:
    leave(nora, letter)
    nora.post(
        f"/letters/{letter.public_id}/end",
        reason="later",
        version=get_version(nora.get(f"/letters/{letter.public_id}")),
    )
    page = open_receipt(client, timur, act, **{checkbox: YEAR})
    assert (page.status_code, "The desk reads it together" in page.text) == (409, False)
    assert notes(database) == [(WHICH, None)]


def test_an_empty_or_long_answer_is_said_at_its_field_and_stays_typed(
    nora: Desk, client: FlaskClient, database: Database, timur: str, letter: Letter
) -> None:
    leave(nora, letter)
    long = "The late frost. " * 150
    for reply, said in ((" ", "Write what you would like to add."), (long, "That is longer than 2,000 characters")):
        page = open_receipt(client, timur, "/answer", reply=reply)
        [(place, words)] = Page(page.text).errors
        assert (page.status_code, place, words.startswith(said)) == (400, "reply", True)
    assert long.strip() in page.text
    assert notes(database) == [(WHICH, None)]


def test_a_note_says_what_is_wrong_with_it_and_stays_typed(nora: Desk, database: Database, letter: Letter) -> None:
    for note, said in ((" ", "Write what you want to ask"), ("Which? " * 80, "A note has 500 characters at most")):
        page = leave(nora, letter, note, 422)
        assert said in page
        assert Page(page).value("note").strip() == note.strip()
    assert notes(database) == []


def test_one_note_waits_at_a_time_and_can_be_taken_back(
    nora: Desk, client: FlaskClient, database: Database, timur: str, letter: Letter
) -> None:
    leave(nora, letter)
    page = nora.get(f"/letters/{letter.public_id}")
    assert "Ask its reader, at their receipt" not in page
    nora.post(f"/letters/{letter.public_id}/note", 409, note="And whose orchard?", version=get_version(page))
    nora.post(f"/letters/{letter.public_id}/note/back", version=get_version(page))
    assert notes(database) == []
    assert WHICH not in open_receipt(client, timur).text
    nora.post(f"/letters/{letter.public_id}/note/back", 409, version=get_version(page))
    with database.read() as session:
        actions = session.scalars(
            select(Event.action).where(Event.action.startswith("letter.")).order_by(Event.id)
        ).all()
    assert actions == ["letter.send", "letter.ask", "letter.unask"]


def test_five_notes_are_enough(nora: Desk, client: FlaskClient, timur: str, letter: Letter) -> None:
    for number in range(5):
        leave(nora, letter, f"Which year, number {number}?")
        assert open_receipt(client, timur, "/answer", reply=f"Year {number}.").status_code == 200
    page = nora.get(f"/letters/{letter.public_id}")
    assert "Ask its reader, at their receipt" not in page
    nora.post(f"/letters/{letter.public_id}/note", 409, note=WHICH, version=get_version(page))


def test_nothing_is_asked_where_nobody_could_answer(
    nora: Desk, database: Database, newsroom: Newsroom, letter: Letter
) -> None:
    """A receipt that came by mail may have been read on its way, and what ran is over."""

    def asks() -> bool:
        return "Ask its reader, at their receipt" in nora.get(f"/letters/{letter.public_id}")

    found = [asks()]
    for mailed in (True, False):
        database.write(lambda s, mailed=mailed: setattr(s.get_one(Letter, letter.id), "receipt_mailed", mailed))
        found.append(asks())
    publish_answer(database, newsroom, [letter.id])
    assert [*found, asks()] == [True, False, True, False]


@pytest.mark.threat("erased words")
def test_a_withdrawal_takes_notes_and_answers_along(
    nora: Desk, client: FlaskClient, database: Database, timur: str, letter: Letter
) -> None:
    leave(nora, letter)
    open_receipt(client, timur, "/answer", reply=YEAR)
    leave(nora, letter, "And whose orchard is it?")
    assert open_receipt(client, timur, "/withdraw").status_code == 200
    with database.read() as session:
        assert (session.scalars(select(ReceiptNote)).all(), session.scalars(select(Addition)).all()) == ([], [])
    assert open_receipt(client, timur, "/answer", reply="Late.").status_code == 409


def test_the_exchange_stands_on_the_questions_page_and_in_its_story(
    nora: Desk, client: FlaskClient, database: Database, newsroom: Newsroom, timur: str, letter: Letter
) -> None:
    question = answer_letters(database, newsroom, [letter.id])
    leave(nora, letter)
    open_receipt(client, timur, "/answer", reply=YEAR)
    page = Page(nora.get(f"/questions/{question}"))
    assert [text for text in page.texts(".note, .said") if text in (WHICH, YEAR)] == [WHICH, YEAR]
    for line in ("Nora Lind left a note at a reader’s receipt.", "A reader wrote back to the note at their receipt."):
        assert line in page.main_text


def test_the_morning_after_the_desk_is_told_once_and_without_a_word_of_it(
    nora: Desk, client: FlaskClient, database: Database, newsroom: Newsroom, timur: str, letter: Letter
) -> None:
    leave(nora, letter)
    open_receipt(client, timur, "/answer", reply=YEAR)
    mornings = []
    for days in range(3):
        with database.read(utc_now() + timedelta(days=days)) as session:
            found = digest.list_sections(session, session.get_one(Newsletter, newsroom.newsletter_id))
        mornings.append([(one.number, one.lines) for one in found if one.kind == "notes"])
    assert mornings == [[], [(1, ())], []]
