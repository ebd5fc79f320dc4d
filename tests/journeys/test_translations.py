"""Nora translates a Q&A in a real browser, sends the edition, and a reader goes from its English to its Persian and back."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy.orm import Session

from app.db.engine import Database
from app.editions import locking, slots
from app.editions.queries import list_editions_to_run
from app.questions.models import Question
from app.workflows.publishing import publication
from tests.support.sample_newsroom import Newsroom, create_answered_question
from tests.support.user_browsers import UserBrowsers

pytestmark = pytest.mark.browser
WORDS = "Who measures the salt?"
ASKED, ANSWERED = "چه کسی نمک را اندازه می‌گیرد؟", "در سال ۲۰۰۹ صفحه‌های نمک گذاشتیم."


@pytest.fixture
def browsers(
    chromium: Browser, database: Database, newsroom: Newsroom, site: str, tmp_path: Path
) -> Iterator[UserBrowsers]:
    made = UserBrowsers(chromium, database, site, tmp_path / "mail", True)
    yield made
    made.close()


def test_from_the_desk_s_form_to_the_reader_s_page(browsers: UserBrowsers, newsroom: Newsroom) -> None:
    question = browsers.database.write(lambda session: create_answered_question(session, newsroom, WORDS))
    nora = browsers.sign_in_staff(width=390)
    nora.open(f"/desk/steppe/questions/{question.public_id}")
    nora.unfold("Topics and dates")
    nora.press("Persian")
    for fields in (
        {"Headline (optional)": "باد شور", "The translation": ASKED, "Who translated it (optional)": "Shirin Amini"},
        {"The expert’s name in this language": "لیلا آیدین", "The translation": ANSWERED},
    ):
        nora.press("Translate it", exact=False)
        for label, text in fields.items():
            nora.write(label, text)
        nora.page.get_by_label("Name the translator in print").check()
        nora.press("Save the translation")
        nora.page.get_by_label("I have read it against the original").check()
        nora.press("Approve it", exact=False)
    expect(nora.page.locator("section .num")).to_have_text(["approved", "approved"])
    nora.check_unfolded_page()

    def send_edition(session: Session) -> None:
        edition = list_editions_to_run(session, newsroom.newsletter_id, 1)[0]
        slots.pick(session, newsroom.nora, session.get_one(Question, question.id), edition)
        locking.lock_edition(session, newsroom.nora, edition)
        publication.send(session, newsroom.nora, edition)

    browsers.database.write(send_edition)
    timur = browsers.open_browser(width=390)
    timur.open(f"/steppe/q/{question.public_id}/who-measures-the-salt")
    timur.expect_heading(WORDS)
    timur.follow(timur.page.locator(".article-meta + .langs a", has_text="فارسی"))
    timur.expect_heading("باد شور")
    expect(timur.page.locator("html")).to_have_attribute("dir", "rtl")
    links, text = (timur.page.locator(place).bounding_box() for place in (".article-meta + .langs", ".article-q"))
    assert links is not None and text is not None
    assert text["y"] - links["y"] - links["height"] >= 16
    expect(timur.page.locator(".article-q")).to_have_css("direction", "rtl")
    expect(timur.page.locator(".quotation")).to_contain_text(f"«{ANSWERED}»")
    expect(timur.page.locator(".article-lead")).to_contain_text("(ترجمه: Shirin Amini)")
    timur.follow(timur.page.locator(".article-meta + .langs a", has_text="English"))
    timur.expect_heading(WORDS)
