"""A reader of another site, in a real browser: sees the latest answers there, and begins a question that is sent from our page."""

import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from flask import Flask
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import select

from app.db.engine import Database
from app.editions.models import Edition
from app.letters.models import Letter
from app.questions.models import Question
from app.text.languages import interface_languages
from tests.support import user_browsers
from tests.support.app import BASE_URL
from tests.support.desk import Desk
from tests.support.network_faults import CuttableConnection
from tests.support.reader_pages import let_site_frame, publish_answer
from tests.support.sample_newsroom import Newsroom
from tests.support.waiting import click_and_wait, wait_for_next_page, wait_until, wait_until_page

pytestmark = pytest.mark.browser
SALT = "Who weighs the salt at home, and “why”?"


class OtherSite:
    """A site of another origin. Its page is what the test gives it."""

    def __init__(self) -> None:
        self.html = ""
        site = self

        class Pages(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(f"<!doctype html><title>News</title><h1>News</h1>{site.html}".encode())

            def log_message(self, *_args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def news() -> Iterator[OtherSite]:
    site = OtherSite()
    yield site
    site.server.shutdown()
    site.server.server_close()


@pytest.fixture
def snippets(
    app: Flask, connection: CuttableConnection, nora: Desk, database: Database, newsroom: Newsroom, news: OtherSite
) -> list[str]:
    """What the desk copies for another site that it has listed: answers and box, each framed and plain."""
    publish_answer(database, newsroom, [], headline="The Silos")

    let_site_frame(database, newsroom, news.origin)
    app.config["BASE_URL"] = f"http://127.0.0.1:{connection.port}"
    return nora.get("settings/sites").attributes("button[data-text]", "data-text")


def letters(database: Database) -> list[str]:
    with database.read() as session:
        return [str(letter.body) for letter in session.scalars(select(Letter))]


def ask_in_frame(page: Page, database: Database, connection: CuttableConnection) -> None:
    """Go on from the box to our own page, and send it there."""
    page.get_by_label("Your question").press("Tab")
    expect(page).to_have_url(f"http://127.0.0.1:{connection.port}/steppe/begin")
    expect(page.get_by_label("Your question", exact=True)).to_have_value(SALT)
    assert letters(database) == []
    page.get_by_role("button", name="Send my question").click()
    expect(page.get_by_role("heading", name="Thank you, it has arrived")).to_be_visible()
    assert letters(database) == [SALT]
    assert page.context.cookies() == []


def test_a_listed_site_shows_the_answers_as_high_as_they_are(
    phone: BrowserContext, snippets: list[str], news: OtherSite, connection: CuttableConnection
) -> None:
    news.html = snippets[0]
    page = phone.new_page()
    page.goto(news.origin)
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("link", name="The Silos")).to_be_visible()
    expect(page.locator("iframe")).not_to_have_attribute("height", "480")
    inside = frame.locator("body").evaluate("(body) => Math.ceil(body.getBoundingClientRect().height)")
    wait_until_page(page, "inside => Number(document.querySelector('iframe').height) === inside", inside)
    assert frame.locator("html").evaluate("(html) => html.scrollWidth <= html.clientWidth")
    frame.get_by_role("link", name="The Silos").click()
    page.wait_for_url(f"http://127.0.0.1:{connection.port}/steppe/q/**")
    assert phone.cookies() == []


def test_a_question_is_begun_in_a_frame_by_keyboard_and_sent_from_our_own_page(
    laptop: BrowserContext, snippets: list[str], news: OtherSite, connection: CuttableConnection, database: Database
) -> None:
    news.html = snippets[2]
    page = laptop.new_page()
    page.goto(news.origin)
    frame = page.frame_locator("iframe")
    expect(frame.get_by_label("Your question")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.type(SALT)
    page.keyboard.press("Tab")
    with wait_for_next_page(page):
        page.keyboard.press("Enter")
    ask_in_frame(page, database, connection)


def test_plain_html_does_the_same_without_scripts(
    laptop: BrowserContext, snippets: list[str], news: OtherSite, connection: CuttableConnection, database: Database
) -> None:
    news.html = snippets[1] + snippets[3]
    page = laptop.browser.new_context(java_script_enabled=False).new_page() if laptop.browser else laptop.new_page()
    page.goto(news.origin)
    assert page.get_by_role("link", name="The Silos").get_attribute("href")
    page.get_by_label("Your question").fill(SALT)
    click_and_wait(page.get_by_role("button", name="Go on"))
    ask_in_frame(page, database, connection)
    page.context.close()


# The part of WordPress that shows the card of a pasted link: it keeps only the frame, without the rights to load as our
# site or to lead the reader away, and does what the frame says under the secret (wp-includes/js/wp-embed.js).
WORDPRESS = """
<iframe sandbox="allow-scripts" security="restricted" data-secret="s3cretOf10" width="600" height="320" title="{title}"
        src="{src}#?secret=s3cretOf10"></iframe>
<script>
  addEventListener("message", ({{ data, source }}) => {{
    const frame = document.querySelector("iframe[data-secret]");
    if (source !== frame.contentWindow || data.secret !== frame.dataset.secret) return;
    if (data.message === "height") frame.height = Math.min(1000, Math.max(200, data.value));
    const isOurs = () => new URL(data.value).host === new URL(frame.src).host && document.activeElement === frame;
    if (data.message === "link" && isOurs()) location.href = data.value;
  }});
</script>
"""


def test_a_pasted_link_is_a_card_in_wordpress_that_leads_to_the_answer(
    phone: BrowserContext, snippets: list[str], news: OtherSite, connection: CuttableConnection
) -> None:
    ours = f"http://127.0.0.1:{connection.port}"
    page = phone.new_page()
    page.goto(f"{ours}/steppe/answers")
    page.get_by_role("link", name="The Silos").click()
    card_url = page.locator('link[type="application/json+oembed"]').get_attribute("href")
    assert card_url is not None
    card = page.request.get(card_url.replace(BASE_URL, ours, 1)).json()
    [src] = re.findall(r'src="([^"]+)"', card["html"])
    news.html = WORDPRESS.format(title=card["title"], src=src.replace(BASE_URL, ours))
    page.goto(news.origin)
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading", name="The Silos")).to_be_visible()
    expect(page.locator("iframe")).not_to_have_attribute("height", "320")
    assert frame.locator("h1").evaluate("(heading) => getComputedStyle(heading).fontWeight") == "700"
    frame.get_by_role("link", name="The Silos").click()
    page.wait_for_url(f"http://127.0.0.1:{connection.port}/steppe/q/**")
    assert phone.cookies() == []


def test_a_site_that_is_not_listed_shows_nothing(
    laptop: BrowserContext, snippets: list[str], news: OtherSite, database: Database, newsroom: Newsroom
) -> None:
    let_site_frame(database, newsroom, "https://news.example")
    news.html = snippets[0]
    page = laptop.new_page()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto(news.origin)
    wait_until(lambda: refused, "the browser’s word on it", page=page)
    assert page.frame_locator("iframe").get_by_role("link", name="The Silos").count() == 0
    assert [("frame-ancestors" in words) for words in refused] == [True]


def test_what_stands_in_the_frames_is_accessible(
    laptop: BrowserContext, snippets: list[str], connection: CuttableConnection, database: Database
) -> None:
    with database.read() as session:
        silos = session.scalars(select(Question.public_id)).one()
        edition = session.scalars(select(Edition.public_id).filter_by(state="sent")).one()
    for path in ("answers", "ask", f"q/{silos}", f"editions/{edition}"):
        for language in sorted(interface_languages()):
            page = laptop.new_page()
            page.set_viewport_size({"width": 320, "height": 500})
            page.goto(f"http://127.0.0.1:{connection.port}/steppe/framed/{path}?lang={language}")
            assert list(user_browsers.find_accessibility_faults(page)) == []
            assert page.evaluate("document.documentElement.scrollWidth") <= 320
            page.close()
