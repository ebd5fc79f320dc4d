"""An editor's day in a real browser, by pointer, by keyboard alone and without scripts: what is waiting, two questions that are one,
two people at one text, what the figures say, what was done; and a reader who looks once more before sending."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.engine import Database
from app.letters import receive
from app.newsletters.models import Newsletter
from app.questions import actions, wording
from app.questions.models import Question
from app.workflows.indexing import index_due
from app.workflows.overview.weekly_counts import count_due
from tests.support.sample_newsroom import Newsroom, create_answered_question
from tests.support.user_browsers import INPUT_METHODS, PressFunction, UserBrowser, UserBrowsers, type_text
from tests.support.waiting import wait_until

pytestmark = pytest.mark.browser

SALT = "Who measures the salt that the wind carries into the orchards?"
AGAIN = "Does anybody measure the salt in the wind over the orchards?"


@pytest.fixture
def browsers(
    chromium: Browser, database: Database, newsroom: Newsroom, site: str, tmp_path: Path, scripts: bool
) -> UserBrowsers:
    """Two questions that are one, a letter that nobody has read, and an answer that waits for its edition."""

    def fill(session: Session) -> None:
        for name, words in (("The Salt", SALT), ("Salt in the Wind", AGAIN)):
            one = actions.open_question(session, newsroom.nora, [], headline=name, body=words, language="en")
            wording.clear(session, newsroom.nora, one, one.text_id or 0)
            actions.show(session, newsroom.nora, one, True)
        newsletter = session.get_one(Newsletter, newsroom.newsletter_id)
        receive.send(
            session, newsroom.nora, newsletter, receive.Submission("Why do the trams ring twice?"), channel="event"
        )
        create_answered_question(session, newsroom, "Who reads the gauges at the river?")

    database.write(fill)
    index_due(database)
    count_due(database)
    return UserBrowsers(chromium, database, site, tmp_path / "mail", scripts)


def main_of(browser: UserBrowser) -> str:
    """All that it says, folded or not."""
    return browser.page.locator("main").text_content() or ""


def states(database: Database) -> dict[str, str | None]:
    with database.read() as session:
        return {one.wording: one.state for one in session.scalars(select(Question)) if one.wording in (SALT, AGAIN)}


def page_of(database: Database, text: str) -> str:
    with database.read() as session:
        [one] = [one for one in session.scalars(select(Question)) if one.wording == text]
        return f"/desk/steppe/questions/{one.public_id}"


def open_until(browser: UserBrowser, address: str, text: str) -> None:
    browser.open(address)
    wait_until(lambda: text in main_of(browser) or not browser.page.reload(), text)


@INPUT_METHODS
def test_what_waits_is_seen_to_two_become_one_and_two_again_and_the_trail_tells(
    browsers: UserBrowsers, database: Database, press: PressFunction
) -> None:
    nora = browsers.sign_in_staff()
    press(nora, "Read one new letter")
    nora.expect_heading("Letters")

    here = page_of(database, AGAIN)
    open_until(nora, here, "Merge it into this one")
    press(nora, "Look-alikes and merging")
    press(nora, "Merge it into this one")
    assert states(database) == {SALT: "merged", AGAIN: "open"}
    press(nora, "Undo")
    assert states(database) == {SALT: "open", AGAIN: "open"}
    open_until(nora, here, "Merge it into this one")  # the worker looks at what was undone a second later
    press(nora, "Look-alikes and merging")
    press(nora, "Merge it into this one")
    nora.open(page_of(database, SALT))
    press(nora, "Take it out again")
    assert states(database) == {SALT: "open", AGAIN: "open"}

    press(nora, "Insights")
    press(nora, "The figures")
    expect(nora.page.get_by_role("table").first).to_be_visible()
    with nora.page.expect_download() as download:
        nora.page.get_by_role("link", name="Figures as CSV").first.click()
    assert download.value.suggested_filename.endswith(".csv")

    nora.open("/desk/steppe/trail")
    nora.page.get_by_label("What").select_option("question.split")
    press(nora, "Show")
    expect(nora.page.locator(".trail bdi")).to_have_count(1)
    browsers.close()


@INPUT_METHODS
def test_the_second_at_a_wording_sees_both_and_loses_nothing(
    browsers: UserBrowsers, database: Database, press: PressFunction
) -> None:
    nora, ilya = browsers.sign_in_staff(), browsers.sign_in_staff("Ilya Brandt")
    here = page_of(database, SALT)
    for one in (nora, ilya):
        one.open(here)
        press(one, "The wording")
        press(one, "Change the wording")
    type_text(ilya, press, "The question, as it leaves the house", "Who measures the salt in the wind?")
    press(ilya, "Save the wording")
    type_text(nora, press, "The question, as it leaves the house", "Who measures the salt, and who pays for it?")
    press(nora, "Save the wording")
    nora.expect_heading("Ilya Brandt was faster")
    wording = nora.page.get_by_label("The question, as it leaves the house")
    expect(wording).to_have_value("Who measures the salt, and who pays for it?")
    press(nora, "Replace it with mine")
    assert page_of(database, "Who measures the salt, and who pays for it?") == here
    browsers.close()


@INPUT_METHODS
def test_a_reader_looks_once_more_and_joins_what_is_asked_already(
    browsers: UserBrowsers, database: Database, press: PressFunction
) -> None:
    dana: Any = browsers.open_browser(390)
    dana.open("/steppe/ask")
    type_text(dana, press, "Your question", "Is there somebody who measures the salt in the wind?")
    press(dana, "Read it again first")
    dana.expect_heading("Read it again")
    assert SALT in main_of(dana)
    press(dana, "I’d like to know this too")
    assert len(dana.read_receipt_number()) == 20
    browsers.close()
