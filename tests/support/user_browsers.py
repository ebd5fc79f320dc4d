"""Users with real browsers in a served newsroom: pages checked by axe, input by pointer or keyboard, a crawler of the desk."""

import email
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.policy import default
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map

from app.core.actors import Clock
from app.db.engine import Database
from app.mail.message import REMOVAL_PATH
from app.people import sign_in
from app.people.models import Person
from app.text.clean import digits
from tests.support.waiting import WAIT_TIMEOUT, click_and_wait, wait_for_next_page, wait_until

# The dark scheme changes only colours, and colours don't depend on the width of the window.
COLOUR_RULES = ["color-contrast", "link-in-text-block"]
ALL_RULES = {"light": {}, "dark": {"runOnly": COLOUR_RULES}}
RULES_WITHOUT_COLOURS = {"light": {"rules": {rule: {"enabled": False} for rule in COLOUR_RULES}}}
RUN_AXE = """async options => (await axe.run(document, { resultTypes: ['violations'], ...options })).violations.map(
    fault => [fault.id, fault.nodes.slice(0, 3).map(node => node.html)])"""
VARIABLE_PARTS = re.compile(r"[\w.-]{12,}|\d+")  # keys, tokens, ports and times, which differ between equal pages
_faultless_pages: set[tuple[object, str]] = set()
_pages_with_checked_colours: set[str] = set()


def find_accessibility_faults(page: Page) -> Iterator[tuple[str, str, list[str]]]:
    """Yield each fault of an open page: the colour scheme, the name of axe's rule, and the HTML of up to three elements.

    Tests reach the same pages several times. A page without faults is not checked again in a window of the same size;
    in a window of another size it is checked without its colours.
    """
    content = VARIABLE_PARTS.sub("…", page.content())
    page_key = (tuple((page.viewport_size or {}).values()), content)
    if page_key in _faultless_pages:
        return
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    has_faults = False
    rules = RULES_WITHOUT_COLOURS if content in _pages_with_checked_colours else ALL_RULES
    for scheme, options in rules.items():
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for rule, elements in page.evaluate(RUN_AXE, options):
            has_faults = True
            yield scheme, rule, elements
    if not has_faults:
        _faultless_pages.add(page_key)
        _pages_with_checked_colours.add(content)


MAX_TABS = 120  # presses of the tab key from the top of a page to a control


@dataclass
class UserBrowser:
    """One user's browser. With scripts on, axe checks each new page in both colour schemes."""

    context: BrowserContext
    site: str
    scripts: bool
    checked_pages: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page: Page = self.context.new_page()
        self.context.set_default_timeout(WAIT_TIMEOUT * 1_000)

    def open(self, path: str) -> None:
        self.page.goto(path if path.startswith("http") else self.site + path)
        self.check_page()

    def press(self, name: str | re.Pattern[str], exact: bool = True) -> None:
        """Press the button or link with this name, and check the page that it leads to."""
        button = self.page.get_by_role("button", name=name, exact=exact)
        self.follow(button if button.count() else self.page.get_by_role("link", name=name, exact=exact))

    def follow(self, target: Locator) -> None:
        """Press an element that leads to another page, and check that page."""
        click_and_wait(target.first)
        self.check_page()

    def unfold(self, summary: str) -> None:
        folded = self.page.locator("details:not([open]) > summary", has_text=summary)
        if folded.count():
            folded.first.click()

    def open_unfolded(self, path: str) -> None:
        """Open a page, unfold all its details, and check it even if it has been checked before."""
        self.page.goto(self.site + path)
        self.check_unfolded_page()

    def check_unfolded_page(self) -> None:
        self.page.evaluate("document.querySelectorAll('main details').forEach((details) => { details.open = true })")
        self.checked_pages.clear()
        self.check_page()

    def write(self, label: str, text: str) -> None:
        self.page.get_by_label(label, exact=True).first.fill(text)

    def check_page(self) -> None:
        """Check that axe finds no faults and that the page is not wider than its window."""
        page = self.page
        if not self.scripts:
            return
        # One address shows different pages in different states of a row: the heading tells them apart.
        page_name = re.sub(r"[0-9A-Z]{12}|[\w-]{22}", "…", page.url) + " " + self.heading
        if page_name in self.checked_pages:
            return
        self.checked_pages.add(page_name)
        assert list(find_accessibility_faults(page)) == [], page_name
        page_width, window_width = measure_widths(page)
        assert page_width <= window_width, (page_name, page_width, window_width)

    @property
    def heading(self) -> str:
        return self.page.locator("h1").first.inner_text()

    def expect_heading(self, heading: str | re.Pattern[str]) -> None:
        expect(self.page.locator("h1").first).to_have_text(heading)

    def read_receipt_number(self) -> str:
        return digits(self.page.locator(".code").inner_text())


