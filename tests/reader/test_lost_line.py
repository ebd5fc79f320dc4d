"""Timur presses Send and the line is lost. He goes back: his words and the same form are there, and he asks no second question."""

from collections.abc import Iterator

import pytest
from flask import Flask

from app.db.engine import Database
from app.text.clean import digits
from tests.support.browsers import BODY, SEND, WAYS, BrowserDriver, submit_and_go_back
from tests.support.network_faults import LossyConnection
from tests.support.reader_pages import SILOS_QUESTION, list_questions, publish_answer, read_receipt
from tests.support.sample_newsroom import Newsroom
from tests.support.waiting import wait_until

pytestmark = pytest.mark.browser


@pytest.fixture
def connection(app: Flask, newsroom: Newsroom) -> Iterator[LossyConnection]:
    connection = LossyConnection(app)
    yield connection
    connection.close()


@pytest.mark.parametrize(
    ("path", "browser", "page_cache", "scripts"),
    [
        *(pytest.param("/steppe/", *way.values, id=f"front page, {way.id}") for way in WAYS),
        *(pytest.param("/steppe/ask", *way.values, id=f"ask page, {way.id}") for way in WAYS[::4]),
    ],
)
def test_the_form_comes_back_and_sending_it_again_gives_the_same_number(
    path: str, driver: BrowserDriver, connection: LossyConnection, database: Database
) -> None:
    driver.open(connection.site + path)
    driver.write("body", SILOS_QUESTION)
    form = driver.value("form")
    for what, asks in (("request", []), ("response", [SILOS_QUESTION])):
        connection.loss = what
        submit_and_go_back(driver, SEND, BODY)
        assert (driver.value("body"), driver.value("form")) == (SILOS_QUESTION, form)
        assert list_questions(database) == asks
    connection.loss = "nothing"
    driver.click(SEND)
    wait_until(lambda: driver.has_element(".code"), "the receipt")
    assert digits(driver.text(".code")) == read_receipt(connection.lost_pages[0])
    assert list_questions(database) == [SILOS_QUESTION]


@pytest.mark.parametrize(("browser", "page_cache", "scripts"), WAYS[1::2])
def test_a_report_of_an_error_comes_back_as_well(
    driver: BrowserDriver, connection: LossyConnection, database: Database, newsroom: Newsroom
) -> None:
    driver.open(f"{connection.site}/steppe/report/{publish_answer(database, newsroom, [])}")
    driver.write("body", "The mill closed in 2009.")
    form, connection.loss = driver.value("form"), "response"
    submit_and_go_back(driver, SEND, BODY)
    assert (driver.value("body"), driver.value("form")) == ("The mill closed in 2009.", form)
    connection.loss = "nothing"
    driver.click(SEND)
    wait_until(lambda: driver.has_element(".code"), "the receipt")
    assert digits(driver.text(".code")) == read_receipt(connection.lost_pages[0])
    assert list_questions(database) == ["The mill closed in 2009."]
