"""Leyla presses a button while the line is down, writes on two devices, and says two things at once: nothing of it is lost,
and what the page says of it is true."""

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import select

from app.answers.models import AnswerText, Draft
from tests.support.assignments import ExpertAssignment
from tests.support.network_faults import CuttableConnection, cut_connection, go_offline, reconnect
from tests.support.waiting import click_and_wait, wait_until, wait_until_page

pytestmark = pytest.mark.browser
OLD, NEW = "Old words on the phone.", "New words on the laptop."
SEND = "Send to Nora Lind"
WHICH = "You have written more than one text. Which do you mean?"
THANKS = "Thank you. Nora Lind has your answer"
WAITS = "Not sent: there is no connection. Nothing is lost"


def open_page(device: BrowserContext, address: str) -> Page:
    page = device.new_page()
    page.goto(address)
    return page


def says(page: Page, text: str | re.Pattern[str]) -> None:
    expect(page.locator("form[data-autosave] [data-status]")).to_contain_text(text)


def list_answers(salt: ExpertAssignment) -> list[str]:
    with salt.database.read() as session:
        return list(session.scalars(select(AnswerText.body).order_by(AnswerText.id)))


def list_drafts(salt: ExpertAssignment) -> list[str]:
    with salt.database.read() as session:
        return sorted(session.scalars(select(Draft.body)))


DOWN = pytest.mark.parametrize(
    ("down", "says_so"),
    [(go_offline, "You are offline. Kept on this device"), (cut_connection, "It can’t be saved with us right now")],
)


@DOWN
def test_send_without_a_line_stays_on_the_page_and_goes_when_the_line_is_back(
    salt: ExpertAssignment, address: str, connection: CuttableConnection, phone: BrowserContext, down, says_so: str
) -> None:
    page = open_page(phone, address)
    page.fill("#text", NEW)
    says(page, "Saved at")
    down(phone, connection)
    page.get_by_role("button", name=SEND).click()
    says(page, WAITS)
    expect(page.locator("#text")).to_have_value(NEW)
    assert list_answers(salt) == []
    reconnect(phone, connection)
    expect(page.locator("h1")).to_have_text(THANKS)
    assert list_answers(salt) == [NEW]


def test_or_on_the_next_press(
    salt: ExpertAssignment, address: str, connection: CuttableConnection, phone: BrowserContext
) -> None:
    page = open_page(phone, address)
    phone.clock.install()  # so that no try by itself comes first
    connection.cut()
    page.fill("#text", NEW)
    page.get_by_role("button", name=SEND).click()
    says(page, WAITS)
    connection.restore()
    page.get_by_role("button", name=SEND).click()
    expect(page.locator("h1")).to_have_text(THANKS)
    assert list_answers(salt) == [NEW]


@DOWN
def test_what_is_changed_while_it_waits_is_not_sent_by_itself(
    salt: ExpertAssignment, address: str, connection: CuttableConnection, phone: BrowserContext, down, says_so: str
) -> None:
    page = open_page(phone, address)
    down(phone, connection)
    page.fill("#text", OLD)
    page.get_by_role("button", name=SEND).click()
    says(page, WAITS)
    page.fill("#text", NEW)
    says(page, says_so)
    reconnect(phone, connection)
    says(page, "Saved at")
    assert (list_answers(salt), list_drafts(salt)) == ([], [NEW])


def test_a_look_at_print_without_a_line_keeps_the_page(
    salt: ExpertAssignment, address: str, connection: CuttableConnection, phone: BrowserContext
) -> None:
    page = open_page(phone, address)
    connection.cut()
    page.fill("#text", NEW)
    page.get_by_role("button", name="See it as it will run").click()
    says(page, "Kept on this device, not sent")
    expect(page.locator("#text")).to_have_value(NEW)


def test_looks_right_without_a_line_says_so_and_goes_when_it_is_back(
    salt: ExpertAssignment, address: str, phone: BrowserContext
) -> None:
    salt.send()
    salt.edit()
    salt.send_to_check()
    page = open_page(phone, address)
    phone.set_offline(True)
    page.get_by_role("button", name="Looks right").click()
    expect(page.get_by_text(WAITS)).to_be_visible()
    assert salt.checks() == [(None, None)]
    phone.set_offline(False)
    wait_until(lambda: salt.checks() == [("fine", None)], "her yes")


def test_the_time_is_the_newsletters_and_says_whose_and_that_nothing_is_sent(
    salt: ExpertAssignment, address: str, chromium
) -> None:
    elsewhere = chromium.new_context(timezone_id="America/New_York")
    page = open_page(elsewhere, address)
    page.fill("#text", NEW)
    says(page, "Saved at")
    by_script = page.locator("form#answer [data-status]").inner_text()
    page.reload()
    assert re.fullmatch(r"Saved at \d\d:\d\d, Prague time, not sent", by_script)
    expect(page.locator("form#answer [data-status]")).to_have_text(by_script)
    elsewhere.close()


