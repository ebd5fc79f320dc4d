"""On a shared phone: Timur has asked, and somebody goes back in his browser, with scripts and without.

The form is empty. The browser can send it again: that shows the number, and nothing once he took the question back.
"""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from playwright.sync_api import Browser

from app.db.engine import Database
from app.text.clean import digits
from tests.support.browsers import BODY, SEND, WAYS, BrowserDriver
from tests.support.network_faults import CuttableConnection
from tests.support.reader_pages import SILOS_QUESTION, list_questions, publish_answer
from tests.support.sample_newsroom import Newsroom
from tests.support.waiting import wait_until

pytestmark = pytest.mark.browser
EACH_WAY = pytest.mark.parametrize(("browser", "page_cache", "scripts"), WAYS)
SCRIPTLESS = pytest.mark.parametrize(("browser", "page_cache", "scripts"), WAYS[1::4])
FIELD, WITHDRAW, SHOW = "#receipt", "form[action$=withdraw]", "form[action$=held]"


@pytest.fixture
def site(app: Flask, newsroom: Newsroom) -> Iterator[str]:
    """The address of the site, once every response has been sent that lets a browser forget."""
    connection = CuttableConnection(app)
    yield f"http://127.0.0.1:{connection.port}"
    connection.cut()


def ask(driver: BrowserDriver, address: str) -> str:
    """Ask on this page, and return the number."""
    driver.open(address)
    driver.write("body", SILOS_QUESTION)
    driver.click(SEND)
    return read_number(driver)


def read_number(driver: BrowserDriver) -> str:
    wait_until(lambda: driver.has_element(".code"), "the receipt")
    return digits(driver.text(".code"))


def open_receipt(driver: BrowserDriver, number: str) -> None:
    driver.click("nav a[href$='/receipt']")
    wait_until(lambda: driver.has_element(FIELD), "the field for the number")
    driver.write("receipt", number)
    driver.click("main form .btn--next")
    wait_until(lambda: driver.has_element(WITHDRAW), "the receipt's page")


def unfold_and_press(driver: BrowserDriver, form: str) -> None:
    driver.click(f"details:has({form}) summary")
    driver.click(f"{form} button")


def withdraw(driver: BrowserDriver) -> None:
    unfold_and_press(driver, WITHDRAW)
    wait_until(lambda: "erased" in driver.text("h1"), "the page that says so")


def go_back(driver: BrowserDriver) -> str:
    """Go back by a step, and return what the browser shows there."""
    driver.go_back()
    wait_until(driver.source, "a page")
    return driver.source()


def go_back_to(driver: BrowserDriver, there: Callable[[], bool]) -> None:
    driver.go_back()
    wait_until(there, "the page before")


@EACH_WAY
@pytest.mark.threat("seized reader's device")
def test_after_taking_it_back_no_page_behind_shows_the_question_or_the_number(
    driver: BrowserDriver, site: str, database: Database
) -> None:
    number = ask(driver, f"{site}/steppe/ask")
    open_receipt(driver, number)
    withdraw(driver)
    shown = []
    for _step in range(4):
        shown.append(go_back(driver))
        driver.send_again()
        wait_until(driver.source, "a page")
        shown.append(driver.source())
    assert [SILOS_QUESTION in source or number in digits(source) for source in shown] == [False] * 8
    assert (driver.value("body"), list_questions(database)) == ("", [None])


@EACH_WAY
@pytest.mark.parametrize("path", ["/steppe/", "/steppe/ask"], ids=["front page", "ask page"])
@pytest.mark.threat("seized reader's device")
def test_the_form_behind_the_number_is_empty_and_makes_a_question_of_its_own(
    path: str, driver: BrowserDriver, site: str, database: Database
) -> None:
    number = ask(driver, site + path)
    go_back_to(driver, lambda: driver.has_element(BODY))
    assert (driver.value("body"), SILOS_QUESTION in driver.source()) == ("", False)
    driver.write("body", "Who sells the water of the lake?")
    driver.click(SEND)
    assert read_number(driver) != number
    assert sorted(map(str, list_questions(database))) == [SILOS_QUESTION, "Who sells the water of the lake?"]


