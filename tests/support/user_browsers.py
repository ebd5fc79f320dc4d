"""People with browsers in a served newsroom: how they press and type, their walk along the desk's links, and what axe finds."""

import email
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.policy import default
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from sqlalchemy import select
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map

from app.core.actors import Clock
from app.db.engine import Database
from app.people import sign_in
from app.people.models import Person
from app.text.clean import digits
from tests.support.waiting import WAIT_TIMEOUT, next_page, press, wait_until

# By night the colours are others, and all else is as by day; in a window of another width the colours are the same.
COLOUR_RULES = ["color-contrast", "link-in-text-block"]
ALL_RULES = {"light": {}, "dark": {"runOnly": COLOUR_RULES}}
RULES_WITHOUT_COLOURS = {"light": {"rules": {rule: {"enabled": False} for rule in COLOUR_RULES}}}
RUN_AXE = """async options => (await axe.run(document, { resultTypes: ['violations'], ...options })).violations.map(
    fault => [fault.id, fault.nodes.slice(0, 3).map(node => node.html)])"""
VARIABLE_PARTS = re.compile(r"[\w.-]{12,}|\d+")  # keys, tokens, ports and times: the same page for whoever looks
_faultless_pages: set[tuple[object, str]] = set()
_pages_with_checked_colours: set[str] = set()


def find_accessibility_faults(page: Page) -> Iterator[tuple[str, str, list[str]]]:
    """Yield each fault of an open page: the colour scheme, axe's name of it, and up to three places.

    Two ways through the desk come by the same pages: one that had no fault is not looked over again, if nothing in it is
    another and its window is as large; in a window of another size it is looked over but for its colours.
    """
    stands = VARIABLE_PARTS.sub("…", page.content())
    looks = (tuple((page.viewport_size or {}).values()), stands)
    if looks in _faultless_pages:
        return
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found = False
    for scheme, options in (RULES_WITHOUT_COLOURS if stands in _pages_with_checked_colours else ALL_RULES).items():
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for name, places in page.evaluate(RUN_AXE, options):
            found = True
            yield scheme, name, places
    if not found:
        _faultless_pages.add(looks)
        _pages_with_checked_colours.add(stands)


MAX_TABS = 120  # from the top of a page to a button in it


@dataclass
class UserBrowser:
    """One person's browser. With scripts on, each page they come to is looked over by axe, in both schemes."""

    context: BrowserContext
    site: str
    scripts: bool
    seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page: Page = self.context.new_page()
        self.context.set_default_timeout(WAIT_TIMEOUT * 1_000)

    def open(self, path: str) -> None:
        self.page.goto(path if path.startswith("http") else self.site + path)
        self.check_page()

    def press(self, name: str | re.Pattern[str], exact: bool = True) -> None:
        """Press a button or a link by what it says, and look at the page that it leads to."""
        button = self.page.get_by_role("button", name=name, exact=exact)
        self.follow(button if button.count() else self.page.get_by_role("link", name=name, exact=exact))

    def follow(self, target: Locator) -> None:
        """Press what leads to another page, and look at that."""
        press(target.first)
        self.check_page()

    def unfold(self, summary: str) -> None:
        folded = self.page.locator("details:not([open]) > summary", has_text=summary)
        if folded.count():
            folded.first.click()

    def open_unfolded(self, path: str) -> None:
        """Open a page, unfold all that is folded there, and look it over again, however often it was seen."""
        self.page.goto(self.site + path)
        self.check_unfolded_page()

    def check_unfolded_page(self) -> None:
        self.page.evaluate("document.querySelectorAll('main details').forEach((one) => { one.open = true })")
        self.checked_pages.clear()
        self.check_page()

    def write(self, label: str, text: str) -> None:
        self.page.get_by_label(label, exact=True).first.fill(text)

    def check_page(self) -> None:
        """No script ran into a fault, no page is wider than its window, axe has nothing to say."""
        page = self.page
        if not self.scripts:
            return
        # One address shows different pages as a thing goes its way: the heading tells them apart.
        place = re.sub(r"[0-9A-Z]{12}|[\w-]{22}", "…", page.url) + " " + self.heading
        if place in self.checked_pages:
            return
        self.checked_pages.add(place)
        assert list(find_accessibility_faults(page)) == [], place
        width = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert width[0] <= width[1], (place, width)

    @property
    def heading(self) -> str:
        return self.page.locator("h1").first.inner_text()

    def expect_heading(self, heading: str | re.Pattern[str]) -> None:
        expect(self.page.locator("h1").first).to_have_text(heading)

    def read_receipt_number(self) -> str:
        return digits(self.page.locator(".code").inner_text())


