"""A walk over the pages of the desk along their links."""

from collections import Counter
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from playwright.sync_api import Page
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map

from tests.support import accessibility
from tests.support.waiting import press

# Nothing to look at: files, a mail, what only sends one on, and the report of a file that somebody has to bring first.
FILES = (
    "editor.call_file",
    "editor.edition_mail",
    "editor.export",
    "editor.insights_csv",
    "editor.reply_address",
    "editor.take_trail",
)


class Walk:
    """Somebody who follows every link of the desk to a kind of page that they haven't seen."""

    def __init__(self, page: Page, house: str, addresses: Map) -> None:
        self.page, self.house = page, house
        self.addresses = addresses.bind("")
        self.broken: list[object] = []
        page.on("pageerror", lambda error: self.broken.append((page.url, str(error))))
        page.on("console", lambda said: self.broken.append((page.url, said.text)) if said.type == "error" else None)

    def come_in(self, link: str) -> str:
        """Gives the address of the desk."""
        self.page.goto(self.house + urlsplit(link).path)
        press(self.page.get_by_role("button").first)
        return urlsplit(self.page.url).path

    def kind(self, path: str) -> str:
        try:
            return self.addresses.match(urlsplit(path).path, method="GET")[0]
        except HTTPException:
            return ""

    def every_page(self, start: str, most: Mapping[str, int]) -> Iterator[str]:
        """The kinds of pages, each while it is open; one of a kind, or so many."""
        ahead, seen, counted = [start, f"{start}outbox?state=held"], set(), Counter[str]()
        while ahead:
            path = ahead.pop(0)
            kind = self.kind(path)
            if counted[kind] >= most.get(kind, 1):
                continue
            counted[kind] += 1
            answer = self.page.goto(self.house + path)
            assert answer and answer.status == 200, path
            yield kind
            links = self.page.eval_on_selector_all("a[href]", "all => all.map(one => one.getAttribute('href'))")
            here = [link for link in links if link.startswith(start) and link not in seen]
            seen.update(here)
            ahead += [link for link in here if self.kind(link) not in ("", *FILES)]

    def look(self) -> None:
        self.broken += [(self.page.url, *fault) for fault in accessibility.faults(self.page)]

    def measure(self, width: int) -> None:
        self.page.set_viewport_size({"width": width, "height": 900})
        there, seen = self.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        if there > seen:
            self.broken.append((self.page.url, "is wider than its window", there, seen))
