"""Nora goes from section to section by keyboard: g, then the letter of the section, on every page of the desk."""

import pytest
from playwright.sync_api import Page, expect

from app.db.engine import Database
from tests.support.desk_browsers import Desks
from tests.support.letters import get_letter, send_letter
from tests.support.sample_newsroom import Newsroom
from tests.support.waiting import wait_for_next_page

pytestmark = pytest.mark.browser


def press(page: Page, *keys: str) -> None:
    with wait_for_next_page(page):
        for key in keys:
            page.keyboard.press(key)


def current_section(page: Page) -> str | None:
    return page.locator(".sections [aria-current]").get_attribute("data-go")


def test_g_and_the_letter_of_each_section_leads_there_and_the_help_lists_them(desks: Desks, newsroom: Newsroom) -> None:
    page = desks.open(desks.of(newsroom.nora), "settings")
    letters = page.locator("[data-go]").evaluate_all("links => links.map(link => link.dataset.go)")
    for letter in letters:
        press(page, "g", letter)
        assert current_section(page) == letter
    page.keyboard.press("?")
    listed = page.locator(".keys-help dt:visible").all_inner_texts()
    assert listed == [f"g {letter}" for letter in letters]


def test_the_letter_behind_a_g_files_nothing(desks: Desks, database: Database, newsroom: Newsroom) -> None:
    letter = send_letter(database, newsroom, "Who measures the salt?")
    page = desks.open(desks.of(newsroom.nora), f"letters/{letter}")
    press(page, "g", "q")
    assert current_section(page) == "q"
    assert get_letter(database, letter).state == "received"


def test_tab_behind_a_g_still_moves_the_focus(desks: Desks, newsroom: Newsroom) -> None:
    page = desks.open(desks.of(newsroom.nora), "settings")
    page.keyboard.press("Tab")
    first = page.locator(":focus").inner_text()
    page.reload()
    page.keyboard.press("g")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text(first)


def test_whoever_types_stays_where_they_are(desks: Desks, newsroom: Newsroom) -> None:
    page = desks.open(desks.of(newsroom.nora), "letters/new")
    page.locator("#body").press_sequentially("glg?")
    expect(page.locator("#body")).to_have_value("glg?")
    page.keyboard.press("Tab")
    assert page.url.endswith("/letters/new")


def test_keys_that_are_turned_off_do_nothing_anywhere(desks: Desks, newsroom: Newsroom) -> None:
    page = desks.open(desks.of(newsroom.nora), "settings")
    page.keyboard.press("?")
    page.get_by_role("button", name="Turn the keys off").click()
    page.goto(desks.address("/desk/steppe/experts"))
    for key in ("g", "l", "?"):
        page.keyboard.press(key)
    expect(page.locator(".keys-help")).not_to_have_attribute("open", "")
    assert current_section(page) == "x"
