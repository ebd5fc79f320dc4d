"""Nora takes an edition along in a real browser: every file, the mail as it looks, and the call with its QR code."""

from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from io import BytesIO
from pathlib import Path

import pytest
import zxingcpp
from docx import Document
from PIL import Image
from playwright.sync_api import Browser, expect

from app.db.engine import Database
from app.editions.queries import list_editions_to_run
from app.typesetting.whole_mail import mail
from tests.support.sample_edition import SAMPLE_EDITION, build_persian_block
from tests.support.sample_newsroom import Newsroom, create_answered_question
from tests.support.user_browsers import UserBrowsers

pytestmark = pytest.mark.browser
WORDS = "“We put up salt plates in 2009 and count what falls on them.”"


@pytest.fixture
def browsers(
    chromium: Browser, database: Database, newsroom: Newsroom, site: str, tmp_path: Path
) -> Iterator[UserBrowsers]:
    made = UserBrowsers(chromium, database, site, tmp_path / "mail", True)
    yield made
    made.close()


def test_nora_takes_the_draft_and_the_word_file_along(browsers: UserBrowsers, newsroom: Newsroom) -> None:
    browsers.database.write(lambda s: create_answered_question(s, newsroom, "Who measures the salt?").public_id)
    with browsers.database.read() as session:
        edition = list_editions_to_run(session, newsroom.newsletter_id, 1)[0].public_id
    nora = browsers.sign_in_staff()
    nora.open(f"/desk/steppe/editions/{edition}")
    nora.page.get_by_role("button", name="Put in slot 1").first.click()
    expect(nora.page.locator("#slot-list .head")).to_have_count(1)
    expect(nora.page.get_by_role("link", name="Word file")).to_have_count(1)
    files = {}
    for label in ("Mail draft", "Word file"):
        with nora.page.expect_download() as download:
            nora.page.get_by_role("link", name=label, exact=True).click()
        path = download.value.path()
        files[label] = (download.value.suggested_filename.rpartition(".")[2], path.read_bytes())
    (draft_suffix, draft), (word_suffix, word) = files.values()
    assert (draft_suffix, word_suffix) == ("eml", "docx")
    text, html = message_from_bytes(draft, policy=default).iter_parts()
    assert (WORDS in text.get_content(), WORDS in html.get_content()) == (True, True)
    assert WORDS in [paragraph.text for paragraph in Document(BytesIO(word)).paragraphs]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 640])
def test_the_mail_fits_its_window_in_both_schemes(chromium: Browser, width: int, scheme: str) -> None:
    """What mail programs show that are browsers within, as Apple Mail and Gmail are; the dark scheme is in the mail itself."""
    context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    for blocks in (SAMPLE_EDITION, [build_persian_block()]):
        page.set_content(mail(blocks, "The Steppe"))
        sizes = page.evaluate(
            "[document.documentElement.scrollWidth, innerWidth, document.querySelector('.sheet').offsetWidth]"
        )
        assert sizes == [width, width, min(width, 600)]
        ground, ink = page.evaluate(
            "[getComputedStyle(document.querySelector('.sheet')).backgroundColor, getComputedStyle(document.querySelector('.qa-answer')).color]"
        )
        light = ("rgb(255, 255, 255)", "rgb(28, 27, 25)")
        assert (ground, ink) == (light if scheme == "light" else ("rgb(32, 31, 28)", "rgb(234, 230, 221)"))
    context.close()


def test_nora_copies_the_call_and_a_reader_scans_the_code(browsers: UserBrowsers) -> None:
    nora = browsers.sign_in_staff()
    nora.context.grant_permissions(["clipboard-read", "clipboard-write"])
    nora.open("/desk/steppe/editions")
    nora.follow(nora.page.get_by_role("link", name="For the newsletter"))
    short = nora.page.locator("code.hash").inner_text()
    nora.page.get_by_role("button", name="Copy for the newsletter").click()
    expect(nora.page.get_by_text("Copied", exact=True)).to_be_visible()
    copied = nora.page.evaluate("navigator.clipboard.readText()")
    assert copied.splitlines()[-1] == f"Ask your question here: {short}"
    shown = nora.page.locator("img.qr-code").screenshot()
    [code] = zxingcpp.read_barcodes(Image.open(BytesIO(shown)))
    assert code.text == short
    timur = browsers.open_browser(390)
    timur.open(code.text)
    assert timur.page.url == f"{browsers.site}/steppe/ask"
