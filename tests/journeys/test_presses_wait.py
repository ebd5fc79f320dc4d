"""Nora presses at the desk while the line is down: the press waits on its page, says so, and goes out when the line is back."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from flask import Flask
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import select

from app.core.clock import utc_now
from app.db.engine import Database
from app.questions.models import QuestionText
from tests.support.desk import FIRST_QUESTION, ComingEdition
from tests.support.desk_browsers import Desks
from tests.support.letters import get_letter, open_question, send_letter
from tests.support.network_faults import CuttableConnection, LossyConnection, cut_connection, go_offline, reconnect
from tests.support.sample_newsroom import Newsroom
from tests.support.waiting import click_and_wait, wait_until

pytestmark = pytest.mark.browser
TYPED = "Who measures the salt that the wind carries?"
SAVE = "Save the wording"


def waits(press: str) -> str:
    return (
        f"“{press}” isn’t done yet: there is no connection. It waits here, and goes out as soon as there is one. "
        "Keep this page open."
    )


def says(page: Page, text: str) -> None:
    expect(page.locator("#waiting p")).to_have_text(text)


def wordings(database: Database) -> list[str | None]:
    with database.read() as session:
        return list(session.scalars(select(QuestionText.body).order_by(QuestionText.id)))


@pytest.fixture
def lossy(app: Flask) -> Iterator[LossyConnection]:
    lossy = LossyConnection(app)
    yield lossy
    lossy.close()


@pytest.fixture
def wording(desks: Desks, database: Database, newsroom: Newsroom) -> Page:
    """Nora's page of a question, on which she has worded it anew."""
    page = desks.open(desks.of(newsroom.nora), f"questions/{open_question(database, newsroom)}")
    while not page.locator("#body").is_visible():
        page.locator("details:has(#body):not([open]) > summary").first.click()
    page.fill("#body", TYPED)
    return page


@pytest.mark.parametrize("down", [go_offline, cut_connection])
def test_save_waits_with_all_that_was_typed_and_goes_out(
    wording: Page,
    database: Database,
    connection: CuttableConnection,
    down: Callable[[BrowserContext, CuttableConnection], None],
) -> None:
    before = wordings(database)
    down(wording.context, connection)
    wording.get_by_role("button", name=SAVE).click()
    says(wording, waits(SAVE))
    expect(wording.locator("#body")).to_have_value(TYPED)
    reconnect(wording.context, connection)
    wait_until(lambda: wordings(database) == [*before, TYPED], "the wording is saved", page=wording)
    expect(wording.locator("#waiting")).to_be_hidden()


def test_what_is_changed_while_it_waits_is_not_sent_by_itself(
    wording: Page, database: Database, connection: CuttableConnection
) -> None:
    before = wordings(database)
    connection.cut()
    wording.get_by_role("button", name=SAVE).click()
    says(wording, waits(SAVE))
    wording.fill("#body", "Who weighs it?")
    expect(wording.locator("#waiting")).to_be_hidden()
    connection.restore()
    expect(wording.locator("form p[role=status]", has_text="Kept as a draft at").first).to_be_visible()
    assert wordings(database) == before


def test_a_press_can_be_taken_back_while_it_waits(
    wording: Page, database: Database, connection: CuttableConnection
) -> None:
    before = wordings(database)
    connection.cut()
    wording.get_by_role("button", name=SAVE).click()
    wording.get_by_role("button", name="Don’t wait").click()
    expect(wording.locator("#waiting")).to_be_hidden()
    connection.restore()
    wording.reload()
    assert wordings(database) == before


def test_a_key_that_files_a_letter_waits_and_files_it(
    desks: Desks, database: Database, newsroom: Newsroom, connection: CuttableConnection
) -> None:
    letter = send_letter(database, newsroom, TYPED)
    page = desks.open(desks.of(newsroom.nora), f"letters/{letter}")
    connection.cut()
    page.keyboard.press("t")
    says(page, waits("Tip"))
    assert get_letter(database, letter).state == "received"
    connection.restore()
    expect(page.locator(".done p")).to_contain_text("Filed as: Tip.")
    assert get_letter(database, letter).filed_as == "tip"
    expect(page.locator("#waiting")).to_be_hidden()


def test_the_next_letter_is_opened_once_there_is_a_line(
    desks: Desks, database: Database, newsroom: Newsroom, connection: CuttableConnection
) -> None:
    send_letter(database, newsroom, "Who else?")
    letter = send_letter(database, newsroom, TYPED)
    page = desks.open(desks.of(newsroom.nora), f"letters/{letter}")
    connection.cut()
    page.keyboard.press("j")
    says(page, "There is no connection. The page opens as soon as there is one.")
    connection.restore()
    expect(page.locator(".pane")).to_contain_text("Who else?")


def test_where_the_response_was_lost_the_letter_is_filed_once(
    desks: Desks, database: Database, newsroom: Newsroom, lossy: LossyConnection
) -> None:
    letters = [send_letter(database, newsroom, body) for body in (TYPED, "Who else?")]
    page = desks.of(newsroom.nora).new_page()
    page.goto(f"{lossy.site}/desk/steppe/letters/{letters[0]}")
    lossy.loss = "response"
    page.keyboard.press("t")
    wait_until(lambda: lossy.lost_pages, "the letter is filed", page=page)
    lossy.loss = "nothing"
    expect(page.locator(".done p")).to_contain_text("Filed as: Tip.")
    assert [get_letter(database, letter).filed_as for letter in letters] == ["tip", None]


def test_a_press_that_is_lost_each_time_is_sent_again_only_after_a_pause(
    desks: Desks, database: Database, newsroom: Newsroom, lossy: LossyConnection
) -> None:
    """The desk can be reached, but each response to this press is lost."""
    letter = send_letter(database, newsroom, TYPED)
    page = desks.of(newsroom.nora).new_page()
    page.clock.install()
    page.goto(f"{lossy.site}/desk/steppe/letters/{letter}")
    page.clock.pause_at(utc_now() + timedelta(minutes=1))
    lossy.loss = "response"
    page.keyboard.press("t")
    for attempts, next_loss in ((1, "response"), (2, "nothing")):
        wait_until(lambda attempts=attempts: lossy.lost_pages[attempts - 1 :], "the letter is filed", page=page)
        says(page, waits("Tip"))
        assert len(lossy.lost_pages) == attempts
        lossy.loss = next_loss
        # Emptied, it says when the page has noticed the next loss.
        page.locator("#waiting p").evaluate("status => status.textContent = ''")
        page.clock.run_for(3000)
    expect(page.locator(".done p")).to_contain_text("Filed as: Tip.")


def test_a_slot_is_filled_once_there_is_a_line(
    desks: Desks, newsroom: Newsroom, coming_edition: ComingEdition, connection: CuttableConnection
) -> None:
    coming_edition.create_questions(FIRST_QUESTION)
    page = desks.open(desks.of(newsroom.nora), coming_edition.page)
    connection.cut()
    page.get_by_role("button", name="Put in slot 1").click()
    says(page, waits("Put in slot 1"))
    connection.restore()
    expect(page.get_by_role("button", name="Take out")).to_be_visible()
    assert coming_edition.get_contents() == ("planned", [FIRST_QUESTION])


def test_with_a_line_nothing_is_said(wording: Page, database: Database) -> None:
    before = wordings(database)
    click_and_wait(wording.get_by_role("button", name=SAVE))
    assert wordings(database) == [*before, TYPED]
    expect(wording.locator("#waiting")).to_be_hidden()
