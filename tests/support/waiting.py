"""Waiting for a fact, never for a time."""

import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Error, Page

PATIENCE = 20.0  # seconds that a process may take to come up or to do what is waited for


def until(done: Callable[[], bool], what: str, patience: float = PATIENCE) -> None:
    end = time.monotonic() + patience
    while not done():
        assert time.monotonic() < end, f"waited in vain: {what}"
        time.sleep(0.05)


def until_page(page: Page, fact: str, arg: Any = None) -> None:
    """Wait until a JavaScript expression or function is true of the page, or of the one that follows it.

    Playwright's own `wait_for_function` asks again from inside of the page, where our content security policy forbids
    `eval`: it fails whenever the fact isn't true at the first look.
    """

    def holds() -> bool:
        try:
            return bool(page.evaluate(fact, arg))
        except Error as error:
            if "context was destroyed" in str(error):
                return False
            raise

    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, f"waited in vain: {fact}"
        page.wait_for_timeout(10)
