"""Waiting for a condition, never for a time.

Use `click_and_wait` for a click that leads to another page, and `with wait_for_next_page(page):` for other ways of
leaving the page. Wait with `expect(...)` for what a script does on the same page. tests/house/test_waits.py lists what
is forbidden.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Error, Locator, Page

WAIT_TIMEOUT = 60.0  # seconds, enough for a busy machine


def wait_until(
    condition: Callable[[], object],
    description: str,
    timeout: float = WAIT_TIMEOUT,
    pause: float = 0.05,
    page: Page | None = None,
) -> None:
    """Wait until `condition` returns something true; fail with `description` after `timeout` seconds.

    With a page, its events are handled in the meantime: dialogs, requests, console messages.
    """
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, f"waited in vain: {description}"
        if page is None:
            time.sleep(pause)
        else:
            page.wait_for_timeout(10)


def wait_until_page(page: Page, expression: str, arg: Any = None) -> None:
    """Wait until a JavaScript expression or function is true on the page, or on the page that follows it.

    Playwright's `wait_for_function` polls inside the page, where our content security policy forbids `eval`. It fails
    if the expression isn't true at once.
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
def wait_for_next_page(page: Page) -> Iterator[None]:
    """Wait at the end of the block until another page has loaded."""
    with page.expect_navigation():
        yield


def click_and_wait(target: Locator) -> None:
    """Click something that leads to another page, and wait until that has loaded."""
    with wait_for_next_page(target.page):
        target.click()
