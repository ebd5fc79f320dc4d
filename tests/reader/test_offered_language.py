"""A browser that asks for another language than the page's is offered it by a link, and nobody else learns of it."""

from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page

from app.db.engine import Database
from app.newsletters.models import Newsletter
from tests.support.reader_pages import strip_form_tokens
from tests.support.sample_newsroom import Newsroom
from tests.support.waiting import click_and_wait

OFFERS = {"fa": "این صفحه به فارسی هم هست.", "en": "This page is also in English."}


@pytest.fixture
def open_as(chromium: Browser, site: str, newsroom: Newsroom) -> Iterator[Callable[[str, str], Page]]:
    """Open a page as a browser that asks for a language, and return it once its scripts have run."""
    contexts = []

    def fn(language: str, path: str) -> Page:
        contexts.append(chromium.new_context(locale=language))
        page = contexts[-1].new_page()
        page.goto(f"{site}/steppe/{path}", wait_until="load")
        return page

    yield fn
    for context in contexts:
        context.close()


def list_offers(page: Page) -> list[str]:
    return page.locator(".offer:visible").all_inner_texts()


@pytest.mark.browser
@pytest.mark.parametrize("path", ["", "ask", "answers"])
def test_the_browsers_language_is_offered_by_a_link_and_nothing_switches(
    path: str, open_as: Callable[[str, str], Page]
) -> None:
    page = open_as("fa-AF", path)
    assert (page.locator("html").get_attribute("lang"), list_offers(page)) == ("en", [OFFERS["fa"]])
    click_and_wait(page.locator(".offer:visible a"))
    assert (page.locator("html").get_attribute("lang"), list_offers(page)) == ("fa", [])
    assert {language: list_offers(open_as(language, path)) for language in ("en-GB", "de", "ug")} == {
        "en-GB": [],
        "de": [],
        "ug": [],
    }
    assert list_offers(open_as("en-GB", f"{path}?lang=fa")) == [OFFERS["en"]]


@pytest.mark.threat("network observer")
def test_the_page_is_the_same_for_every_browser_and_stays_cacheable(client: FlaskClient, newsroom: Newsroom) -> None:
    for path in (
        "/steppe/",
        "/steppe/ask",
        "/steppe/answers",
        "/steppe/editions",
        "/steppe/protection",
        "/steppe/feed.xml",
    ):
        pages = [client.get(path, headers={"Accept-Language": asked}) for asked in ("fa", "en", "de, ug;q=0.5")]
        assert len({strip_form_tokens(page.data) for page in pages}) == 1
        assert {page.headers.get("Vary", "") for page in pages} <= {"", "Accept-Encoding"}
        assert {page.headers["Cache-Control"].split(", ")[0] for page in pages} <= {"public", "private"}


def test_a_newsletter_of_one_language_loads_nothing_for_it(
    client: FlaskClient, database: Database, newsroom: Newsroom
) -> None:
    assert "language.js" in client.get("/steppe/answers").text
    database.write(lambda s: setattr(s.get_one(Newsletter, newsroom.newsletter_id), "languages", ["en"]))
    assert "language.js" not in client.get("/steppe/answers").text
