"""Nora builds an edition in a real browser: by dragging, with the keyboard alone, without scripts; and at night on a phone."""

import re
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers import assigning
from app.core.actors import Clock
from app.core.clock import utc_now
from app.db.engine import Database
from app.editions import slots
from app.editions.models import Edition
from app.editions.queries import list_editions_to_run
from app.people import sign_in
from app.people.models import Expert, Person
from app.questions import actions as questions
from app.questions import wording
from app.questions.models import Question
from app.workflows.overview import weekly_counts
from app.workflows.publishing import publication
from tests.support.assignments import ask_expert
from tests.support.mailroom import receive_expert_mail
from tests.support.sample_newsroom import Newsroom, create_answered_question
from tests.support.user_browsers import UserBrowsers
from tests.support.waiting import click_and_wait, wait_for_next_page, wait_until, wait_until_page

pytestmark = pytest.mark.browser

FIRST, SECOND, THIRD = "Who measures the salt?", "Where does the wind come from?", "Who pays the gauges?"
MOST_TABS = 90
STILL = "!document.getAnimations().some((one) => one.playState === 'running')"
MOST_TAPS = 30  # PRODUCT.md, T5


def edition_of(database: Database, newsroom: Newsroom, slots: int = 3) -> str:
    def fn(session: Session) -> str:
        edition = list_editions_to_run(session, newsroom.newsletter_id, 1)[0]
        publication.set_slots(session, newsroom.nora, edition, slots)
        return edition.public_id

    return database.write(fn)


def create_answered(database: Database, newsroom: Newsroom, *words: str) -> None:
    database.write(lambda session: [create_answered_question(session, newsroom, one).public_id for one in words])


def list_picked(database: Database, public_id: str) -> list[str]:
    with database.read() as session:
        edition = session.scalars(select(Edition).filter_by(public_id=public_id)).one()
        return [question.headline for question in slots.list_picked_questions(session, edition)]


def nora_at(chromium: Browser, database: Database, site: str, **options: Any) -> Page:
    """A page of Nora's browser, signed in."""
    page = chromium.new_context(viewport={"width": 1280, "height": 900}, **options).new_page()

    def invite(session: Session) -> str:
        return sign_in.invite(
            session, Clock(), session.scalars(select(Person).filter_by(name="Nora Lind")).one(), "desk"
        )

    page.goto(site + database.write(invite))
    click_and_wait(page.get_by_role("button", name="Sign in"))
    return page


def on_the_phone(chromium: Browser, page: Page, **options: Any) -> Page:
    """The same person's phone."""
    context = chromium.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True,
        storage_state=page.context.storage_state(), **options,
    )  # fmt: skip
    return context.new_page()


def previewed(page: Page) -> list[str]:
    """The questions in the preview, in its order."""
    return [one.partition(": ")[2] for one in page.locator(".mail .qa-heading").all_inner_texts()]


def button(page: Page, name: str) -> Locator:
    """A button by its words; what follows its colon is for a screen reader, and set apart."""
    label, _colon, about = name.partition(": ")
    return page.get_by_role("button", name=re.compile(rf"^{re.escape(label)}\s*(: {re.escape(about)})?$"))


def drag(page: Page, headline: str, to: Any) -> None:
    """Take what has this headline by its grip, and let go over `to`."""
    wait_until_page(page, STILL)
    grip = page.locator("[data-question]", has_text=headline).locator(".grip").first
    grip.scroll_into_view_if_needed()
    start, goal = grip.bounding_box(), to.bounding_box()
    page.mouse.move(start["x"] + 4, start["y"] + 4)
    page.mouse.down()
    page.mouse.move(goal["x"] + goal["width"] / 2, goal["y"] + 4, steps=5)
    page.mouse.up()


