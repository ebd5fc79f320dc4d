"""The archive on a phone and at a desk: from a topic to an answer, from a name to all that ran under it, and on paper."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from app.db.engine import Database
from tests.support import browser_visits
from tests.support.browser_visits import Town, Visit
from tests.support.cast import Newsroom
from tests.support.reader_pages import add_topic_and_expert_page, publish_answer

pytestmark = pytest.mark.browser


@pytest.fixture
def town(chromium: Browser, database: Database, newsroom: Newsroom, site: str, tmp_path: Path) -> Iterator[Town]:
    made = Town(chromium, database, site, tmp_path / "mail", True)
    yield made
    made.close()


def look(visit: Visit, name: str) -> None:
    """Nothing sticks out and axe finds nothing, by day and by night; a picture for whoever wants one: where SHOTS says so."""
    for width in (390, 1440):
        visit.page.set_viewport_size({"width": width, "height": 900})
        for scheme in ("light", "dark"):
            visit.page.emulate_media(color_scheme=scheme)
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
            assert (name, width, scheme, list(browser_visits.find_accessibility_faults(visit.page))) == (
                name,
                width,
                scheme,
                [],
            )
            if folder := os.environ.get("SHOTS"):
                visit.page.screenshot(path=f"{folder}/{name}-{width}-{scheme}.png", full_page=True)


def test_timur_goes_through_the_archive_and_prints_what_he_finds(town: Town, newsroom: Newsroom) -> None:
    publish_answer(town.database, newsroom, [], headline="The Scales", body="Who built the scales at the silos?")
    public_id = publish_answer(town.database, newsroom, [], ties="The mill pays for our gauges.")
    add_topic_and_expert_page(town.database, newsroom, public_id)
    timur = town.visit(390)
    timur.open("/steppe/answers")
    timur.press("Grain")
    timur.shows("Grain")
    look(timur, "topic")
    timur.press("The Silos")
    timur.shows("The Silos")
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
    timur.shows("Leyla Aydın")
    expect(timur.page.locator(".listing .head")).to_have_text(["The Silos", "The Scales"])
    look(timur, "expert")
    timur.press("The Scales")
    timur.press("The Silos")  # the one after it
    timur.shows("The Silos")
