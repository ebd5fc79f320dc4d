"""The browser of the tests: Debian's Chromium, never a download of the test tools."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partialmethod
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, expect, sync_playwright

from tests.support.required_programs import find_chromium, skip_without
from tests.support.waiting import PATIENCE


@contextmanager
def started_chromium() -> Iterator[Browser]:
    path = find_chromium() or skip_without("chromium")
    expect.set_options(timeout=PATIENCE * 1_000)
    with sync_playwright() as playwright, pytest.MonkeyPatch.context() as patch:
        _return_from_clicks_at_once(patch)
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-quic"])
        patch.setattr(browser, "new_context", _with_patience(browser))
        yield browser
        browser.close()


def _return_from_clicks_at_once(patch: pytest.MonkeyPatch) -> None:
    """Never let a click wait for the page that it leads to.

    By default it waits if the browser has begun to navigate by then, which is nearly always so: a test without `press` or
    `next_page` (tests/support/waiting.py) would fail once in hundreds of runs. Without the default it fails in the first.
    """
    for name in ("click", "dblclick", "press"):
        patch.setattr(Locator, name, partialmethod(getattr(Locator, name), no_wait_after=True))


def _with_patience(browser: Browser) -> Any:
    make = browser.new_context

    def new_context(**options: Any) -> BrowserContext:
        context = make(**options)
        context.set_default_timeout(PATIENCE * 1_000)
        return context

    return new_context