def test_by_dragging_and_the_preview_follows_at_once(chromium, database, newsroom, site):
    create_answered(database, newsroom, FIRST, SECOND, THIRD)
    edition = edition_of(database, newsroom)
    page = nora_at(chromium, database, site)
    page.goto(f"{site}/desk/steppe/editions/{edition}")
    page.evaluate("window.untouched = true")

    drag(page, SECOND, page.locator(".slot--open").first)
    expect(page.locator(".mail .qa-heading")).to_have_count(1)
    drag(page, FIRST, page.locator(".slot", has_text=SECOND))  # above it
    expect(page.locator(".mail .qa-heading")).to_have_count(2)
    assert previewed(page) == [FIRST, SECOND] == list_picked(database, edition)
    drag(page, FIRST, page.locator(".slot--open").first)  # below the other one
    expect(page.locator(".slot .head").first).to_have_text(SECOND)
    assert previewed(page) == [SECOND, FIRST] == list_picked(database, edition)
    drag(page, SECOND, page.locator("#ready-list"))
    expect(page.locator(".slot .head")).to_have_count(1)
    assert previewed(page) == [FIRST] == list_picked(database, edition)

    # Let go over nothing it stays where it was.
    drag(page, FIRST, page.locator("h1"))
    button(page, f"Put in slot 2: {THIRD}").click()
    expect(page.locator(".slot .head")).to_have_count(2)
    assert previewed(page) == [FIRST, THIRD] == list_picked(database, edition)
    assert page.evaluate("window.untouched") is True  # all on the same page
    assert page.evaluate("document.activeElement.textContent").startswith("Move up")

    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    click_and_wait(page.get_by_role("link", name="HTML mail").first)
    mail = page.frame_locator("iframe.mail-frame")
    expect(mail.locator(".qa-heading")).to_have_count(2)
    button(page, f"Take out: {THIRD}").click()
    expect(mail.locator(".qa-heading")).to_have_count(1)
    expect(mail.locator("body")).to_have_css("background-color", "rgb(251, 250, 247)")

    def fits() -> bool:
        inner, frame = mail.locator("body").bounding_box(), page.locator(".mail-frame").bounding_box()
        return bool(inner and frame and inner["height"] <= frame["height"] <= inner["height"] + 8)

    wait_until(fits, "a frame in which nothing is to be scrolled", page=page)
    assert complaints == []
    button(page, f"Put in slot 2: {THIRD}").click()
    expect(mail.locator(".qa-heading")).to_have_count(2)

    phone = on_the_phone(chromium, page)
    phone.goto(f"{site}/desk/steppe/editions/{edition}")
    by_finger(phone, FIRST, phone.locator(".slot", has_text=THIRD))
    expect(phone.locator(".slot .head").first).to_have_text(THIRD)
    assert list_picked(database, edition) == [THIRD, FIRST]
    phone.context.close()
    page.context.close()


def by_finger(page: Page, headline: str, to: Locator) -> None:
    """The same with a finger, under which the page does not scroll."""
    wait_until_page(page, STILL)
    grip = page.locator(".slot", has_text=headline).locator(".grip")
    grip.evaluate("one => one.scrollIntoView({ block: 'center' })")
    start, goal, scrolled = grip.bounding_box(), to.bounding_box(), page.evaluate("scrollY")
    assert start and goal
    touch = page.context.new_cdp_session(page)

    def finger(kind: str, *points: dict[str, float]) -> None:
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)})

    finger("touchStart", {"x": start["x"] + 5, "y": start["y"] + 5})
    for step in range(1, 6):
        y = start["y"] + (goal["y"] + goal["height"] * 0.7 - start["y"]) * step / 5
        finger("touchMove", {"x": start["x"] + 20, "y": y})
    assert page.evaluate("scrollY") == scrolled
    finger("touchEnd")


def by_keyboard(page: Page, name: str) -> None:
    """Walk with the tab key to the button of this name, and press Enter."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if (
            page.evaluate("document.activeElement.matches('button') && document.activeElement.textContent.trim()")
            == name
        ):
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"{name} can’t be reached with the tab key")


def by_button(page: Page, name: str) -> None:
    click_and_wait(button(page, name))


def test_every_move_has_a_button(chromium, database, newsroom, site):
    """With the keyboard alone, and with scripts off, where there is nothing to drag by."""
    create_answered(database, newsroom, FIRST, SECOND)
    edition = edition_of(database, newsroom, slots=2)
    for act, scripts in ((by_keyboard, True), (by_button, False)):
        page = nora_at(chromium, database, site, java_script_enabled=scripts)
        page.goto(f"{site}/desk/steppe/editions/{edition}")
        slots = page.locator("#slot-list .head")
        act(page, f"Put in slot 1: {FIRST}")
        expect(slots).to_have_text([FIRST])
        act(page, f"Put in slot 2: {SECOND}")
        expect(slots).to_have_text([FIRST, SECOND])
        act(page, f"Move up: {SECOND}")
        expect(slots).to_have_text([SECOND, FIRST])
        expect(page.locator(".grip:visible")).to_have_count(2 if scripts else 0)
        act(page, f"Take out: {SECOND}")
        expect(slots).to_have_text([FIRST])
        label = page.locator(".slot .acts button", has_text="Move to").inner_text().partition(":")[0].strip()
        act(page, f"{label}: {FIRST}")
        expect(slots).to_have_count(0)
        assert list_picked(database, edition) == []
        database.write(lambda session: take_all_out(session, newsroom))
        page.context.close()


def take_all_out(session: Session, newsroom: Newsroom) -> None:
    for question in session.scalars(select(Question).filter_by(state="queued")):
        publication.drop(session, newsroom.nora, question)


def the_night_before(session: Session, newsroom: Newsroom, objected: int) -> str:
    """Marek has an answer to write, Leyla's is picked, and one rests on the shelf."""
    nora = newsroom.nora
    words = {"headline": "The Cannery", "body": "Who closed it?", "language": "en"}
    question = questions.open_question(session, nora, [], **words)
    wording.clear(session, nora, question, question.text_id or 0)
    assigning.assign(session, nora, question, session.get_one(Expert, newsroom.marek.expert_id))
    questions.shelve(session, nora, create_answered_question(session, newsroom, SECOND))
    edition = session.get_one(Edition, session.get_one(Question, objected).edition_id)
    slots.pick(session, nora, create_answered_question(session, newsroom, FIRST), edition)
    return edition.public_id


