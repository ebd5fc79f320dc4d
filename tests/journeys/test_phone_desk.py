"""The desk on a phone: its sections are one line that unfolds, and the search stands beside them."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.engine import Database
from app.db.session import now
from app.editions import locking, slots
from app.editions.models import Edition
from app.editions.queries import list_editions_to_run
from app.newsletters.models import Newsletter
from app.people import directory
from app.people.models import Membership, Person
from app.workflows.indexing import index_due
from app.workflows.publishing import publication
from tests.support.desk import queue_news_for_dana
from tests.support.letters import open_question
from tests.support.sample_newsroom import Newsroom, create_answered_question, create_coast_newsletter
from tests.support.user_browsers import UserBrowsers
from tests.support.waiting import wait_for_next_page

pytestmark = pytest.mark.browser
SECTIONS = ["This edition", "Letters", "Questions", "Shelf", "Experts", "Outbox", "Archive", "Insights", "Settings"]


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("width", [320, 390])
def test_the_sections_are_one_line_that_unfolds(
    chromium: Browser, database: Database, newsroom: Newsroom, site: str, tmp_path: Path, scripts: bool, width: int
) -> None:
    nora = UserBrowsers(chromium, database, site, tmp_path / "mail", scripts).sign_in_staff(width=width)
    page = nora.page
    frame, links = page.locator(".desk-nav"), page.locator(".sections a")
    for path in ("", "settings"):
        nora.open(f"/desk/steppe/{path}")
        box = frame.bounding_box()
        assert box is not None and box["height"] <= 64, box
        expect(links.first).to_be_hidden()
        expect(page.get_by_role("searchbox", name="Search the whole desk")).to_be_visible()
    page.get_by_role("button", name="all sections").click()
    expect(links).to_have_text(SECTIONS)
    for link in links.all():
        expect(link).to_be_visible()
        target = link.bounding_box()
        assert target is not None and target["height"] >= 44
    nora.check_page()
    page.keyboard.press("Escape")
    expect(links.first).to_be_hidden()
    page.get_by_role("button", name="all sections").click()
    nora.follow(links.nth(4))
    nora.expect_heading("Experts")


IS_CUT = "name => name.scrollWidth > name.clientWidth || name.scrollHeight > name.clientHeight"


def test_the_name_of_the_newsletter_wraps_and_is_not_cut(
    chromium: Browser, database: Database, newsroom: Newsroom, site: str, tmp_path: Path
) -> None:
    nora = UserBrowsers(chromium, database, site, tmp_path / "mail", scripts=True).sign_in_staff(width=390)
    nora.open("/desk/steppe/")
    switch = nora.page.locator(".switch")
    expect(switch).to_have_text("The Steppe Letter")
    assert switch.evaluate(IS_CUT) is False


def test_a_long_name_leaves_room_for_the_mark_that_opens_the_other_desks(
    chromium: Browser, database: Database, newsroom: Newsroom, site: str, tmp_path: Path
) -> None:
    def fn(session: Session) -> None:
        session.get_one(Newsletter, newsroom.newsletter_id).name = "The Steppe Letter of the Karakum Field Station"
        nora = session.scalars(select(Person).filter_by(name="Nora Lind")).one()
        coast = create_coast_newsletter(session)
        session.add(Membership(person_id=nora.id, newsletter_id=coast.id, role="editor", joined_at=now(session)))

    database.write(fn)
    nora = UserBrowsers(chromium, database, site, tmp_path / "mail", scripts=True).sign_in_staff(width=390)
    nora.open("/desk/steppe/")
    chooser = nora.page.locator(".switch summary")
    name, whole = chooser.locator("span").bounding_box(), chooser.bounding_box()
    assert name is not None and whole is not None
    assert name["x"] + name["width"] + 8 <= whole["x"] + whole["width"] <= 390
    chooser.click()
    expect(nora.page.get_by_role("link", name="The Coast")).to_be_visible()
    nora.check_page()


def test_on_a_wide_screen_they_stand_beside_the_page(
    chromium: Browser, database: Database, newsroom: Newsroom, site: str, tmp_path: Path
) -> None:
    nora = UserBrowsers(chromium, database, site, tmp_path / "mail", scripts=True).sign_in_staff(width=1440)
    nora.open("/desk/steppe/")
    for link in nora.page.locator(".sections a").all():
        expect(link).to_be_visible()
    expect(nora.page.locator(".unfold")).to_be_hidden()
    nora.page.get_by_label("Search the whole desk").fill("leyla")
    with wait_for_next_page(nora.page):
        nora.page.keyboard.press("Enter")
    nora.expect_heading("Found for leyla")
    nora.check_page()
    nora.follow(nora.page.get_by_role("link", name="Leyla Aydın"))
    nora.expect_heading("Leyla Aydın")


def test_whom_to_ask_is_short_and_the_form_comes_early(
    chromium: Browser, database: Database, newsroom: Newsroom, site: str, tmp_path: Path
) -> None:
    """Of sixteen experts three stand there; who writes only another language is folded, but found by name."""

    def record_experts(session: Session) -> None:
        for number in range(13):
            tongues = ["ru"] if number % 3 == 0 else ["en", "kk"]
            about = {
                "languages": tongues,
                "topics": ["salt", "wind"],
                "credit_line": "of the survey of winds and waters",
            }
            directory.record_expert(
                session, newsroom.nora, f"Saule Bekova {number}", f"saule{number}@x.example", **about
            )

    database.write(record_experts)
    question = open_question(database, newsroom)
    index_due(database)
    nora = UserBrowsers(chromium, database, site, tmp_path / "mail", scripts=True).sign_in_staff(width=390)
    page = nora.page
    nora.open(f"/desk/steppe/questions/{question}/ask")
    assert page.evaluate("document.documentElement.scrollHeight") < 2_400
    box = page.get_by_label("What would help most").bounding_box()
    assert box is not None and box["y"] < 1_266, "the form is not within the first screen and a half"
    expect(page.locator(".fits input[type=checkbox]:visible")).to_have_count(3)
    folded = page.locator("details", has_text="who don’t write English")
    expect(folded.locator("input").first).to_be_hidden()
    nora.unfold("who don’t write English")
    expect(folded.locator("input:visible")).to_have_count(folded.locator("input").count())
    page.get_by_placeholder("Name, organisation, topic, language").fill("Saule Bekova 3")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("checkbox", name="Saule Bekova 3")).to_be_visible()


def test_the_fields_for_several_stand_there_once_two_are_ticked(
    chromium: Browser, database: Database, newsroom: Newsroom, site: str, tmp_path: Path
) -> None:
    question = open_question(database, newsroom)
    nora = UserBrowsers(chromium, database, site, tmp_path / "mail", scripts=True).sign_in_staff()
    page = nora.page
    nora.open(f"/desk/steppe/questions/{question}/ask")
    several = page.get_by_label("Ask one after another, by their places")
    expect(page.get_by_text("When there are several")).to_be_hidden()
    page.get_by_role("checkbox", name="Leyla Aydın").check()
    expect(several).to_be_hidden()
    page.get_by_role("checkbox", name="Marek Dvořák").check()
    expect(several).to_be_visible()
    page.get_by_role("checkbox", name="Marek Dvořák").uncheck()
    expect(several).to_be_hidden()
    nora.unfold("Or somebody new")
    nora.write("Name", "Saule Bekova")
    expect(several).to_be_visible()


def test_a_headline_from_right_to_left_does_not_turn_its_line_round(
    chromium: Browser, database: Database, newsroom: Newsroom, site: str, tmp_path: Path
) -> None:
    persian, english = "چه کسی نمک را وزن می‌کند؟", "Who weighs the salt?"

    def run(session: Session) -> None:
        edition = list_editions_to_run(session, newsroom.newsletter_id, 1)[0]
        for words in (persian, english):
            slots.pick(session, newsroom.nora, create_answered_question(session, newsroom, words), edition)
        locking.lock_edition(session, newsroom.nora, edition)
        publication.send(session, newsroom.nora, edition)

    database.write(run)
    nora = UserBrowsers(chromium, database, site, tmp_path / "mail", scripts=True).sign_in_staff()
    nora.open("/desk/steppe/editions")
    first, second = nora.page.locator(".tasks .about bdi").all()
    expect(first).to_have_text(persian)
    ours, theirs = first.bounding_box(), second.bounding_box()
    assert ours is not None and theirs is not None and ours["x"] < theirs["x"]


def test_the_public_page_of_an_edition_is_as_wide_as_one_reads(
    chromium: Browser, database: Database, newsroom: Newsroom, site: str, tmp_path: Path
) -> None:
    database.write(lambda session: queue_news_for_dana(session, newsroom))
    with database.read() as session:
        edition = session.scalars(select(Edition).filter_by(state="sent")).one().public_id
    reader = UserBrowsers(chromium, database, site, tmp_path / "mail", scripts=True).open_browser(1440)
    reader.open(f"/steppe/editions/{edition}")
    box = reader.page.locator(".listing .quoted").bounding_box()
    assert box is not None and box["width"] <= 37 * 16 + 1, box
