"""On a phone: Send within a screen and a half with the notes above it, search before the answers, nothing dead on the page."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from app.core.clock import utc_now
from app.db.engine import Database
from app.newsletters.models import Newsletter
from tests.support.reader_pages import add_topic_and_expert_page, publish_answer
from tests.support.sample_newsroom import Newsroom

pytestmark = pytest.mark.browser
WIDTH, HEIGHT = 390, 844
DRAWN = """async link => {
  const image = Object.assign(new Image(), {src: link.href});
  await image.decode();
  return image.naturalWidth > 0;
}"""
NOTES = [
    {"country": country, "checked_on": "2026-10-12", "text": {"en": "Wait for your own phone, and use Tor Browser."}}
    for country in ("UZ", "CN", "KZ")
]


@pytest.fixture
def phone(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": WIDTH, "height": HEIGHT}, java_script_enabled=False)
    yield context.new_page()
    context.close()


def box(page: Page, selector: str) -> dict[str, float]:
    found = page.locator(selector).first.bounding_box()
    assert found is not None
    return {**found, "end": found["y"] + found["height"]}


@pytest.mark.parametrize("notes", [1, 3])
@pytest.mark.parametrize("language", ["en", "fa"])
def test_send_stands_within_a_screen_and_a_half_and_the_notes_above_it(
    language: str, notes: int, phone: Page, site: str, database: Database, newsroom: Newsroom
) -> None:
    database.write(lambda s: setattr(s.get_one(Newsletter, newsroom.newsletter_id), "notes", NOTES[:notes]))
    phone.goto(f"{site}/steppe/ask?lang={language}")
    send = box(phone, "#send")
    assert send["end"] <= 1.5 * HEIGHT
    assert phone.locator("form details:has(p[lang=en])").count() == notes
    assert box(phone, f"form details:has(p[lang=en]) >> nth={notes - 1}")["end"] < send["y"]


def test_the_icon_that_stands_in_the_page_is_shown(phone: Page, site: str, newsroom: Newsroom) -> None:
    phone.goto(f"{site}/steppe/ask")
    assert phone.locator("link[rel=icon]").evaluate(DRAWN)


def test_search_stands_before_the_answers(phone: Page, site: str, database: Database, newsroom: Newsroom) -> None:
    for number in range(3):
        publish_answer(database, newsroom, [], headline=f"Story {number}", body=f"What about number {number}?")
    phone.goto(f"{site}/steppe/answers")
    assert box(phone, "[role=search]")["end"] < min(box(phone, ".listing")["y"], HEIGHT)


def test_an_answer_in_a_list_is_aligned_as_its_language_is_written_not_as_the_page(
    phone: Page, site: str, database: Database, newsroom: Newsroom
) -> None:
    salt = publish_answer(database, newsroom, [], headline="The Salt")
    for path in ("answers", "editions"):
        phone.goto(f"{site}/steppe/{path}?lang=fa")
        entry, link = phone.locator(".listing > li").first, phone.locator(f'.listing a[href*="{salt}"]')
        assert (link.inner_text(), link.evaluate("link => getComputedStyle(link).direction")) == ("The Salt", "ltr")
        left_edges = [round(one.bounding_box()["x"]) for one in (entry, link)]  # type: ignore[index]
        assert left_edges == [left_edges[0]] * 2


@pytest.mark.parametrize("language", ["en", "fa"])
def test_what_is_pressed_in_the_archive_is_large_enough(
    language: str, phone: Page, site: str, database: Database, newsroom: Newsroom
) -> None:
    """44 px for what leads through the site, 24 px for the rest."""
    stories = [publish_answer(database, newsroom, [], headline=f"Story {number}") for number in range(2)]
    add_topic_and_expert_page(database, newsroom, stories[0])
    for path in ("answers", "topics/grain", f"answers?year={utc_now().year}"):
        phone.goto(f"{site}/steppe/{path}{'&' if '?' in path else '?'}lang={language}")
        targets = phone.locator(":is(a, button, input, select, summary):not(.skip):visible")
        small = [one.inner_text() for one in targets.all() if (one.bounding_box() or {"height": 0})["height"] < 24]
        main = phone.locator(".nav a, [role=search] :is(input, button), .pages a, .btn").all()
        low = [one.inner_text() for one in main if (one.bounding_box() or {"height": 0})["height"] < 44]
        assert (targets.count() > 9, len(main) > 3, small, low) == (True, True, [], [])


def test_what_is_hidden_is_not_shown_whatever_it_is(phone: Page, site: str, newsroom: Newsroom) -> None:
    phone.goto(f"{site}/steppe/ask")
    phone.locator("#send").evaluate("button => { button.hidden = true }")
    assert not phone.locator("#send").is_visible()