def test_at_night_on_a_phone_an_answer_comes_in_and_another_goes_out(chromium, database, newsroom, site):
    salt = ask_expert(database, newsroom)
    salt.send()
    salt.approve()
    receive_expert_mail(database, salt.assignment_id, "Please don't run this: the figure is wrong.")
    edition = database.write(lambda session: the_night_before(session, newsroom, salt.question_id))
    laptop = nora_at(chromium, database, site)
    page, taps = on_the_phone(chromium, laptop, permissions=["clipboard-read", "clipboard-write"]), 0

    def tap(what: Any) -> None:
        nonlocal taps
        taps += 1
        what.first.tap()

    def follow(what: Any) -> None:
        with wait_for_next_page(page):
            tap(what)

    def find_by_role(name: str, role: str = "button") -> Any:
        return page.get_by_role(role, name=re.compile(name))

    page.goto(f"{site}/desk/steppe/")
    follow(find_by_role("Send Marek Dvořák the invitation", "link"))  # he was rung up instead
    by_hand = page.locator("a", has_text="Enter the answer").first
    while not by_hand.is_visible():
        tap(page.locator("details:not([open])", has=by_hand).locator("> summary"))
    follow(by_hand)
    tap(page.get_by_label("The answer", exact=True))
    page.keyboard.insert_text("The river took half of it, and the ministry the rest.")
    tap(page.get_by_label("How it came"))
    page.get_by_label("How it came").select_option("messenger")
    tap(page.get_by_label("They say that these are their own words"))
    follow(find_by_role("^Keep the answer"))
    follow(find_by_role("^Edit Marek", "link"))
    tap(page.locator("textarea[name=answer]"))
    page.keyboard.press("Control+A")
    page.keyboard.insert_text("The river took half of it. The ministry took the rest.")
    follow(find_by_role("Save and send Marek Dvořák the check"))

    tap(find_by_role("all sections"))
    follow(page.locator(".sections a"))
    follow(find_by_role("Leyla Aydın has written by mail", "link"))
    expect(page.locator("main")).to_contain_text("the figure is wrong")
    follow(page.locator(".coming section a"))
    tap(button(page, "Take out: The Salt Wind"))
    expect(page.locator("#slot-list .head")).to_have_text([FIRST])
    tap(button(page, f"Put in slot 2: {SECOND}"))
    expect(page.locator("#slot-list .head")).to_have_text([FIRST, SECOND])
    follow(find_by_role("^Lock the edition"))
    expect(page.locator("main")).to_contain_text("It is locked")
    tap(find_by_role("^Copy it"))
    expect(page.get_by_text("Copied", exact=True)).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert [FIRST in copied, SECOND in copied, "The Salt Wind" in copied] == [True, True, False]
    assert list_picked(database, edition) == [FIRST, SECOND]
    assert 0 < taps <= MOST_TAPS
    for one in (page, laptop):
        one.context.close()


def test_axe_finds_nothing_and_every_page_fits(chromium, database, newsroom, site, tmp_path):
    """In both schemes, on a phone and on a wide screen; `UserBrowser.check_unfolded_page` checks them."""
    salt = ask_expert(database, newsroom)
    salt.send()
    salt.approve()
    receive_expert_mail(database, salt.assignment_id)
    create_answered(database, newsroom, FIRST, SECOND, THIRD, "What falls on plate 1?", "What falls on plate 2?")
    edition = edition_of(database, newsroom)

    def dates(session: Session) -> None:
        for question in session.scalars(select(Question).where(Question.state == "answered")):
            question.must_run_by = (utc_now() + timedelta(days=20)).date()

    database.write(dates)
    weekly_counts.count_due(database)
    nora = UserBrowsers(chromium, database, site, tmp_path / "mail", True).sign_in_staff()

    def look(path: str) -> None:
        nora.page.goto(f"{site}/desk/steppe/{path}")
        for width in (320, 390, 1440) if path == "insights" else (390, 1440):
            nora.page.set_viewport_size({"width": width, "height": 900})
            nora.check_unfolded_page()

    for path in (
        "",
        "editions",
        "insights",
        f"editions/{edition}",
        f"editions/{edition}?form=mail",
        f"editions/{edition}?form=markdown&length=long",
    ):
        look(path)
    for name in ("Lock the edition", "Mark as sent"):
        nora.page.goto(f"{site}/desk/steppe/editions/{edition}")
        click_and_wait(nora.page.get_by_role("button", name=name))
        look(f"editions/{edition}")
    nora.context.close()
