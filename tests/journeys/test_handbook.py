"""The handbook in a real browser: by day and night, on a phone and on a desk, in both directions, and on paper."""

import re

import pytest
from playwright.sync_api import Browser, expect

from app.reader.handbook import CHAPTERS, FIRST, PAGES
from tests.support import accessibility
from tests.support.cast import Newsroom

pytestmark = pytest.mark.browser
WIDTHS = (320, 390, 1440)
AXE_AT = (320, 1440)
MOST_ON_PAPER = {"editor": 2, "expert": 1, "reader": 1, "operator": 1, "developer": 1}
OF_THE_HANDBOOK = [name for name in PAGES if name.partition(".")[0] in (*CHAPTERS, FIRST)]
GUIDES = ("mail", "privacy-record", "accessibility")  # with the widest tables and blocks


@pytest.mark.parametrize("name", [*OF_THE_HANDBOOK, *GUIDES])
def test_every_page_fits_its_pictures_are_there_and_axe_finds_nothing(
    name: str, chromium: Browser, site: str, newsroom: Newsroom
) -> None:
    page = chromium.new_page()
    broken: list[str] = []
    page.on("console", lambda said: broken.append(said.text) if said.type == "error" else None)
    page.goto(f"{site}/handbook/{'' if name == FIRST else name}")
    for picture in page.locator("main img").all():
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("one => one.naturalWidth") > 0
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert width not in AXE_AT or list(accessibility.faults(page)) == []
    assert broken == []
    page.close()


@pytest.mark.parametrize("name", [name for name in OF_THE_HANDBOOK if name != FIRST])
def test_a_chapter_is_a_page_or_two_of_paper(name: str, chromium: Browser, site: str, newsroom: Newsroom) -> None:
    page = chromium.new_page()
    page.goto(f"{site}/handbook/{name}")
    for picture in page.locator("main img").all():
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("complete", True)
    margin = dict.fromkeys(("top", "bottom", "left", "right"), "14mm")
    printed = page.pdf(format="A4", margin=margin)  # type: ignore[arg-type]
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) <= MOST_ON_PAPER[name.partition(".")[0]]
    page.close()