def measure_widths(page: Page) -> tuple[int, int]:
    """Return the widths of a page and of its window, in CSS pixels."""
    page_width, window_width = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    return page_width, window_width


class UserBrowsers:
    """A served newsroom and the browsers of its users."""

    def __init__(self, chromium: Browser, database: Database, site: str, mails: Path, scripts: bool) -> None:
        self.chromium, self.database, self.site, self.mails, self.scripts = chromium, database, site, mails, scripts
        self.contexts: list[BrowserContext] = []

    def open_browser(self, width: int = 1280, **options: Any) -> UserBrowser:
        """Open a browser with cookies of its own; `options` are those of Playwright's `new_context`."""
        context = self.chromium.new_context(
            java_script_enabled=self.scripts, viewport={"width": width, "height": 900}, **options
        )
        self.contexts.append(context)
        return UserBrowser(context, self.site, self.scripts)

    def sign_in_staff(self, name: str = "Nora Lind", width: int = 1280) -> UserBrowser:
        """Open a browser for a member of the desk, and sign them in."""

        def invite(session: Session) -> str:
            person = session.scalars(select(Person).filter_by(name=name)).one()
            return sign_in.invite(session, Clock(), person, "desk")

        browser = self.open_browser(width)
        browser.open(self.database.write(invite))
        browser.press("Sign in")
        return browser

    def wait_for_mailed_link(self, address: str, subject: str) -> str:
        """Wait for a mail to this address with this text in its subject; return the one link in the newest."""
        links: list[str] = []

        def find_links() -> bool:
            for file in sorted(self.mails.glob("[!.]*.eml"), reverse=True):
                mail = email.message_from_bytes(file.read_bytes(), policy=default)
                body = mail.get_body(("plain",))
                if address in str(mail["To"]) and subject in str(mail["Subject"]) and body is not None:
                    found = re.findall(r"https?://\S+", body.get_content())
                    links.extend(link for link in found if not link.endswith(REMOVAL_PATH))
                    return True
            return False

        wait_until(find_links, f"a mail to {address} about {subject}")
        [link] = set(links)
        return link

    def close(self) -> None:
        for context in self.contexts:
            context.close()


PressFunction = Callable[[UserBrowser, str], None]


def press_by_pointer(browser: UserBrowser, name: str) -> None:
    """Click the checkbox, summary, button or link with this name."""
    page = browser.page
    checkbox = page.get_by_role("checkbox", name=name)
    folded = page.locator("main details:not([open]) > summary", has_text=name)
    for target in (checkbox, folded):
        if target.count():
            target.first.click()
            return
    browser.press(name, exact=False)


def press_by_keyboard(browser: UserBrowser, name: str) -> None:
    """Move the focus to the control with this name by the tab key, and press the key that activates it."""
    keyboard = browser.page.keyboard
    tag = _focus_by_tab(browser.page, name)
    if tag == "INPUT":
        keyboard.press("Space")
    elif tag == "SUMMARY":
        keyboard.press("Enter")
    else:
        with wait_for_next_page(browser.page):
            keyboard.press("Enter")
        browser.check_page()


