"""Nora mends what ran at the desk: the form says what is wrong, and of two at once the second is told."""

import pytest
from sqlalchemy import select

from app.answers.models import Answer
from app.db.engine import Database
from app.editions.models import Correction, Edition, EditionItem
from app.workflows.publishing import publication
from tests.support.desk import Desk, get_version_token
from tests.support.pages import Page
from tests.support.reader_pages import get_question, publish_answer
from tests.support.sample_newsroom import Newsroom

WRONG, RIGHT = "We wrote that nobody knows.", "The mill in Nukus knows."


@pytest.fixture
def page(database: Database, newsroom: Newsroom) -> str:
    """The page of a question that ran."""
    return f"/questions/{publish_answer(database, newsroom, [])}"


def form(nora: Desk, page: str, act: str = "correct", **typed: str) -> dict[str, str]:
    """The form as it is opened, with what is typed into it."""
    path = f"{page}/{act}"
    fields = dict(nora.get(path).form(nora.address(path)).fields)
    fields.pop("csrf_token")
    fields.pop("runs", None)
    return fields | typed


def list_corrections(database: Database) -> list[tuple[str, str]]:
    with database.read() as session:
        return [(one.wrong, one.right) for one in session.scalars(select(Correction).order_by(Correction.id))]


def test_the_page_leads_to_a_correction_and_says_what_it_did(nora: Desk, database: Database, page: str) -> None:
    assert nora.get(page).part("main").links[:3].count(("Correct what ran", f"{nora.base_path}{page}/correct")) == 1
    led = nora.post(f"{page}/correct", **form(nora, page, wrong=WRONG, right=RIGHT, **{"answer-1": "The mill knows."}))
    assert nora.get(led).notice.startswith("It is corrected on its page, in the feeds and in the list")
    assert list_corrections(database) == [(WRONG, RIGHT)]
    with database.read() as session:
        edition = session.scalars(select(Edition).filter_by(state="sent")).one()
        item = session.scalars(select(EditionItem)).one()
    record = nora.get(f"editions/{edition.public_id}")
    assert record.texts("code.hash")[-2:] == [item.sha256, edition.sha256]
    assert ("readers’ pages show the corrected text" in record.main_text, "Nobody knows." in record.main_text) == (
        True,
        True,
    )
    assert record.texts(".slot .late") == []


def test_a_name_and_a_credit_line_are_corrected_in_the_same_form(nora: Desk, database: Database, page: str) -> None:
    opened = nora.get(f"{page}/correct")
    as_printed = ["Leyla Aydın", "soil scientist at the Karakum Field Station"]
    assert [opened.value(name) for name in ("name-1", "credit_line-1")] == as_printed
    typed = {"wrong": WRONG, "right": RIGHT, "name-1": "Leyla Aydin", "credit_line-1": "geographer in Osh"}
    nora.post(f"{page}/correct", **form(nora, page, **typed))
    again = nora.get(f"{page}/correct")
    assert [again.value(name) for name in ("name-1", "credit_line-1")] == ["Leyla Aydin", "geographer in Osh"]
    assert "Nora Lind corrected what ran." in nora.get_text(f"{page}?show=all")
    # Words for somebody's safety leave the name as it was corrected.
    nora.post(f"{page}/protect", **form(nora, page, "protect", headline="The Barns"))
    assert nora.get(f"{page}/correct").value("name-1") == "Leyla Aydin"


LACKING: list[tuple[dict[str, str], str, str]] = [
    ({}, "wrong", "Say in a sentence what was wrong."),
    ({"wrong": WRONG}, "right", "Say in a sentence what is right."),
    ({"wrong": "x" * 601, "right": RIGHT}, "wrong", "This is too long: the limit is 600 characters"),
    ({"quietly": "1"}, "headline", "Nothing is changed yet"),
    ({"quietly": "1", "answer-1": "Somebody knows."}, "quietly", "More than a typo changes"),
    ({"quietly": "1", "wrong": WRONG}, "quietly", "There is a note above"),
    ({"wrong": WRONG, "right": RIGHT, "answer-1": " "}, "answer-1", "No answer may be empty"),
    ({"wrong": WRONG, "right": RIGHT, "name-1": " "}, "name-1", "A name is missing"),
    ({"wrong": WRONG, "right": RIGHT, "credit_line-1": "x" * 401}, "credit_line-1", "This is too long"),
    ({"wrong": "It named timur@post.example.", "right": RIGHT}, "looked", "Somebody could be reached"),
]


