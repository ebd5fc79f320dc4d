"""The handbook in a real browser: by day and night, on a phone and on a desk, in both directions, and on paper."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from app.reader.handbook import CHAPTERS, FIRST, PAGES
from tests.support import user_browsers
from tests.support.sample_newsroom import Newsroom

pytestmark = pytest.mark.browser
WIDTHS = (320, 390, 1440)
AXE_AT = (320, 1440)
OF_THE_HANDBOOK = [name for name in PAGES if name.partition(".")[0] in (*CHAPTERS, FIRST)]
GUIDES = ("mail", "privacy-record", "accessibility")  # with the widest tables and blocks
ON_PAPER = dict.fromkeys(OF_THE_HANDBOOK, 1) | {"editor": 4, "operator": 2}  # pages


@pytest.fixture
def page(chromium: Browser, site: str, newsroom: Newsroom) -> Page:
    return chromium.new_context(base_url=f"{site}/handbook/").new_page()


def open_chapter(page: Page, name: str) -> None:
    """Open a page, and wait until its pictures are there, which are loaded as one comes to them."""
    page.goto("" if name == FIRST else name)
    for picture in page.locator("main img").all():
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("one => one.naturalWidth") > 0


def test_every_page_fits_its_pictures_are_there_and_axe_finds_nothing(page: Page) -> None:
    broken: list[str] = []
    page.on("console", lambda said: broken.append(said.text) if said.type == "error" else None)
    for name in (*OF_THE_HANDBOOK, *GUIDES):
        open_chapter(page, name)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            assert (name, page.evaluate("document.documentElement.scrollWidth")) == (name, width)
            assert width not in AXE_AT or (name, list(user_browsers.find_accessibility_faults(page))) == (name, [])
    assert broken == []


def test_a_chapter_takes_few_pages_of_paper(page: Page) -> None:
    printed = {}
    for name in ON_PAPER:
        open_chapter(page, name)
        paper = page.pdf(format="A4", margin=dict.fromkeys(("top", "bottom", "left", "right"), "14mm"))  # type: ignore[arg-type]
        printed[name] = len(re.findall(rb"/Type\s*/Page\b", paper))
    assert {name: pages for name, pages in printed.items() if pages > ON_PAPER[name]} == {}  # fonts differ by machine
