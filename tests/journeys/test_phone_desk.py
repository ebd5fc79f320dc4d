"""The desk on a phone: its sections are one line that unfolds, and the search stands beside them."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from app.db import Database
from tests.support.cast import Newsroom
from tests.support.town import Town

pytestmark = pytest.mark.browser
SECTIONS = ["This edition", "Letters", "Questions", "Shelf", "Experts", "Outbox", "Archive", "Insights", "Settings"]


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("width", [320, 390])
def test_the_sections_are_one_line_that_unfolds(
    chromium: Browser, database: Database, newsroom: Newsroom, site: str, tmp_path: Path, scripts: bool, width: int
) -> None:
    nora = Town(chromium, database, site, tmp_path / "mail", scripts).editor(width=width)
    page = nora.page
    frame, links = page.locator(".desk-nav"), page.locator(".sections a")
    for path in ("", "settings"):
        nora.open(f"/desk/steppe/{path}")
        box = frame.bounding_box()
        assert box is not None and box["height"] <= 64, box
        expect(links.first).to_be_hidden()
        expect(page.get_by_role("searchbox", name="Search the whole desk")).to_be_visible()
    page.get_by_role("button", name="all sections").click()
    expect(links).to_have_text(SECTIONS)
    for link in links.all():
        expect(link).to_be_visible()
        target = link.bounding_box()
        assert target is not None and target["height"] >= 44
    nora.look()
    page.keyboard.press("Escape")
    expect(links.first).to_be_hidden()
    page.get_by_role("button", name="all sections").click()
    links.nth(4).click()
    nora.shows("Experts")


def test_on_a_wide_screen_they_stand_beside_the_page(
    chromium: Browser, database: Database, newsroom: Newsroom, site: str, tmp_path: Path
) -> None:
    nora = Town(chromium, database, site, tmp_path / "mail", scripts=True).editor(width=1440)
    nora.open("/desk/steppe/")
    for link in nora.page.locator(".sections a").all():
        expect(link).to_be_visible()
    expect(nora.page.locator(".unfold")).to_be_hidden()
    nora.page.get_by_label("Search the whole desk").fill("leyla")
    nora.page.keyboard.press("Enter")
    nora.shows("Found for leyla")
    nora.look()
    nora.page.get_by_role("link", name="Leyla Aydın").click()
    nora.shows("Leyla Aydın")