def test_what_is_lacking_is_said_and_what_was_typed_is_kept(nora: Desk, database: Database, page: str) -> None:
    for typed, at, said in LACKING:
        again = Page(nora.post(f"{page}/correct", 422, **form(nora, page, **typed)))
        [(place, words)] = again.error_summary
        assert (place, words[: len(said)]) == (at, said)
        kept = {name: text for name, text in typed.items() if name != "quietly"}
        assert {name: again.value(name) for name in kept} == kept
    assert list_corrections(database) == []


def test_letters_within_a_word_are_corrected_without_a_note_for_a_reason_that_the_trail_keeps(
    nora: Desk, database: Database, page: str
) -> None:
    typo = {"quietly": "1", "answer-1": "Nobody konws.\n\nWe asked the mill."}
    nora.post(f"{page}/correct", **form(nora, page, wrong=WRONG, right=RIGHT, **{"answer-1": typo["answer-1"]}))
    respelt = typo | {"answer-1": "Nobody knows.\n\nWe asked the mill."}
    again = Page(nora.post(f"{page}/correct", 422, **form(nora, page, **respelt)))
    assert again.error_summary == [("why", "Letters change: say why readers need no note.")]
    led = nora.post(f"{page}/correct", **form(nora, page, **respelt, why="Two letters were swapped."))
    assert nora.get(led).notice.startswith("The typo is corrected.")
    assert list_corrections(database) == [(WRONG, RIGHT)]
    trail = nora.get(page).main_text
    said = ("corrected spelling in what ran, and noted why readers need no note", "Two letters were swapped.")
    assert [words in trail for words in said] == [True, True]


def test_a_press_that_comes_twice_corrects_once_and_of_two_editors_the_second_is_told(
    nora: Desk, vera: Desk, database: Database, page: str
) -> None:
    of_vera = form(vera, page, wrong="It was Aral.", right="It is Osh.", **{"answer-1": "Osh knows."})
    sent = form(nora, page, wrong=WRONG, right=RIGHT, **{"answer-1": "The mill knows."})
    assert nora.post(f"{page}/correct", **sent) == nora.post(f"{page}/correct", **sent)
    assert list_corrections(database) == [(WRONG, RIGHT)]
    late = Page(vera.post(f"{page}/correct", 409, **of_vera))
    assert "Nora Lind corrected what ran" in late.main_text
    assert {"It was Aral.", "It is Osh.", "Osh knows."} <= {*late.texts("textarea")}
    assert list_corrections(database) == [(WRONG, RIGHT)]


def test_what_was_withdrawn_meanwhile_is_not_corrected(
    nora: Desk, database: Database, newsroom: Newsroom, page: str
) -> None:
    sent = form(nora, page, wrong=WRONG, right=RIGHT)
    public_id = page.rpartition("/")[2]
    database.write(
        lambda s: publication.retract(s, newsroom.nora, get_question(s, public_id), "Somebody is in danger.")
    )
    late = nora.post(f"{page}/correct", 409, **sent)
    assert ("withdrew its page" in Page(late).main_text, list_corrections(database)) == (True, [])
    assert nora.open(f"{page}/correct").status_code == 409
    # It is erased for good at one press, and nothing offers then to put it back.
    assert "Put its public page back" in nora.get(page).buttons
    erased = {"seen": get_version_token(nora.get(page), "forget-words")}
    nora.post(f"{page}/forget-words", **erased)
    assert "Put its public page back" not in nora.get(page).buttons
    assert [nora.open(path).status_code for path in (page, "archive")] == [200, 200]


def test_other_words_for_safety_are_put_in_place_with_what_cannot_be_called_back(
    nora: Desk, ilya: Desk, database: Database, page: str
) -> None:
    opened = nora.get(f"{page}/protect").main_text
    assert "What can’t be called back" in opened
    assert [word in opened for word in ("mailed", "Plain HTML", "Web archives", "search engines", "Backups")] == [
        True
    ] * 5
    safe = {"headline": "The Barns", "wording": "Who owns such barns?", "answer-1": "One owner is known."}
    sent = form(nora, page, "protect", **safe)
    assert Page(nora.post(f"{page}/protect", 422, **form(nora, page, "protect"))).error_summary[0][0] == "headline"
    assert nora.post(f"{page}/protect", **sent) == nora.post(f"{page}/protect", **sent)
    with database.read() as session:
        edition = session.scalars(select(Edition).filter_by(state="sent")).one()
        assert session.scalars(select(Answer)).one().is_approved
    record = nora.get(f"editions/{edition.public_id}").main_text
    assert ("Its words were erased on" in record, "Nobody knows" in record, "hash doesn’t match" in record) == (
        True,
        False,
        False,
    )
    assert [ilya.open(f"{page}/{act}").status_code for act in ("correct", "protect")] == [404, 404]
    for act in ("correct", "protect", "forget-words"):
        ilya.post(f"{page}/{act}", 404, **safe)
