"""Debian's Chromium and Firefox, started for the tests, and one driver for both, which needs no scripts."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partialmethod
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Locator, Page, expect, sync_playwright

from tests.support.processes import free_port
from tests.support.required_programs import find_chromium, skip_without
from tests.support.waiting import WAIT_TIMEOUT, wait_until


@contextmanager
def start_chromium() -> Iterator[Browser]:
    path = find_chromium() or skip_without("chromium")
    expect.set_options(timeout=WAIT_TIMEOUT * 1_000)
    with sync_playwright() as playwright, pytest.MonkeyPatch.context() as patch:
        _disable_click_waits(patch)
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-quic"])
        patch.setattr(browser, "new_context", _new_context_with_timeout(browser))
        yield browser
        browser.close()


def _disable_click_waits(patch: pytest.MonkeyPatch) -> None:
    """Never let a click wait for the page that it leads to.

    By default it waits if the browser has begun to navigate by then, which is nearly always so: a test without `press` or
    `next_page` (tests/support/waiting.py) would fail once in hundreds of runs. Without the default it fails in the first.
    """
    for name in ("click", "dblclick", "press"):
        patch.setattr(Locator, name, partialmethod(getattr(Locator, name), no_wait_after=True))


def _new_context_with_timeout(browser: Browser) -> Any:
    make = browser.new_context

    def new_context(**options: Any) -> BrowserContext:
        context = make(**options)
        context.set_default_timeout(WAIT_TIMEOUT * 1_000)
        return context

    return new_context


ERROR_PAGE = "the browser says that the line is lost"


class BrowserDriver(Protocol):
    def open(self, address: str) -> None: ...
    def write(self, name: str, text: str) -> None: ...
    def click(self, selector: str) -> None: ...
    def value(self, name: str) -> str: ...
    def is_checked(self, selector: str) -> bool: ...
    def has_element(self, selector: str) -> bool: ...
    def text(self, selector: str) -> str: ...
    def wait_for_error_page(self) -> None: ...
    def go_back(self) -> None: ...


class ChromiumDriver:
    def __init__(self, page: Page) -> None:
        self.page = page

    def open(self, address: str) -> None:
        self.page.goto(address)

    def write(self, name: str, text: str) -> None:
        self.page.fill(f"[name={name}]", text)

    def click(self, selector: str) -> None:
        self.page.locator(selector).first.click()

    def value(self, name: str) -> str:
        return self.page.locator(f"[name={name}]").first.input_value()

    def is_checked(self, selector: str) -> bool:
        return self.page.is_checked(selector)

    def has_element(self, selector: str) -> bool:
        # Between two pages there is none to ask, and one that still loads has yet to put the typed words back.
        with suppress(Error):
            loaded = self.page.evaluate("document.readyState === 'complete'")
            return bool(loaded) and self.page.locator(selector).count() > 0
        return False

    def text(self, selector: str) -> str:
        return self.page.locator(selector).first.inner_text()

    def wait_for_error_page(self) -> None:
        wait_until(lambda: self.page.url.startswith("chrome-error:"), ERROR_PAGE, page=self.page)

    def go_back(self) -> None:
        # No hand is faster, and Chromium notes what stood in a form up to a second after it was left: nothing shows that it has.
        self.page.wait_for_timeout(1_500)
        with suppress(Error):  # it takes a page out of the cache of pages for an aborted one
            self.page.go_back(wait_until="commit")


class FirefoxDriver:
    def __init__(self, firefox: Any) -> None:
        self.firefox = firefox

    def _find_element(self, selector: str) -> Any:
        return self.firefox.find_element("css selector", selector)

    def open(self, address: str) -> None:
        self.firefox.navigate(address)

    def write(self, name: str, text: str) -> None:
        self._find_element(f"[name={name}]").send_keys(text)

    def click(self, selector: str) -> None:
        from marionette_driver.errors import MarionetteException

        with suppress(MarionetteException):
            self._find_element(selector).click()

    def value(self, name: str) -> str:
        return str(self._find_element(f"[name={name}]").get_property("value"))

    def is_checked(self, selector: str) -> bool:
        return bool(self._find_element(selector).get_property("checked"))

    def has_element(self, selector: str) -> bool:
        return bool(self.firefox.find_elements("css selector", selector))

    def text(self, selector: str) -> str:
        return str(self._find_element(selector).text)

    def wait_for_error_page(self) -> None:
        wait_until(lambda: not self.firefox.find_elements("css selector", "form"), ERROR_PAGE)

    def go_back(self) -> None:
        self.firefox.go_back()


@contextmanager
def open_chromium(chromium: Browser, keeps_pages: bool, scripts: bool) -> Iterator[BrowserDriver]:
    """Playwright starts browsers without their cache of pages unless it is told otherwise."""
    path = find_chromium()
    kept = ["--disable-back-forward-cache"] if keeps_pages else None
    browser = chromium.browser_type.launch(executable_path=path, args=["--no-sandbox"], ignore_default_args=kept)
    yield ChromiumDriver(browser.new_context(java_script_enabled=scripts).new_page())
    browser.close()


@contextmanager
def start_firefox() -> Iterator[Any]:
    """Debian's Firefox, driven by what Mozilla drives it with."""
    path = shutil.which("firefox-esr")
    if path is None:
        skip_without("firefox-esr")
    from marionette_driver.marionette import Marionette

    with tempfile.TemporaryDirectory(prefix="firefox-") as logs:
        # It removes the file that it is to log to before it writes it anew: a folder, and never a device such as null.
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("LD_PRELOAD", raising=False)  # with libfaketime it hangs in its first moment (ADR 30)
            firefox = Marionette(
                bin=path, headless=True, port=free_port(), startup_timeout=3 * WAIT_TIMEOUT, gecko_log=logs
            )
        firefox.start_session()
        try:
            yield firefox
        finally:
            firefox.quit()


@contextmanager
def open_firefox(firefox: Any, keeps_pages: bool, scripts: bool) -> Iterator[BrowserDriver]:
    firefox.set_pref("browser.sessionhistory.max_total_viewers", 4 if keeps_pages else 0)
    firefox.set_pref("javascript.enabled", scripts)
    before = firefox.current_window_handle
    firefox.switch_to_window(firefox.open(type="tab", focus=True)["handle"])
    yield FirefoxDriver(firefox)
    firefox.close()
    firefox.switch_to_window(before)


def submit_and_go_back(hands: BrowserDriver, selector: str, field: str) -> None:
    """Press what sends the form on a line that loses it; then go back to the form from the browser's own page about that."""
    hands.click(selector)
    hands.wait_for_error_page()
    hands.go_back()
    wait_until(lambda: hands.has_element(field), "the form is back")
