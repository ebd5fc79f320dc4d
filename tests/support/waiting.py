"""Wait for a fact, never for a time.

A click that leads to another page goes through `press`, and other ways there stand inside `with next_page(page):`. What a script
does on the same page is waited for with `expect(...)`. tests/house/test_waits.py says what else there is.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Error, Locator, Page

WAIT_TIMEOUT = 60.0  # seconds until a fact is given up, on a machine that has much else to do


def wait_until(
    condition: Callable[[], object],
    description: str,
    timeout: float = WAIT_TIMEOUT,
    pause: float = 0.05,
    page: Page | None = None,
) -> None:
    """Wait for a fact, with a pause between two looks. With a page its events are handled meanwhile: dialogs, requests, words
    on the console."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, f"waited in vain: {description}"
        if page is None:
            time.sleep(pause)
        else:
            page.wait_for_timeout(10)


def wait_until_page(page: Page, expression: str, arg: Any = None) -> None:
    """Wait until a JavaScript expression or function is true of the page, or of the one that follows it.

    Playwright's own `wait_for_function` asks again from inside of the page, where our content security policy forbids
    `eval`: it fails whenever the fact isn't true at the first look.
    """

    def is_true() -> bool:
        try:
            return bool(page.evaluate(expression, arg))
        except Error as error:
            if "context was destroyed" in str(error):
                return False
            raise

    wait_until(is_true, expression, page=page)


@contextmanager
def next_page(page: Page) -> Iterator[None]:
    """Wait until what is done inside has led to another page, and that has loaded."""
    with page.expect_navigation():
        yield


def press(target: Locator) -> None:
    """Click what leads to another page, and wait until that has loaded."""
    with next_page(target.page):
        target.click()