class UserBrowsers:
    """The newsroom as it is served, with a browser for each of its people."""

    def __init__(self, chromium: Browser, database: Database, site: str, mails: Path, scripts: bool) -> None:
        self.chromium, self.database, self.site, self.mails, self.scripts = chromium, database, site, mails, scripts
        self.contexts: list[BrowserContext] = []

    def open_browser(self, width: int = 1280, **options: Any) -> UserBrowser:
        context = self.chromium.new_context(
            java_script_enabled=self.scripts, viewport={"width": width, "height": 900}, **options
        )
        self.contexts.append(context)
        return UserBrowser(context, self.site, self.scripts)

    def sign_in_staff(self, name: str = "Nora Lind", width: int = 1280) -> UserBrowser:
        """Somebody of the desk, signed in."""

        def invite(session: Any) -> str:
            person = session.scalars(select(Person).filter_by(name=name)).one()
            return sign_in.invite(session, Clock(), person, "desk")

        somebody = self.open_browser(width)
        somebody.open(self.database.write(invite))
        somebody.press("Sign in")
        return somebody

    def wait_for_mailed_link(self, to: str, subject: str) -> str:
        """The one link of the newest mail to this address whose subject has these words; waits for the worker."""
        links: list[str] = []

        def find_link() -> bool:
            for file in sorted(self.mails.glob("[!.]*.eml"), reverse=True):
                mail = email.message_from_bytes(file.read_bytes(), policy=default)
                body = mail.get_body(("plain",))
                if to in str(mail["To"]) and subject in str(mail["Subject"]) and body is not None:
                    links.extend(re.findall(r"https?://\S+", body.get_content()))
                    return True
            return False

        wait_until(find_link, f"a mail to {to} about {subject}")
        [link] = set(links)
        return link

    def close(self) -> None:
        for context in self.contexts:
            context.close()


PressFunction = Callable[[UserBrowser, str], None]


def press_by_pointer(visit: UserBrowser, name: str) -> None:
    """Click on what has this name: a box, a button, a link, what unfolds."""
    page = visit.page
    box, folded = (
        page.get_by_role("checkbox", name=name),
        page.locator("main details:not([open]) > summary", has_text=name),
    )
    for found in (box, folded):
        if found.count():
            found.first.click()
            return
    visit.press(name, exact=False)


def press_by_keyboard(visit: UserBrowser, name: str) -> None:
    """Walk with the tab key to what has this name, and press the key that does it."""
    kind = _focus_by_tab(visit.page, name)
    if kind == "INPUT":
        visit.page.keyboard.press("Space")
    elif kind == "SUMMARY":
        visit.page.keyboard.press("Enter")
    else:
        with next_page(visit.page):
            visit.page.keyboard.press("Enter")
        visit.check_page()


def _focus_by_tab(page: Page, name: str) -> str:
    """Gives what kind of element has the focus then, which shows that it has it."""
    page.locator("body").press("Control+Home")
    for _ in range(MAX_TABS):
        page.keyboard.press("Tab")
        kind, words = page.evaluate(
            "(({ activeElement: e }) => [e.type === 'checkbox' || e.matches('a, button, summary') ? e.tagName : '',"
            " e.labels?.[0]?.innerText || e.innerText || ''])(document)"
        )
        if kind and name in words:
            outline = page.evaluate(
                "[...function*(e) { for (; e; e = e.parentElement) yield getComputedStyle(e).outlineStyle }"
                "(document.activeElement)].some((style) => style !== 'none')"
            )
            assert outline, f"nothing shows that {name} has the focus"
            return str(kind)
    raise AssertionError(f"{name} can’t be reached with the tab key")


def type_text(visit: UserBrowser, press: PressFunction, label: str, text: str) -> None:
    """Type into a field instead of what stands there: by its label, or with the keyboard alone."""
    if press is not press_by_keyboard:
        visit.write(label, text)
        return
    page, field = visit.page, visit.page.get_by_label(label, exact=True).first
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


# Nothing to look at: files, a mail, what only sends one on, and the report of a file that somebody has to bring first.
FILE_ENDPOINTS = (
    "editor.call_file",
    "editor.edition_mail",
    "editor.export",
    "editor.insights_csv",
    "editor.reply_address",
    "editor.take_trail",
)


class DeskCrawler:
    """Somebody who follows every link of the desk to a kind of page that they haven't seen."""

    def __init__(self, page: Page, house: str, addresses: Map) -> None:
        self.page, self.house = page, house
        self.addresses = addresses.bind("")
        self.faults: list[object] = []
        page.on("pageerror", lambda error: self.faults.append((page.url, str(error))))
        page.on("console", lambda said: self.faults.append((page.url, said.text)) if said.type == "error" else None)

    def sign_in(self, link: str) -> str:
        """Gives the address of the desk."""
        self.page.goto(self.house + urlsplit(link).path)
        press(self.page.get_by_role("button").first)
        return urlsplit(self.page.url).path

    def get_endpoint(self, path: str) -> str:
        try:
            return self.addresses.match(urlsplit(path).path, method="GET")[0]
        except HTTPException:
            return ""

    def iter_pages(self, start: str, most: Mapping[str, int]) -> Iterator[str]:
        """The kinds of pages, each while it is open; one of a kind, or so many."""
        ahead, seen, counted = [start, f"{start}outbox?state=held"], set(), Counter[str]()
        while ahead:
            path = ahead.pop(0)
            kind = self.get_endpoint(path)
            if counted[kind] >= most.get(kind, 1):
                continue
            counted[kind] += 1
            answer = self.page.goto(self.house + path)
            assert answer and answer.status == 200, path
            yield kind
            links = self.page.eval_on_selector_all("a[href]", "all => all.map(one => one.getAttribute('href'))")
            here = [link for link in links if link.startswith(start) and link not in seen]
            seen.update(here)
            ahead += [link for link in here if self.get_endpoint(link) not in ("", *FILE_ENDPOINTS)]

    def check_accessibility(self) -> None:
        self.faults += [(self.page.url, *fault) for fault in find_accessibility_faults(self.page)]

    def check_width(self, width: int) -> None:
        self.page.set_viewport_size({"width": width, "height": 900})
        there, seen = self.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        if there > seen:
            self.faults.append((self.page.url, "is wider than its window", there, seen))
