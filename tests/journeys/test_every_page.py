"""Every page of the desk, as it is with a newsroom's year behind it: found by its links, looked over by axe, and fitting."""

import base64
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from jinja2 import FileSystemBytecodeCache
from playwright.sync_api import Browser, Page
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map

from app.answers import assigning
from app.db import Database
from app.newsletters.queries import by_slug
from app.newsroom import invitations
from app.people.directory import by_email, staff_actor
from app.people.models import Expert
from app.questions import wording
from app.questions.models import Question
from app.seal import Keys
from demo.doors import doors
from demo.load import load
from tests.conftest import BASE_URL, SECRETS, opened_app
from tests.support.serving import served

pytestmark = pytest.mark.browser

# Nothing to look at: files, a mail, what only sends one on, and the report of a file that somebody has to bring first.
FILES = ("editor.edition_mail", "editor.export", "editor.insights_csv", "editor.reply_address", "editor.take_trail")
ELSEWHERE = ("editor.start", "editor.expert_report")
STATES = {
    "editor.question": 8,
    "editor.mail": 3,
    "editor.letter": 4,
    "editor.edition": 3,
    "editor.outbox": 2,
}  # one page, and another for each state
OF_PAVEL, OF_SHIRIN = "Both desks, as Pavel, who says who works there", "The desk of نفس, as its editor Shirin"


@pytest.fixture(scope="module")
def platan(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Platan's newsroom after its year."""
    folder = tmp_path_factory.mktemp("walk")
    database = Database(f"sqlite:///{shutil.copy(sqlite_template, folder / 'newsroom.db')}", Keys(SECRETS), BASE_URL)
    load(database)
    database.write(_on_the_way)
    yield database
    database.close()


def _on_the_way(session: Session) -> None:
    """What the demo has none of: an invitation that isn't sent yet, and one that waits for a second person."""
    newsletter, tereza = by_slug(session, "shift-change"), by_email(session, "tereza@platan.example")
    assert newsletter and tereza
    actor = staff_actor(session, tereza.id, newsletter.id)
    assert actor
    newsletter.held_kinds = ["expert.invitation"]
    asked = session.scalars(select(Question).filter_by(newsletter_id=newsletter.id, state="open")).first()
    assert asked
    wording.clear(session, actor, asked, asked.text_id or 0)
    drafts = [assigning.assign(session, actor, asked, one) for one in session.scalars(select(Expert).limit(2))]
    invitations.invite(session, actor, drafts[0])


@pytest.fixture(scope="module")
def house(platan: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    secrets = ",".join(f"{number}:{base64.b64encode(secret).decode()}" for number, secret in SECRETS.items())
    with served(platan.url, tmp_path_factory.mktemp("mails"), secrets) as address:
        yield address


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
        self.page.get_by_role("button").first.click()
        self.page.wait_for_url("**/desk/**")
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

    def look(self, scheme: str) -> None:
        from axe_playwright_python.sync_playwright import Axe

        self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        rules = {"runOnly": ["color-contrast"]} if scheme == "dark" else None  # all else is as by day
        for fault in Axe().run(self.page, options=rules).response["violations"]:
            self.broken.append((self.page.url, scheme, fault["id"], [node["html"] for node in fault["nodes"]][:3]))

    def measure(self, width: int) -> None:
        self.page.set_viewport_size({"width": width, "height": 900})
        there, seen = self.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        if there > seen:
            self.broken.append((self.page.url, "is wider than its window", there, seen))


def pages_of(addresses: Map) -> set[str]:
    """What of the desk can be opened."""
    rules = addresses.iter_rules()
    return {rule.endpoint for rule in rules if rule.endpoint.startswith("editor.") and "GET" in (rule.methods or ())}


@pytest.mark.parametrize("who", [OF_PAVEL, OF_SHIRIN])
def test_every_page_of_the_desk_is_found_by_links_fits_and_axe_finds_nothing(
    chromium: Browser, platan: Database, house: str, compiled: FileSystemBytecodeCache, tmp_path: Path, who: str
) -> None:
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    with opened_app(platan, tmp_path, compiled, limits="0") as app:
        addresses = app.url_map
    try:
        walk = Walk(context.new_page(), house, addresses)
        start = walk.come_in(dict(doors(platan))[who])
        seen = set()
        for kind in walk.every_page(start, STATES if who == OF_PAVEL else {}):
            seen.add(kind)
            for width in (1440, 390):
                walk.measure(width)
                for scheme in ("light", "dark"):
                    walk.look(scheme)
        assert walk.broken == []
        if who == OF_PAVEL:  # Shirin's year has not all of it
            assert sorted(pages_of(addresses) - seen - {*FILES, *ELSEWHERE}) == []
    finally:
        context.close()