@SCRIPTLESS
def test_the_form_behind_a_report_is_empty(
    driver: BrowserDriver, site: str, database: Database, newsroom: Newsroom
) -> None:
    ask(driver, f"{site}/steppe/report/{publish_answer(database, newsroom, [])}")
    go_back_to(driver, lambda: driver.has_element(BODY))
    assert (driver.value("body"), SILOS_QUESTION in driver.source()) == ("", False)


@SCRIPTLESS
def test_a_browser_that_sends_the_form_again_shows_the_number_and_not_the_question(
    driver: BrowserDriver, site: str
) -> None:
    """What remains, and is said: until he takes the question back."""
    kept = "page doesn’t show your words"
    number = ask(driver, f"{site}/steppe/ask")
    driver.click("nav a[href$='/receipt']")
    wait_until(lambda: driver.has_element(FIELD), "the field for the number")
    assert SILOS_QUESTION not in go_back(driver)
    driver.send_again()
    assert read_number(driver) == number
    open_receipt(driver, number)
    assert SILOS_QUESTION not in driver.source()
    unfold_and_press(driver, SHOW)
    wait_until(lambda: kept in driver.source(), "what is kept")
    assert SILOS_QUESTION not in driver.source()
    driver.click("nav a[href$='/ask']")
    wait_until(lambda: driver.has_element("#send"), "the form")
    go_back(driver)
    driver.send_again()
    wait_until(lambda: kept in driver.source(), "what is kept, again")
    assert SILOS_QUESTION not in driver.source()
    driver.click("[formaction$='/receipt']")
    wait_until(lambda: driver.has_element(WITHDRAW), "the receipt's page")
    withdraw(driver)
    for _step in range(2):
        assert SILOS_QUESTION not in go_back(driver)
        driver.send_again()
        wait_until(driver.source, "a page")
        assert SILOS_QUESTION not in driver.source()


@SCRIPTLESS
def test_after_an_error_all_of_it_stands_there_and_a_fresh_page_and_a_second_device_have_nothing(
    driver: BrowserDriver, chromium: Browser, site: str, database: Database
) -> None:
    driver.open(f"{site}/steppe/ask")
    driver.write("body", "Silos?")
    form = driver.value("form")
    driver.click(SEND)
    wait_until(lambda: driver.has_element(".summary"), "the form with its error")
    assert (driver.value("body"), driver.value("form")) == ("Silos?", form)
    go_back_to(driver, lambda: driver.has_element(BODY) and not driver.has_element(".summary"))
    assert (driver.value("body"), driver.value("form")) == ("Silos?", form)
    driver.open(f"{site}/steppe/ask")
    second_device = chromium.new_context(java_script_enabled=False)
    page = second_device.new_page()
    page.goto(f"{site}/steppe/ask")
    assert (driver.value("body"), page.input_value("#body"), list_questions(database)) == ("", "", [])
    second_device.close()


def test_a_fresh_page_and_a_second_device_know_nothing_and_the_number_opens_it_anywhere(
    chromium: Browser, site: str
) -> None:
    phone, laptop = chromium.new_context(), chromium.new_context(java_script_enabled=False)
    page = phone.new_page()
    page.goto(f"{site}/steppe/ask")
    page.fill("#body", SILOS_QUESTION)
    page.click(SEND)
    number = digits(page.inner_text(".code"))
    for context in (phone, laptop):
        fresh = context.new_page()
        for path in ("", "ask", "receipt", "send"):
            fresh.goto(f"{site}/steppe/{path}")
            assert (SILOS_QUESTION in fresh.content(), number in digits(fresh.content())) == (False, False)
            assert set(fresh.locator("textarea, #receipt").evaluate_all("all => all.map((one) => one.value)")) == {""}
        assert [context.cookies(), context.storage_state()["origins"]] == [[], []]
        fresh.goto(f"{site}/steppe/receipt")
        fresh.fill("#receipt", number)
        fresh.click("main form .btn--next")
        fresh.wait_for_selector(WITHDRAW, state="attached")
        assert (SILOS_QUESTION in fresh.content(), number in fresh.url + fresh.title()) == (False, False)
        context.close()
