"""The main job in a real browser, with scripts on and off, on SQLite and PostgreSQL, against the product as it runs."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import func, select

from app.db.engine import Database
from app.letters.models import Letter
from app.text.clean import digits
from app.typesetting.exports import EXPORTS
from tests.support.main_job import (
    accept_edited_answer,
    approve_answer,
    build_edition,
    edit_and_send_check,
    follow_receipt_to_answer,
    invite_new_expert,
    lock_and_send_edition,
    word_question,
    write_answer,
)
from tests.support.user_browsers import UserBrowser, UserBrowsers

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize(
        ("database_url", "scripts"),
        [("sqlite", True), ("postgresql", False)],
        ids=["sqlite, scripts on", "postgresql, scripts off"],
        indirect=["database_url"],
    ),
]

BLOCK = """\
Ask The Steppe: The Salt Wind

Readers asked: “You wrote that the salt reaches the orchards. Who measures it, and can a village ask for the figures?”

To find out more, I asked Laura Venter, who reads the gauges at the Aral Station, which publishes them:

“Nobody is told to. My station put up ‘salt plates’ in 2009 and count what falls on them.

“A village can ask, and they’re often surprised how short the list is.

“What would help is a plate in every school yard.”

What would you like to know? Write to nora@steppe.example.
"""


@pytest.fixture
def browsers(chromium: Browser, database: Database, site: str, tmp_path: Path, scripts: bool) -> Iterator[UserBrowsers]:
    made = UserBrowsers(chromium, database, site, tmp_path / "mail", scripts)
    yield made
    made.close()


def test_from_a_readers_question_to_the_editions_block(browsers: UserBrowsers) -> None:
    timur, dana = browsers.open_browser(390), browsers.open_browser(390)
    first_receipt, second_receipt = two_readers_ask(timur, dana)
    nora = browsers.sign_in_staff()
    word_question(nora)
    invite_new_expert(nora)
    laura = browsers.open_browser(390)
    write_answer(laura, browsers.wait_for_mailed_link("laura@aral.example", "150"))
    edit_and_send_check(nora)
    accept_edited_answer(laura, browsers.wait_for_mailed_link("laura@aral.example", "Your answer"))
    approve_answer(nora)
    the_edition_is_built_and_sent(nora)
    for reader, receipt in ((timur, first_receipt), (dana, second_receipt)):
        follow_receipt_to_answer(reader, receipt)
    laura.open(laura.page.url)
    expect(laura.page.locator("main a[href*='/q/']")).to_have_count(1)
    assert [context.cookies() for context in (timur.context, dana.context)] == [[], []]


def two_readers_ask(timur: UserBrowser, dana: UserBrowser) -> tuple[str, str]:
    timur.open("/steppe/")
    timur.write("Your question", "who measures the salt that falls on our orchards?")
    timur.press("Send my question")
    first = timur.read_receipt_number()
    dana.open("/steppe/ask")
    dana.write("Your question", "Can our village ask for the salt figures?")
    dana.unfold("Or by e-mail")
    dana.page.get_by_label("One e-mail, then forget me").check()
    dana.page.locator("input[type=email]:visible").first.fill("dana@post.example")
    dana.press("Send my question")
    second = dana.read_receipt_number()
    assert (len(first), len(second), first != second) == (20, 20, True)
    assert not any(
        receipt in visit.page.url + visit.page.title() for receipt in (first, second) for visit in (timur, dana)
    )
    return first, second


def the_edition_is_built_and_sent(nora: UserBrowser) -> None:
    edition = build_edition(nora)
    for export in EXPORTS.values():
        expect(nora.page.locator(f"a[href$='/export.{export.suffix}']")).to_have_count(1)
    exported = nora.context.request.get(f"{edition}/export.txt")
    assert (exported.status, exported.text()) == (200, BLOCK)
    lock_and_send_edition(nora)
    assert nora.context.request.get(f"{edition}/export.txt").text() == BLOCK


def test_a_lost_connection_at_send_makes_one_letter_and_the_same_receipt(browsers: UserBrowsers) -> None:
    reader = browsers.open_browser(390)
    reader.open("/steppe/")
    reader.write("Your question", "中国在塞尔维亚买了什么?")
    lost: list[str] = []

    def lose(route: Any) -> None:
        if lost:
            route.continue_()
            return
        # The request arrives and is stored; the answer gets lost on its way back.
        lost.append(route.fetch().text())
        route.abort("connectionreset")

    reader.page.route("**/*", lambda route: lose(route) if route.request.method == "POST" else route.continue_())
    with reader.page.expect_event("requestfailed"):
        reader.page.get_by_role("button", name="Send my question").click()
    reader.page.wait_for_url("chrome-error://**")
    reader.page.reload()  # "Try again" on the browser's own error page sends the form once more
    shown = re.search(r'class="code"[^>]*>(.*?)</(?:p|ol|ul|div)>', lost[0], re.DOTALL)
    assert shown is not None and reader.read_receipt_number() == digits(re.sub(r"<[^>]+>", "", shown[1]))
    with browsers.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Letter)) == 1
