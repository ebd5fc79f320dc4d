"""Debian's Chromium and Firefox, and drivers for both with the same interface, which work without scripts too."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partialmethod
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Locator, Page, expect, sync_playwright

from tests.support.processes import reserve_port
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
    """Return from each click without waiting for the page that it leads to.

    By default a click waits if the browser has begun to navigate by then, which is nearly always so: a test without
    `click_and_wait` or `wait_for_next_page` (waiting.py) would fail once in hundreds of runs. This way it fails at once.
    """
    for name in ("click", "dblclick", "press"):
        patch.setattr(Locator, name, partialmethod(getattr(Locator, name), no_wait_after=True))


def _new_context_with_timeout(browser: Browser) -> Any:
    create_context = browser.new_context

    def new_context(**options: Any) -> BrowserContext:
        context = create_context(**options)
        context.set_default_timeout(WAIT_TIMEOUT * 1_000)
        return context

    return new_context


ERROR_PAGE = "the browser's error page"
SEND, BODY = "form:has([name=body]) .btn--next", "[name=body]"  # of a reader's form
# Arguments of the fixture `driver` of tests/reader/conftest.py.
WAYS = [
    pytest.param(browser, keeps, scripts, id=f"{browser}, {'' if keeps else 'no '}page cache, scripts {'on' if scripts else 'off'}")
    for browser in ("chromium", "firefox")
    for keeps in (True, False)
    for scripts in (True, False)
]  # fmt: skip


class BrowserDriver(Protocol):
    def open(self, url: str) -> None: ...
    def write(self, name: str, text: str) -> None: ...
    def click(self, selector: str) -> None: ...
    def value(self, name: str) -> str: ...
    def is_checked(self, selector: str) -> bool: ...
    def has_element(self, selector: str) -> bool: ...
    def text(self, selector: str) -> str: ...
    def wait_for_error_page(self) -> None: ...
    def go_back(self) -> None: ...
    def send_again(self) -> None: ...
    def source(self) -> str: ...


class ChromiumDriver:
    def __init__(self, page: Page) -> None:
        self.page = page

    def open(self, url: str) -> None:
        self.page.goto(url)

    def write(self, name: str, text: str) -> None:
        self.page.fill(f"[name={name}]", text)

    def click(self, selector: str) -> None:
        self.page.locator(selector).first.click()

    def value(self, name: str) -> str:
        return self.page.locator(f"[name={name}]").first.input_value()

    def is_checked(self, selector: str) -> bool:
        return self.page.is_checked(selector)

    def has_element(self, selector: str) -> bool:
        # Between two pages `evaluate` fails, and a page that is still loading has not restored its fields yet.
        with suppress(Error):
            is_loaded = self.page.evaluate("document.readyState === 'complete'")
            return bool(is_loaded) and self.page.locator(selector).count() > 0
        return False

    def text(self, selector: str) -> str:
        return self.page.locator(selector).first.inner_text()

    def wait_for_error_page(self) -> None:
        wait_until(lambda: self.page.url.startswith("chrome-error:"), ERROR_PAGE, page=self.page)

    def go_back(self) -> None:
        # Chromium stores the fields of a form up to a second after the page is left, and nothing shows when it has.
        self.page.wait_for_timeout(1_500)
        with suppress(Error):  # Playwright takes a page from the back/forward cache for an aborted navigation
            self.page.go_back(wait_until="commit")
        self.page.wait_for_timeout(300)

    def send_again(self) -> None:
        """Reload the page, and let the browser send its form again if it asks."""
        with suppress(Error):
            self.page.reload()

    def source(self) -> str:
        """Return the HTML of the page or of the browser's error page, and what stands in its fields."""
        with suppress(Error):
            values = self.page.evaluate("[...document.querySelectorAll('input, textarea')].map((one) => one.value)")
            return "\n".join([self.page.content(), *values])
        return ""


class FirefoxDriver:
    def __init__(self, firefox: Any) -> None:
        self.firefox = firefox

    def _find_element(self, selector: str) -> Any:
        return self.firefox.find_element("css selector", selector)

    def open(self, url: str) -> None:
        self.firefox.navigate(url)

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
        from marionette_driver.errors import UnknownException

        with suppress(UnknownException):  # an error page, as that of a form that Firefox offers to send again
            self.firefox.go_back()

    def send_again(self) -> None:
        """Reload the page, and let the browser send its form again if it asks."""
        from marionette_driver.errors import UnknownException

        self.firefox.set_pref("dom.confirm_repost.testing.always_accept", True)
        with suppress(UnknownException):
            self.firefox.refresh()

    def source(self) -> str:
        """Return the HTML of the page or of the browser's error page, and what stands in its fields."""
        fields = self.firefox.find_elements("css selector", "input, textarea")
        return "\n".join([self.firefox.page_source, *(str(field.get_property("value")) for field in fields)])


@contextmanager
def open_chromium(chromium: Browser, page_cache: bool, scripts: bool) -> Iterator[BrowserDriver]:
    """Start another Chromium; `page_cache` turns on the back/forward cache, which Playwright disables by default."""
    path = find_chromium()
    ignored_args = ["--disable-back-forward-cache"] if page_cache else None
    browser = chromium.browser_type.launch(
        executable_path=path, args=["--no-sandbox"], ignore_default_args=ignored_args
    )
    yield ChromiumDriver(browser.new_context(java_script_enabled=scripts).new_page())
    browser.close()


@contextmanager
def start_firefox() -> Iterator[Any]:
    """Start Debian's Firefox, driven by Mozilla's own protocol, Marionette."""
    path = shutil.which("firefox-esr")
    if path is None:
        skip_without("firefox-esr")
    from marionette_driver.marionette import Marionette

    with tempfile.TemporaryDirectory(prefix="firefox-") as logs:
        # Marionette deletes the log file before it writes it: pass a folder, and never a device such as /dev/null.
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("LD_PRELOAD", raising=False)  # Firefox hangs at its start with libfaketime (ADR 30)
            firefox = Marionette(
                bin=path, headless=True, port=reserve_port(), startup_timeout=3 * WAIT_TIMEOUT, gecko_log=logs
            )
        firefox.start_session()
        try:
            yield firefox
        finally:
            firefox.quit()


@contextmanager
def open_firefox(firefox: Any, page_cache: bool, scripts: bool) -> Iterator[BrowserDriver]:
    """Open a tab; `page_cache` turns on the back/forward cache."""
    firefox.set_pref("browser.sessionhistory.max_total_viewers", 4 if page_cache else 0)
    firefox.set_pref("javascript.enabled", scripts)
    previous_window = firefox.current_window_handle
    firefox.switch_to_window(firefox.open(type="tab", focus=True)["handle"])
    yield FirefoxDriver(firefox)
    firefox.close()
    firefox.switch_to_window(previous_window)


def submit_and_go_back(driver: BrowserDriver, selector: str, field: str) -> None:
    """Submit a form on a connection that fails, and go back to the form from the browser's error page.

    `selector` is the button, `field` the selector of an element of the form.
    """
    driver.click(selector)
    driver.wait_for_error_page()
    driver.go_back()
    wait_until(lambda: driver.has_element(field), "the form is back")
