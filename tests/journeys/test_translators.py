"""Nora asks Shirin for the Persian of a question, Shirin writes it on her telephone, and Nora approves it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from app.db.engine import Database
from tests.support.sample_newsroom import Newsroom, create_answered_question
from tests.support.user_browsers import UserBrowsers

pytestmark = pytest.mark.browser
WORDS = "Who measures the salt?"
ASKED = "چه کسی نمک را اندازه می‌گیرد؟"


@pytest.fixture
def browsers(
    chromium: Browser, database: Database, newsroom: Newsroom, site: str, tmp_path: Path
) -> Iterator[UserBrowsers]:
    made = UserBrowsers(chromium, database, site, tmp_path / "mail", True)
    yield made
    made.close()


def test_invited_written_on_a_telephone_and_approved(
    browsers: UserBrowsers, newsroom: Newsroom, tmp_path: Path
) -> None:
    question = browsers.database.write(lambda session: create_answered_question(session, newsroom, WORDS))
    nora = browsers.sign_in_staff(width=390)
    nora.open(f"/desk/steppe/questions/{question.public_id}/translations/fa")
    nora.unfold("Ask somebody outside to translate it")
    nora.write("Name", "Shirin Amini")
    nora.write("E-mail address", "shirin@words.example")
    nora.check_unfolded_page()
    nora.page.screenshot(path=tmp_path / "desk.png", full_page=True)
    nora.press("Send them the words", exact=False)
    link = browsers.wait_for_mailed_link("shirin@words.example", "to translate")
    shirin = browsers.open_browser(width=390)
    shirin.open(link)
    shirin.write("Headline (optional)", "باد شور")
    shirin.write("The translation", ASKED)
    expect(shirin.page.get_by_label("The translation")).to_have_css("direction", "rtl")
    expect(shirin.page.locator("[data-status]")).to_contain_text("Saved at")
    shirin.page.reload()
    expect(shirin.page.get_by_label("The translation")).to_have_value(ASKED)
    shirin.page.get_by_label("Name me in print as the translator").check()
    shirin.check_unfolded_page()
    shirin.page.screenshot(path=tmp_path / "page.png", full_page=True)
    shirin.press("Hand in to Nora Lind")
    shirin.expect_heading("Thank you. Nora Lind has your translation")
    shirin.page.screenshot(path=tmp_path / "thanks.png", full_page=True)
    nora.open(f"/desk/steppe/questions/{question.public_id}/translations/fa")
    nora.page.screenshot(path=tmp_path / "handed.png", full_page=True)
    nora.page.get_by_label("I have read it against the original").check()
    nora.press("Approve it", exact=False)
    expect(nora.page.locator("section .num").first).to_have_text("approved")
    shirin.open(link)
    shirin.expect_heading("Thank you. It is done")