def test_send_on_a_stale_phone_shows_both_and_asks(
    salt: ExpertAssignment, address: str, phone: BrowserContext, laptop: BrowserContext
) -> None:
    page, other = open_page(phone, address), open_page(laptop, address)
    other.fill("#text", NEW)
    says(other, "Saved at")
    page.fill("#text", OLD)
    says(page, "You wrote another text on another page or device")
    page.get_by_role("button", name=SEND).click()
    expect(page.locator("h1")).to_have_text(WHICH)
    expect(page.locator("p.sheet")).to_have_text([OLD, NEW])
    page.get_by_role("button", name="Go on with this one").first.click()
    expect(page.locator("#text")).to_have_value(OLD)
    page.get_by_role("button", name=SEND).click()
    expect(page.locator("h1")).to_have_text(THANKS)
    assert (list_answers(salt), list_drafts(salt)) == ([OLD], [NEW, OLD])


@pytest.mark.parametrize("scripts", [True, False])
def test_a_link_opened_anew_shows_the_texts_of_both_devices_side_by_side_before_it_sends(
    salt: ExpertAssignment, address: str, chromium, phone: BrowserContext, scripts: bool
) -> None:
    """Laptop saves, phone saves, the link is opened again, Send: the four words on the phone don't go out alone."""
    page = open_page(phone, address)
    laptop = chromium.new_context(viewport={"width": 1280, "height": 800}, java_script_enabled=scripts)
    other = open_page(laptop, address)
    other.fill("#text", NEW)
    if scripts:
        says(other, "Saved at")
    else:
        click_and_wait(other.get_by_role("button", name="Save, not send"))
    page.fill("#text", OLD)
    says(page, "You wrote another text on another page or device")
    other.goto(address)
    expect(other.locator("#text")).to_have_value(OLD)
    expect(other.locator("p.sheet")).to_have_text([NEW])
    expect(other.locator("p.sheet")).to_be_visible()
    other.get_by_role("button", name=SEND).click()
    expect(other.locator("h1")).to_have_text(WHICH)
    sheets = other.locator("p.sheet")
    expect(sheets).to_have_text([OLD, NEW])
    boxes = [sheets.nth(at).bounding_box() for at in (0, 1)]
    assert boxes[0] and boxes[1] and boxes[0]["x"] + boxes[0]["width"] < boxes[1]["x"]
    assert list_answers(salt) == []
    other.get_by_role("button", name="Send this one to Nora Lind").nth(1).click()
    expect(other.locator("h1")).to_have_text(THANKS)
    assert (list_answers(salt), list_drafts(salt)[:1]) == ([NEW], [NEW])
    laptop.close()


def test_what_only_the_phone_has_is_kept_when_the_laptop_sent(
    salt: ExpertAssignment, address: str, connection: CuttableConnection, phone: BrowserContext, laptop: BrowserContext
) -> None:
    page = open_page(phone, address)
    connection.cut()  # not set_offline(): a page that is being closed leaves that behind, and sends what it has
    page.fill("#text", OLD)
    says(page, "Kept on this device")
    page.close()
    connection.restore()
    other = open_page(laptop, address)
    other.fill("#text", NEW)
    other.get_by_role("button", name=SEND).click()
    expect(other.locator("h1")).to_have_text(THANKS)
    assert list_drafts(salt) == [NEW]
    page = open_page(phone, address)
    expect(page.locator("h1")).to_have_text(THANKS)
    page.get_by_text("What else you wrote, not sent (1)").click()
    expect(page.locator("p.sheet")).to_have_text([OLD])
    wait_until_page(page, "localStorage.length === 0")
    assert (list_answers(salt), list_drafts(salt)) == ([NEW], [NEW, OLD])


@pytest.mark.parametrize("scripts", [True, False])
def test_what_is_wrong_was_typed_and_looks_right_pressed(
    salt: ExpertAssignment, address: str, chromium, scripts: bool
) -> None:
    salt.send()
    salt.edit()
    salt.send_to_check()
    phone = chromium.new_context(viewport={"width": 390, "height": 800}, java_script_enabled=scripts)
    page = open_page(phone, address)
    page.get_by_text("Something is wrong").click()
    page.get_by_label("What is wrong?").fill("It was 2010.")
    page.get_by_role("button", name="Looks right").click()
    expect(page.locator("h1")).to_have_text("Which of the two do you mean?")
    expect(page.get_by_label("What is wrong?")).to_have_value("It was 2010.")
    page.get_by_role("button", name="Tell Nora Lind").click()
    wait_until(lambda: salt.checks() == [("wrong", "It was 2010.")], "the objection")
    report, heading = (page.locator(part).bounding_box() for part in (".report", "#text"))
    assert report and heading and heading["y"] - (report["y"] + report["height"]) >= 24  # not glued to the rule
    phone.close()
