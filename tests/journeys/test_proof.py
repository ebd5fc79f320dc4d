"""Timur types his question in a real browser, which does its small sum meanwhile, and in a flood his letter comes in unheld."""

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from limits import RateLimitItemPerMinute
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from app.db.engine import Database
from app.letters.models import Letter
from app.reader import proof_of_work, submission
from tests.support.network_faults import CuttableConnection
from tests.support.reader_pages import SILOS_QUESTION, send_question
from tests.support.sample_newsroom import Newsroom

pytestmark = pytest.mark.browser

SPARING = "Object.defineProperty(navigator, 'connection', { value: { saveData: true } })"
EMPTY = "navigator.getBattery = async () => ({ charging: false, level: 0.1 })"
WITHOUT = "delete globalThis.Worker"
WORKERS = """
globalThis.made = 0;
const Before = globalThis.Worker;
globalThis.Worker = Before && class extends Before { constructor(...all) { super(...all); globalThis.made += 1; } };
"""
MADE = """async () => {
  await navigator.getBattery?.(); // what it looks at before it begins
  await new Promise((done) => setTimeout(done));
  return globalThis.made;
}"""


@pytest.fixture
def flooded(limited_client: FlaskClient, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of the form while there is room for one letter, which is taken, and for one with a proof."""
    monkeypatch.setattr(submission, "FLOOD", RateLimitItemPerMinute(1, 10))
    send_question(limited_client, body="Who floods whom?")
    connection = CuttableConnection(limited_client.application)
    yield f"http://127.0.0.1:{connection.port}/steppe/ask"
    connection.cut()


def type_question(page: Page, address: str) -> None:
    page.goto(address)
    page.locator("#body").press_sequentially(SILOS_QUESTION)


def get_held_reason(database: Database) -> str | None:
    with database.read() as session:
        return session.scalars(select(Letter.held_reason).filter_by(body=SILOS_QUESTION)).one()


def test_a_browser_solves_it_while_its_reader_types(chromium: Browser, database: Database, flooded: str) -> None:
    page = chromium.new_context().new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    forgets = "Clear-Site-Data header on"  # Chromium says so of the page with the number, which lets it forget the form
    type_question(page, flooded)
    solved = page.locator("input[name=proof]")
    expect(solved).to_have_count(1)
    numbers = [int(part) for part in (solved.get_attribute("value") or "").split(".")]
    assert (len(numbers), numbers) == (proof_of_work.PARTS, sorted(set(numbers)))
    page.get_by_role("button", name="Send my question", exact=True).click()
    expect(page.locator("p.code")).to_have_count(1)
    assert (get_held_reason(database), [text for text in said if not text.startswith(forgets)]) == (None, [])
    page.context.close()


@pytest.mark.parametrize(
    ("scripts", "prelude"),
    [(True, SPARING), (True, EMPTY), (True, WITHOUT), (False, "")],
    ids=["saves data", "battery low", "no workers", "no scripts"],
)
def test_where_it_is_not_done_the_question_is_taken_all_the_same(
    chromium: Browser, database: Database, flooded: str, scripts: bool, prelude: str
) -> None:
    context = chromium.new_context(java_script_enabled=scripts)
    context.add_init_script(WORKERS + prelude)
    page = context.new_page()
    type_question(page, flooded)
    if scripts:
        assert page.evaluate(MADE) == 0
    assert page.locator("input[name=proof]").count() == 0
    page.get_by_role("button", name="Send my question", exact=True).click()
    expect(page.locator("p.code")).to_have_count(1)
    assert get_held_reason(database) == "flood"
    context.close()
