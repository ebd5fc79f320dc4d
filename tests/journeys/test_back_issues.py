"""Nora brings a file with two editions, mends one, takes both into the archive, where a reader finds them, and undoes it all."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from app.db.engine import Database
from tests.support.sample_newsroom import Newsroom
from tests.support.user_browsers import UserBrowsers

pytestmark = pytest.mark.browser
LETTERS = """From letter@wells.example Wed Mar  8 06:00:04 2023
From: The Well Letter <letter@wells.example>
Subject: The Well Letter: dry weather
Date: Wed, 8 Mar 2023 07:00:00 +0000
Content-Type: text/plain; charset=utf-8

Readers asked: "Why is my well dry in spring?"

We asked Ada Berg, hydrologist in Ghent:

"It was never deep enough."

From letter@wells.example Wed Apr 12 06:00:04 2023
From: The Well Letter <letter@wells.example>
Subject: The Well Letter: rain at last
Date: Wed, 12 Apr 2023 07:00:00 +0000
Content-Type: text/plain; charset=utf-8

READER QUESTIONS

Q: Can I drink rain from the roof?

A: Not before it is filtered. Roofs are dirty.

"""


@pytest.fixture(params=[True, False], ids=["with scripts", "without"])
def browsers(
    request: pytest.FixtureRequest, chromium: Browser, database: Database, newsroom: Newsroom, site: str, tmp_path: Path
) -> Iterator[UserBrowsers]:
    made = UserBrowsers(chromium, database, site, tmp_path / "mail", request.param)
    yield made
    made.close()


@pytest.mark.usefixtures("one_minute_undo")
def test_nora_imports_two_editions_and_undoes_it(browsers: UserBrowsers, tmp_path: Path) -> None:
    file = tmp_path / "letters.mbox"
    file.write_text(LETTERS)
    nora = browsers.sign_in_staff(width=390)
    page = nora.page
    nora.open("/desk/steppe/archive/back-issues")
    page.set_input_files("#files", file)
    nora.press("Look through them")
    expect(page.get_by_text("2 editions were looked through. 2 Q&As are new.").first).to_be_visible()
    expect(page.get_by_text("Nobody is named as the one who answers.")).to_have_count(1)
    page.locator('[name="name-1-0"]').fill("Ada Berg")
    page.locator('[name="headline-1"]').fill("Rain from the roof")
    nora.press("Import what is ticked")
    expect(page.get_by_text("2 Q&As are in the archive.").first).to_be_visible()

    reader = browsers.open_browser().page
    reader.goto(f"{browsers.site}/steppe/answers")
    expect(reader.get_by_text("Rain from the roof").first).to_be_visible()
    expect(reader.get_by_text("Why is my well dry in spring?").first).to_be_visible()

    nora.open("/desk/steppe/archive/back-issues")
    nora.check_page()
    nora.unfold("2 Q&As, imported on")
    nora.press("Undo this import")
    expect(page.get_by_text("2 Q&As are out of the archive again.").first).to_be_visible()
    reader.reload()
    expect(reader.get_by_text("Rain from the roof")).to_have_count(0)
    expect(reader.get_by_text("Why is my well dry in spring?")).to_have_count(0)
