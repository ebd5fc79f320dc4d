"""No answer's time tells a secret: not how much of a number is right, and not whether an address belongs to somebody."""

import http.client
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from random import Random
from urllib.parse import urlencode, urlsplit

import pytest
from flask.testing import FlaskClient

from app.entrance.login import LEAST_DURATION
from tests.support.pages import Page
from tests.support.reader_pages import read_receipt, send_question
from tests.support.sample_newsroom import Newsroom
from tests.support.timing import CHANCE_MARGIN, get_share_slower, measure_times
from tests.support.waiting import WAIT_TIMEOUT

MANY = 1_000
AT_ONCE = 20


@pytest.mark.threat("guessed number")
def test_a_number_that_is_nearly_right_is_answered_as_fast_as_any_other(
    client: FlaskClient, newsroom: Newsroom, attempts: Callable[[int], None]
) -> None:
    """2,000 guesses: half of them have nineteen digits of somebody's number, and half have none of them."""
    receipt = read_receipt(send_question(client).text)
    near, far = (
        f"{receipt[:-1]}{(int(receipt[-1]) + 5) % 10}",
        "".join(str((int(digit) + 5) % 10) for digit in receipt),
    )
    statuses = set()

    def guess(number: str) -> None:
        statuses.add(client.post("/steppe/receipt", data={"receipt": number}).status_code)

    nearly, not_at_all = measure_times((lambda: guess(near), lambda: guess(far)), MANY)
    attempts(len(nearly) + len(not_at_all))
    share = get_share_slower(nearly, not_at_all)
    assert (statuses, abs(share - 0.5) < CHANCE_MARGIN) == ({422}, True), share


@pytest.mark.threat("stranger at the door")
def test_whose_address_it_is_is_told_by_no_time_at_the_door(site: str, attempts: Callable[[int], None]) -> None:
    """2,000 requests for a way in at the served site, half of them in Nora's name and half in that of nobody, twenty at once."""
    where = urlsplit(site)

    def line() -> http.client.HTTPConnection:
        return http.client.HTTPConnection(str(where.hostname), where.port, timeout=WAIT_TIMEOUT)

    with closing(line()) as first:
        first.request("GET", "/sign-in")
        answer = first.getresponse()
        cookie = str(answer.headers["Set-Cookie"]).partition(";")[0]
        token = Page(answer.read().decode()).value("csrf_token")
    head = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}

    def asks(email: str) -> float:
        with closing(line()) as one:
            one.connect()
            began = time.perf_counter()
            one.request("POST", "/sign-in", urlencode({"csrf_token": token, "email": email}), head)
            assert one.getresponse().status == 303
            return time.perf_counter() - began

    known, unknown = "nora@steppe.example", "nobody@nowhere.example"
    order = [known, unknown] * MANY
    Random(1).shuffle(order)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        took = list(pool.map(asks, order))
    noras, nobodys = (
        [one for one, email in zip(took, order, strict=True) if email == whose] for whose in (known, unknown)
    )
    attempts(len(took))
    share = get_share_slower(noras, nobodys)
    assert (min(took) >= LEAST_DURATION, abs(share - 0.5) < CHANCE_MARGIN) == (True, True), share


def test_a_fifth_of_a_millisecond_would_be_seen(attempts: Callable[[int], None]) -> None:
    """The measure itself: what tells two kinds apart by so little is beyond chance, and one kind isn't told from itself."""
    work, waits = (lambda: sum(range(2_000)), lambda: (sum(range(2_000)), time.sleep(0.0002)))
    assert get_share_slower(*measure_times((work, waits), MANY)) < 0.5 - CHANCE_MARGIN
    assert abs(get_share_slower(*measure_times((work, work), MANY)) - 0.5) < CHANCE_MARGIN