def _focus_by_tab(page: Page, name: str) -> str:
    """Return the tag of the control with this name, focused; fail if its focus is invisible."""
    page.locator("body").press("Control+Home")
    for _ in range(MAX_TABS):
        page.keyboard.press("Tab")
        tag, text = page.evaluate(
            "(({ activeElement: e }) => [e.type === 'checkbox' || e.matches('a, button, summary') ? e.tagName : '',"
            " e.labels?.[0]?.innerText || e.innerText || ''])(document)"
        )
        if tag and name in text:
            has_outline = page.evaluate(
                "[...function*(e) { for (; e; e = e.parentElement) yield getComputedStyle(e).outlineStyle }"
                "(document.activeElement)].some((style) => style !== 'none')"
            )
            assert has_outline, f"nothing shows that {name} has the focus"
            return str(tag)
    raise AssertionError(f"{name} can’t be reached with the tab key")


def type_text(browser: UserBrowser, press: PressFunction, label: str, text: str) -> None:
    """Replace the text of the field with this label; with `press_by_keyboard` by the keyboard alone."""
    if press is not press_by_keyboard:
        browser.write(label, text)
        return
    page, field = browser.page, browser.page.get_by_label(label, exact=True).first
    page.locator("body").press("Control+Home")
    for _ in range(MAX_TABS):
        page.keyboard.press("Tab")
        if field.evaluate("field => field === document.activeElement"):
            page.keyboard.press("Control+A")
            page.keyboard.type(text)
            return
    raise AssertionError(f"{label} can’t be reached with the tab key")


INPUT_METHODS = pytest.mark.parametrize(
    ("press", "scripts"),
    [(press_by_pointer, True), (press_by_keyboard, True), (press_by_pointer, False)],
    ids=["pointer", "keyboard alone", "scripts off"],
)


# Addresses without a page to check: files, a mail, a redirect, and the report of a file that has to be uploaded first.
FILE_ENDPOINTS = (
    "editor.call_file",
    "editor.edition_mail",
    "editor.export",
    "editor.insights_csv",
    "editor.reply_address",
    "editor.take_trail",
)


class DeskCrawler:
    """Follows the links of the desk in a browser, to one page of each endpoint; collects `faults`."""

    def __init__(self, page: Page, site: str, url_map: Map) -> None:
        self.page, self.site = page, site
        self.urls = url_map.bind("")
        self.faults: list[object] = []
        page.on("pageerror", lambda error: self.faults.append((page.url, str(error))))
        page.on("console", self._record_console_error)

    def _record_console_error(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.faults.append((self.page.url, message.text))

    def sign_in(self, link: str) -> str:
        """Sign in by a link; return the path of the desk."""
        self.page.goto(self.site + urlsplit(link).path)
        click_and_wait(self.page.get_by_role("button").first)
        return urlsplit(self.page.url).path

    def get_endpoint(self, path: str) -> str:
        """Return the endpoint of a path, or "" if there is none."""
        try:
            return self.urls.match(urlsplit(path).path, method="GET")[0]
        except HTTPException:
            return ""

    def iter_pages(self, start: str, limits: Mapping[str, int]) -> Iterator[str]:
        """Open the pages that links lead to from the path `start`, and yield the endpoint of each while it is open.

        `limits` are the numbers of pages to open by endpoint, one if not given.
        """
        queue, seen, page_counts = deque([start, f"{start}outbox?state=held"]), set(), Counter[str]()
        while queue:
            path = queue.popleft()
            endpoint = self.get_endpoint(path)
            if page_counts[endpoint] >= limits.get(endpoint, 1):
                continue
            page_counts[endpoint] += 1
            response = self.page.goto(self.site + path)
            assert response and response.status == 200, path
            yield endpoint
            links = self.page.eval_on_selector_all("a[href]", "links => links.map(a => a.getAttribute('href'))")
            new_links = [link for link in links if link.startswith(start) and link not in seen]
            seen.update(new_links)
            queue += [link for link in new_links if self.get_endpoint(link) not in ("", *FILE_ENDPOINTS)]

    def check_accessibility(self) -> None:
        self.faults += [(self.page.url, *fault) for fault in find_accessibility_faults(self.page)]

    def check_width(self, width: int) -> None:
        """Check that the open page fits a window of this width, in CSS pixels."""
        self.page.set_viewport_size({"width": width, "height": 900})
        page_width, window_width = measure_widths(self.page)
        if page_width > window_width:
            self.faults.append((self.page.url, "is wider than its window", page_width, window_width))
