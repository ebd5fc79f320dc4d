"""Every page that readers and experts see: axe finds nothing, and it fits its window, also at 200 % zoom, in both directions."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from app.core.actors import Clock
from app.db.engine import Database
from app.newsletters.models import Newsletter
from app.people import sign_in
from app.people.directory import by_email
from app.text.languages import interface_languages
from tests.support import user_browsers
from tests.support.assignments import ExpertAssignment
from tests.support.reader_pages import publish_answer
from tests.support.sample_newsroom import Newsroom
from tests.support.waiting import click_and_wait

pytestmark = pytest.mark.browser
SIZES = ((1440, 900), (390, 844), (640, 400), (320, 640))  # the third is a window of 1280 × 800 at 200 %
AXE_AT = (1440, 320)
EACH_LANGUAGE = pytest.mark.parametrize("language", sorted(interface_languages()))


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context()
    yield context.new_page()
    context.close()


def look(page: Page) -> None:
    """Unfold all there is, and look the page over in each size."""
    page.evaluate("document.querySelectorAll('main details').forEach((one) => { one.open = true })")
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        there = page.evaluate("document.documentElement.scrollWidth")
        assert (page.url, there) == (page.url, min(there, width))
        assert width not in AXE_AT or (page.url, list(user_browsers.find_accessibility_faults(page))) == (page.url, [])


@EACH_LANGUAGE
def test_readers_pages(language: str, page: Page, site: str, database: Database, newsroom: Newsroom) -> None:
    story = publish_answer(database, newsroom, [], ties="She sits on the board of the mill.")
    for path in ("", "ask", "answers", "editions", "protection", "receipt", f"q/{story}/-", f"report/{story}"):
        page.goto(f"{site}/steppe/{path}?lang={language}")
        assert page.locator("html").get_attribute("lang") == language
        look(page)
    click_and_wait(page.locator(".masthead .nav a").nth(2))
    click_and_wait(page.locator("main a[href*='/editions/']").first)
    look(page)
    page.goto(f"{site}/steppe/ask?lang={language}")
    page.locator("#body").fill("Who built the silos, and who owns them now?")
    click_and_wait(page.locator("#send"))
    look(page)  # what is answered already
    click_and_wait(page.locator("#send"))
    look(page)
    number = page.locator(".code").inner_text()
    page.goto(f"{site}/steppe/receipt?lang={language}")
    click_and_wait(page.locator("main form button"))
    look(page)  # nothing was typed
    page.locator("#receipt").fill(number)
    click_and_wait(page.locator("main form button"))
    look(page)


@EACH_LANGUAGE
def test_experts_pages(language: str, page: Page, site: str, salt: ExpertAssignment) -> None:
    def speak(session) -> None:
        session.get_one(Newsletter, salt.newsroom.newsletter_id).language = language

    salt.database.write(speak)
    page.goto(site + salt.link)
    assert page.locator("html").get_attribute("lang") == language
    look(page)
    salt.send()
    page.reload()
    look(page)  # thanks
    salt.edit()
    salt.send_to_check()
    page.reload()
    look(page)
    salt.approve()
    salt.publish()
    page.reload()
    look(page)  # what ran


def test_the_pages_of_an_expert_who_signs_in(page: Page, site: str, salt: ExpertAssignment) -> None:
    def invite_leyla(session) -> str:
        leyla = by_email(session, "leyla@field.example")
        assert leyla is not None
        return sign_in.invite(session, Clock(), leyla, "expert")

    page.goto(site + salt.database.write(invite_leyla))
    look(page)
    click_and_wait(page.get_by_role("button").first)
    assert page.url == f"{site}/expert/"
    look(page)
    page.goto(f"{site}/expert/profile")
    look(page)
    page.goto(f"{site}/sign-in?to=desk")
    look(page)
