"""Leyla writes in a real browser: what she types is with us within seconds, and on her device while the line is down."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.answers.models import Draft
from app.newsletters.models import Newsletter
from tests.support.assignments import ExpertAssignment
from tests.support.network_faults import CuttableConnection
from tests.support.waiting import wait_until_page

pytestmark = pytest.mark.browser
HERE, DEVICE = "Saved at", "Kept on this device"


def open_page(phone: BrowserContext, address: str) -> Page:
    page = phone.new_page()
    page.goto(address)
    return page


def says(page: Page, text: str) -> None:
    expect(page.locator("form#answer [data-status]")).to_contain_text(text)


def bodies(salt: ExpertAssignment) -> list[str]:
    with salt.database.read() as session:
        return list(session.scalars(select(Draft.body).order_by(Draft.id)))


def test_typing_is_saved_and_counted_and_not_sent(salt: ExpertAssignment, address: str, phone: BrowserContext) -> None:
    phone.clock.install()
    page, saved = open_page(phone, address), []
    page.on("request", lambda request: saved.append(request.url) if request.method == "POST" else None)
    for text, words in (("Nobody is told to. 盐风", "5"), ("Nobody is told to. A village can ask.", "8")):
        page.fill("#text", text)
        wait_until_page(
            page,
            "text => Object.values(localStorage).map(JSON.parse).some(kept => kept.saved && kept.values[0] === text)",
            text,
        )
        says(page, HERE)
        expect(page.locator("b[data-words]")).to_have_text(words)
    phone.clock.run_for(60_000)  # a minute in which nothing is typed, and nothing is saved
    assert len(saved) == 2
    assert bodies(salt) == ["Nobody is told to. A village can ask."]
    assert salt.state() == "invited"


def test_words_are_counted_in_the_digits_of_the_page(
    salt: ExpertAssignment, address: str, phone: BrowserContext
) -> None:
    def speak(session: Session) -> None:
        session.get_one(Newsletter, salt.newsroom.newsletter_id).language = "fa"

    salt.database.write(speak)
    page = open_page(phone, address)
    expect(page.locator("b[data-words]")).to_have_text("۰")
    page.fill("#text", "هیچ‌کس نمی‌داند. 盐风")
    expect(page.locator("b[data-words]")).to_have_text("۳")
    assert page.locator("meter").evaluate("(meter) => meter.value") == 3


def test_offline_and_a_closed_tab_lose_nothing(
    salt: ExpertAssignment, address: str, connection: CuttableConnection, phone: BrowserContext
) -> None:
    page = open_page(phone, address)
    connection.cut()
    page.fill("#text", "Written in a tunnel.")
    page.fill("#ties", "None.")
    says(page, DEVICE)
    page.close()
    assert bodies(salt) == []
    connection.restore()
    page = open_page(phone, address)
    expect(page.locator("#text")).to_have_value("Written in a tunnel.")
    expect(page.locator("#ties")).to_have_value("None.")
    says(page, HERE)
    assert bodies(salt) == ["Written in a tunnel."]


def test_back_online_it_is_saved_by_itself(salt: ExpertAssignment, address: str, phone: BrowserContext) -> None:
    page = open_page(phone, address)
    phone.set_offline(True)
    page.fill("#text", "Written in a tunnel.")
    says(page, DEVICE)
    phone.set_offline(False)
    says(page, HERE)
    assert bodies(salt) == ["Written in a tunnel."]


def test_what_was_written_elsewhere_since_is_not_replaced(
    salt: ExpertAssignment, address: str, connection: CuttableConnection, phone: BrowserContext
) -> None:
    page = open_page(phone, address)
    connection.cut()
    page.fill("#text", "Old words on the phone.")
    says(page, DEVICE)
    page.close()
    connection.restore()
    assert phone.browser is not None
    laptop = phone.browser.new_context()
    other = open_page(laptop, address)
    other.fill("#text", "New words on the laptop.")
    says(other, HERE)
    page = open_page(phone, address)
    says(page, "This device has another text")
    expect(page.locator("#text")).to_have_value("New words on the laptop.")
    new, old = "New words on the laptop.", "Old words on the phone."
    assert bodies(salt) == [new, old, new]
    page = open_page(phone, address)
    expect(page.locator("#text")).to_have_value(new)
    expect(page.locator("details", has_text="Earlier drafts (1)")).to_have_count(1)


def test_a_form_whose_cookie_is_gone_gets_a_new_token_and_saves(
    salt: ExpertAssignment, address: str, phone: BrowserContext
) -> None:
    page = open_page(phone, address)
    phone.clear_cookies()
    page.fill("#text", "Written with an old page.")
    says(page, HERE)
    assert bodies(salt) == ["Written with an old page."]


def test_after_thanks_this_device_keeps_nothing(
    salt: ExpertAssignment, address: str, connection: CuttableConnection, phone: BrowserContext
) -> None:
    page = open_page(phone, address)
    page.fill("#text", "Nobody is told to.")
    page.check("#own_words-yes")
    page.get_by_role("button", name="Send to Nora Lind").click()
    expect(page.locator("h1")).to_have_text("Thank you. Nora Lind has your answer")
    wait_until_page(page, "localStorage.length === 0")
    assert salt.state() == "received"
