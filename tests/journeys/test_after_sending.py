"""After it was sent: Nora mends an answer at her desk, Timur reads it mended on his phone; then somebody is in danger."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from app.db.engine import Database
from tests.support.reader_pages import publish_answer
from tests.support.sample_newsroom import Newsroom
from tests.support.user_browsers import UserBrowser, UserBrowsers

pytestmark = pytest.mark.browser
WRONG, RIGHT = "We wrote that nobody knows who built them.", "The mill in Nukus knows, and says so."


@pytest.fixture
def browsers(
    chromium: Browser, database: Database, newsroom: Newsroom, site: str, tmp_path: Path
) -> Iterator[UserBrowsers]:
    made = UserBrowsers(chromium, database, site, tmp_path / "mail", True)
    yield made
    made.close()


def picture(browser: UserBrowser, name: str) -> None:
    """A picture for whoever wants to look: where SHOTS says so."""
    if folder := os.environ.get("SHOTS"):
        browser.page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def test_nora_mends_what_ran_and_timur_reads_it_mended(browsers: UserBrowsers, newsroom: Newsroom) -> None:
    public_id = publish_answer(browsers.database, newsroom, [])
    nora, timur = browsers.sign_in_staff(), browsers.open_browser(390)
    nora.open(f"/desk/steppe/questions/{public_id}")
    nora.press("Correct what ran")
    nora.expect_heading("Correct what ran")
    nora.write("What was wrong, in a sentence", WRONG)
    nora.write("What is right, in a sentence", RIGHT)
    nora.write("The answer of Leyla Aydın", "The mill knows.\n\nWe asked the mill.")
    picture(nora, "desk-correct")
    nora.press("Publish the correction")
    expect(nora.page.get_by_text("It is corrected on its page")).to_be_visible()

    timur.open("/steppe/answers")
    timur.press("Corrections")
    expect(timur.page.get_by_text(RIGHT)).to_be_visible()
    picture(timur, "reader-corrections")
    timur.press("The Silos")
    expect(timur.page.get_by_text("The mill knows.")).to_be_visible()
    expect(timur.page.locator(".corrections")).to_contain_text(WRONG)
    picture(timur, "reader-story")

    nora.unfold("Its public page")
    nora.press("Reword it for somebody’s safety")
    expect(nora.page.get_by_text("What can’t be called back")).to_be_visible()
    nora.write("Headline", "The Barns")
    nora.write("The question", "Who owns such barns?")
    nora.write("The answer of Leyla Aydın", "One owner is known.")
    picture(nora, "desk-protect")
    nora.press("Replace the text with these words now")
    expect(nora.page.get_by_text("the former ones are erased here")).to_be_visible()
    picture(nora, "desk-question")

    timur.page.reload()  # within a minute his browser may show what it has kept
    timur.check_page()
    timur.expect_heading("The Barns")
    expect(timur.page.get_by_text("One owner is known.")).to_be_visible()
    expect(timur.page.locator(".corrections")).to_have_count(0)
    if os.environ.get("SHOTS"):
        small = browsers.sign_in_staff(width=390)
        for name, path in (("correct", "correct"), ("protect", "protect")):
            small.open(f"/desk/steppe/questions/{public_id}/{path}")
            picture(small, f"desk-{name}-390")
