"""Nora and Ilya type at the desk in real browsers: a closed tab, a link pressed and a cut line lose nothing."""

import re

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from app.db.engine import Database
from app.letters.models import Letter
from tests.support.desk import FIRST_QUESTION, ComingEdition
from tests.support.desk_browsers import Desks
from tests.support.letters import open_question
from tests.support.network_faults import CuttableConnection
from tests.support.sample_newsroom import Newsroom
from tests.support.waiting import click_and_wait, wait_for_next_page, wait_until

pytestmark = pytest.mark.browser
TYPED = "Who measures the salt that the wind carries?"
KEPT, NOT_KEPT = "Kept as a draft at", "Not kept yet."


@pytest.fixture
def question(database: Database, newsroom: Newsroom) -> str:
    return f"questions/{open_question(database, newsroom)}"


def type_wording(page: Page, text: str) -> None:
    while not page.locator("#body").is_visible():
        page.locator("details:has(#body):not([open]) > summary").first.click()
    page.fill("#body", text)


def says(page: Page, text: str) -> None:
    expect(page.locator("form p[role=status]", has_text=text).first).to_be_visible()


def test_a_closed_tab_loses_nothing_and_what_was_sent_is_not_offered(
    desks: Desks, newsroom: Newsroom, question: str
) -> None:
    nora = desks.of(newsroom.nora)
    page = desks.open(nora, question)
    type_wording(page, TYPED)
    says(page, KEPT)
    page.close()
    page = desks.open(nora, question)
    expect(page.locator("#body")).to_have_value(TYPED)
    expect(page.get_by_text("It is in the form again.")).to_be_visible()
    click_and_wait(page.get_by_role("button", name="Save the wording"))
    assert desks.drafts() == 0
    expect(page.get_by_text("It is in the form again.")).to_have_count(0)


def test_a_link_pressed_at_once_loses_nothing(desks: Desks, newsroom: Newsroom) -> None:
    nora = desks.of(newsroom.nora, width=390)
    page = desks.open(nora, "letters/new")
    page.fill("#body", TYPED)
    page.get_by_role("link", name="Back to the letters").click()
    wait_until(lambda: desks.drafts() == 1, "the draft is kept")
    page.goto(desks.address("/desk/steppe/letters/new"))
    expect(page.locator("#body")).to_have_value(TYPED)


def test_only_where_saving_failed_the_page_says_so_and_warns(
    desks: Desks, newsroom: Newsroom, connection: CuttableConnection
) -> None:
    nora = desks.of(newsroom.nora)
    page = desks.open(nora, "letters/new")
    warned: list[str] = []
    page.on("dialog", lambda dialog: (warned.append(dialog.type), dialog.dismiss()))
    page.fill("#body", "Who measures")
    says(page, KEPT)
    page.reload()
    assert warned == []
    connection.cut()
    page.fill("#body", TYPED)
    says(page, NOT_KEPT)
    page.close(run_before_unload=True)
    wait_until(lambda: warned, "the page warns", page=page)
    assert warned == ["beforeunload"]
    connection.restore()
    says(page, KEPT)
    page.reload()
    expect(page.locator("#body")).to_have_value(TYPED)


def test_two_who_type_into_one_field_are_both_told_beside_it(desks: Desks, newsroom: Newsroom, question: str) -> None:
    first, second = desks.open(desks.of(newsroom.ilya), question), desks.open(desks.of(newsroom.nora), question)
    type_wording(first, TYPED)
    says(first, KEPT)
    type_wording(second, "Who weighs it?")
    beside = second.locator(".field:has(#body) [data-typing]")
    expect(beside).to_have_text("Ilya Brandt is typing here too")
    type_wording(first, TYPED + " And where?")
    expect(first.locator(".field:has(#body) [data-typing]")).to_have_text("Nora Lind is typing here too")


def test_a_draft_of_before_somebody_elses_save_is_no_way_around_it(
    desks: Desks, newsroom: Newsroom, question: str
) -> None:
    nora, ilya = desks.of(newsroom.nora), desks.of(newsroom.ilya)
    page = desks.open(nora, question)
    type_wording(page, TYPED)
    says(page, KEPT)
    page.close()
    other = desks.open(ilya, question)
    type_wording(other, "Ilya words it.")
    click_and_wait(other.get_by_role("button", name="Save the wording"))
    page = desks.open(nora, question)
    expect(page.locator("#body")).to_have_value(TYPED)
    page.get_by_role("button", name="Save the wording").click()
    expect(page.get_by_role("heading", name="Ilya Brandt was faster")).to_be_visible()
    expect(page.locator(".btn--next")).to_have_text("Leave theirs, keep mine in a note")


def test_typed_back_to_what_stands_there_is_no_draft(desks: Desks, newsroom: Newsroom) -> None:
    page = desks.open(desks.of(newsroom.nora), "letters/new")
    page.fill("#body", TYPED)
    says(page, KEPT)
    page.fill("#body", "")
    wait_until(lambda: desks.drafts() == 0, "the draft is gone", page=page)


def test_a_double_click_keeps_one_letter(desks: Desks, newsroom: Newsroom, database: Database) -> None:
    page = desks.open(desks.of(newsroom.nora), "letters/new")
    page.fill("#body", TYPED)
    page.get_by_role("button", name="Keep the letter").dblclick()
    page.wait_for_url(re.compile(r"/letters/[0-9A-Z]{12}$"))
    with database.read() as session:
        assert session.scalar(select(func.count(Letter.id))) == 1


@pytest.mark.usefixtures("pause")
def test_a_double_click_on_mark_as_sent_leaves_it_sent(
    desks: Desks, newsroom: Newsroom, database: Database, coming_edition: ComingEdition
) -> None:
    """The second click comes when the page with "Recall it" in the same place is there."""
    for one in coming_edition.create_questions(FIRST_QUESTION):
        coming_edition.press("pick", question=one)
    coming_edition.press("lock", version=coming_edition.version())
    page = desks.open(desks.of(newsroom.nora), coming_edition.page)
    box = page.get_by_role("button", name="Mark as sent").bounding_box()
    assert box
    for _ in range(2):
        with wait_for_next_page(page):
            page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.get_by_text("this button came where you had just pressed another")).to_be_visible()
    assert coming_edition.get_contents()[0] == "sent"
