"""The archive on a phone and at a desk: from a topic to an answer, from a name to all that ran under it, and on paper."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from app.db.engine import Database
from app.workflows.indexing import index_due
from tests.support import user_browsers
from tests.support.reader_pages import add_topic_and_expert_page, publish_answer
from tests.support.sample_newsroom import Newsroom
from tests.support.user_browsers import UserBrowser, UserBrowsers

pytestmark = pytest.mark.browser


@pytest.fixture
def browsers(
    chromium: Browser, database: Database, newsroom: Newsroom, site: str, tmp_path: Path
) -> Iterator[UserBrowsers]:
    made = UserBrowsers(chromium, database, site, tmp_path / "mail", True)
    yield made
    made.close()


def look(browser: UserBrowser, name: str) -> None:
    """Nothing sticks out and axe finds nothing, by day and by night; a picture for whoever wants one: where SHOTS says so."""
    for width in (390, 1440):
        browser.page.set_viewport_size({"width": width, "height": 900})
        for scheme in ("light", "dark"):
            browser.page.emulate_media(color_scheme=scheme)
            assert browser.page.evaluate("document.documentElement.scrollWidth") <= width
            assert (name, width, scheme, list(user_browsers.find_accessibility_faults(browser.page))) == (
                name,
                width,
                scheme,
                [],
            )
            if folder := os.environ.get("SHOTS"):
                browser.page.screenshot(path=f"{folder}/{name}-{width}-{scheme}.png", full_page=True)


def test_timur_goes_through_the_archive_and_prints_what_he_finds(browsers: UserBrowsers, newsroom: Newsroom) -> None:
    publish_answer(browsers.database, newsroom, [], headline="The Scales", body="Who built the scales at the silos?")
    public_id = publish_answer(browsers.database, newsroom, [], ties="The mill pays for our gauges.")
    add_topic_and_expert_page(browsers.database, newsroom, public_id)
    timur = browsers.open_browser(390)
    timur.open("/steppe/answers")
    timur.press("Grain")
    timur.expect_heading("Grain")
    look(timur, "topic")
    timur.press("The Silos")
    timur.expect_heading("The Silos")
    look(timur, "story")

    timur.page.emulate_media(media="print", color_scheme="light")
    for away in (".nav", ".further", ".call", ".foot"):
        expect(timur.page.locator(away).first).to_be_hidden()
    for there in ("h1", ".article-q", ".quotation", ".masthead-name"):
        expect(timur.page.locator(there).first).to_be_visible()
    expect(timur.page.get_by_text(f"/steppe/q/{public_id}/the-silos")).to_be_visible()
    paper = timur.page.pdf(format="A4")
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) == 1
    if folder := os.environ.get("SHOTS"):
        timur.page.screenshot(path=f"{folder}/story-print.png", full_page=True)
    timur.page.emulate_media(media="screen")

    timur.press("Leyla Aydın")
    timur.expect_heading("Leyla Aydın")
    expect(timur.page.locator(".listing .head")).to_have_text(["The Silos", "The Scales"])
    look(timur, "expert")
    timur.press("The Scales")
    timur.press("The Silos")  # the one after it
    timur.expect_heading("The Silos")


def test_back_from_a_result_shows_the_list_again(browsers: UserBrowsers, newsroom: Newsroom) -> None:
    publish_answer(browsers.database, newsroom, [], headline="The Scales", body="Who built the scales at the silos?")
    publish_answer(browsers.database, newsroom, [], headline="The Silos", body="Who built the silos?")
    while index_due(browsers.database):
        pass
    timur = browsers.open_browser(390)
    timur.open("/steppe/answers")
    timur.page.get_by_label("Words to search for").fill("sielos")
    timur.press("Search")
    timur.expect_heading("Search")
    expect(timur.page.locator("mark")).to_have_text(["silos", "silos"])
    timur.page.get_by_label("Words to search for").fill("Leyla silos")
    timur.press("Search")
    expect(timur.page.locator(".listing .head")).to_have_text(["The Silos", "The Scales"])
    look(timur, "found")
    timur.press("The Scales")
    timur.expect_heading("The Scales")
    timur.page.go_back()
    timur.expect_heading("Search")
    expect(timur.page.locator(".listing .head")).to_have_text(["The Silos", "The Scales"])
    timur.page.reload()
    expect(timur.page.locator(".listing .head")).to_have_text(["The Silos", "The Scales"])
