"""Crawlers over every page of the demo newsroom: who follows each link, what they find, and what of it a browser would run."""

import re
import shutil
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from flask import Flask
from sqlalchemy import Column, Table, select
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter

import config as configuration
from app import create_app
from app.answers import assigning
from app.answers.models import Assignment
from app.core.actors import Clock
from app.db.engine import Database
from app.editor.bulk import BULK_FORMS
from app.editor.frame import editor as door_of_the_desk
from app.letters.models import Credit, Letter
from app.mail import outbox
from app.mail.message import Message
from app.models import Base
from app.newsletters.models import Newsletter
from app.newsletters.queries import desks_of
from app.people import directory, sign_in
from app.questions.models import Question
from app.web.setup import HEADERS
from tests.support.app import BASE_URL, TEST_SETTINGS
from tests.support.database_checks import record_statements
from tests.support.databases import postgres_copy, postgres_url
from tests.support.pages import Browser, Page, get_node_text

EDITOR, EXPERT = "tereza@platan.example", "gulmira@fair-hour.example"
ADMIN, ASSISTANT, OTHER_DESK_EDITOR = "pavel@platan.example", "aizada@platan.example", "shirin@platan.example"
DESK = "/desk/shift-change/"
MAX_PER_ENDPOINT = 10  # how many addresses of one kind are opened by one walker
# Addresses of lists that are narrowed down: few of them are links.
FILTERED_LISTS = [
    *(f"{DESK}search?q={words}" for words in ("overtime", "over*", '"night shift"')),
    *(f"{DESK}letters?{query}" for query in ("q=overtime", "state=all", "channel=mail", "language=en", "age=over-week", "alike=1")),
    *(f"{DESK}questions?{query}" for query in ("q=overtime", "state=all")),
    *(f"{DESK}trail?{query}" for query in ("what=question", "who=desk")),
    f"{DESK}experts?topic=pay",
    f"{DESK}outbox?state=sent",
]  # fmt: skip


@dataclass
class Crawl:
    """What one walker has opened: how each address answered, and which address belongs to which endpoint."""

    answers: dict[str, int] = field(default_factory=dict)
    endpoints: dict[str, list[str]] = field(default_factory=dict)
    presses: set[str] = field(default_factory=set)
    offers: set[tuple[str, str, str]] = field(default_factory=set)  # the page, what is offered there, the act it needs
    undressed: set[tuple[str, str]] = field(
        default_factory=set
    )  # a page, and a header that every answer has and it has not
    live: set[tuple[str, str]] = field(
        default_factory=set
    )  # a page, and what of somebody's words is more than text there
    asked: dict[str, tuple[int, str]] = field(
        default_factory=dict
    )  # by endpoint: how often a page asked the database at most, and which one
    as_text: int = 0  # how often somebody's words for a browser stand there as text


def open_demo_app(request: pytest.FixtureRequest, folder: Path) -> Iterator[Flask]:
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{shutil.copy(request.getfixturevalue('sqlite_year'), folder / 'newsroom.db')}"
        else:
            url = postgres_url(stack.enter_context(postgres_copy(request.getfixturevalue("postgres_year"))))
        environ = {
            "READERS_ASKED_ENV": "demo",
            "DATABASE_URL": url,
            "MAIL_FOLDER": str(folder),
            "ERASURES": f"{folder}/erasures",
        }
        app = create_app({**configuration.load(environ), **TEST_SETTINGS, "LIMITS": False})
        yield app
        app.extensions["database"].close()


def bind_url_map(app: Flask) -> MapAdapter:
    return app.url_map.bind(urlsplit(BASE_URL).netloc, url_scheme="https")


def find_links(address: str, page: str) -> list[str]:
    """The addresses of this house that a page links to, without what stands behind a #."""
    found = (urljoin(f"{BASE_URL}{address}", href) for href in Page(page).attributes("a", "href"))
    parts = (urlsplit(href) for href in found if href.startswith(f"{BASE_URL}/"))
    return [part.path + (f"?{part.query}" if part.query else "") for part in parts]


def find_form_actions(page: str) -> set[str]:
    """Where the buttons of a page's forms lead."""
    read = Page(page)
    sent = [
        *read.attributes("form[method=post]:has(button)", "action"),
        *read.attributes("form[method=post] button:not([formmethod])", "formaction"),
    ]
    return {href.partition("?")[0].partition("#")[0] for href in sent}


def list_offers(app: Flask, address: str, page: str) -> Iterator[tuple[str, str]]:
    """What a page of the desk offers that not everybody there may press or open, and the act that it needs."""
    at, read = bind_url_map(app), Page(page)
    for form in read.tree.css("form[method=post]"):
        for button in form.css("button:not([formmethod])"):
            sent = button.attributes.get("formaction") or form.attributes.get("action") or address
            path = re.split(r"[?#]", sent)[0]
            endpoint, _ = at.match(path, method="POST")
            if endpoint in door_of_the_desk.permissions:
                offer = f"the button {get_node_text(button)!r} to {path}"
                yield offer, door_of_the_desk.get_permission(endpoint, path)
                _act, bulk = BULK_FORMS.get(path.rpartition("/")[2], ("", None))
                if bulk and (act := bulk.actions[button.attributes.get("value") or ""].act):
                    yield offer, act
    for href in find_links(address, page):
        path = href.partition("?")[0]
        with suppress(HTTPException):  # one that leads nowhere is told of elsewhere
            endpoint, _ = at.match(path, method="GET")
            if endpoint in door_of_the_desk.permissions:
                yield f"a link to {path}", door_of_the_desk.get_permission(endpoint, path)


# Words that are something else to a browser wherever they get out of their place: an attribute, an element, a script, an address, a template.
SCRIPT_CALL = "gotcha()"
POLYGLOT = f"\"'></textarea></title><img src=x onerror={SCRIPT_CALL}><svg/onload={SCRIPT_CALL}><script>{SCRIPT_CALL}</script>javascript:{SCRIPT_CALL}{{{{7*7}}}}"
ESCAPED_TEXT = "{{7*7}}"


def find_injections(page: str) -> Iterator[str]:
    """What of `POLYGLOT` a browser would run on a page: an attribute that listens, an element or an address of its own."""
    if SCRIPT_CALL not in page:
        return
    for node in Page(page).tree.css("*"):
        held = {name: str(value or "") for name, value in node.attributes.items()}
        yield from (f"{node.tag} {name}" for name in held if name.startswith("on"))
        yield from (
            f"{node.tag} {name}" for name, value in held.items() if value.strip().lower().startswith("javascript:")
        )
        if node.tag == "script" and SCRIPT_CALL in node.text():
            yield "script"


def crawl(app: Flask, browser: Browser, start: list[str], each: int = MAX_PER_ENDPOINT, under: str = "/") -> Crawl:
    """Open `start` and what can be reached from there, up to `each` addresses of a kind besides, all of them `under` one."""
    taken, seen, opened = Crawl(), set(start), Counter[str]()
    todo = deque(start)
    while todo:
        address = todo.popleft()
        try:
            endpoint, _ = bind_url_map(app).match(address.partition("?")[0], method="GET")
        except HTTPException as missing:
            taken.answers[address] = missing.code or 0
            continue
        if opened[endpoint] >= each and address not in start:
            continue
        opened[endpoint] += 1
        with record_statements(app.extensions["database"]) as statements:
            response = browser.open(address)
        asked = sum(1 for one in statements if one != "BEGIN")
        taken.asked[endpoint] = max(taken.asked.get(endpoint, (0, "")), (asked, address))
        taken.answers[address] = response.status_code
        taken.endpoints.setdefault(endpoint, []).append(address)
        text = response.data.decode(errors="replace")  # a Word file or a picture is no text, and has no links
        taken.presses |= find_form_actions(text)
        taken.undressed |= {(address, name) for name in HEADERS if name not in response.headers}
        if response.mimetype == "text/html":  # a calendar or a table is read by no browser as a page (nosniff)
            taken.live |= {(address, found) for found in find_injections(text)}
        taken.as_text += text.count(ESCAPED_TEXT)
        if address.startswith("/desk/"):
            taken.offers |= {(address, *offer) for offer in list_offers(app, address, text)}
        found = [response.headers["Location"]] if 300 <= response.status_code < 400 else find_links(address, text)
        for href in found:
            path = href.removeprefix(BASE_URL)
            if path not in seen and path.startswith(under):
                seen.add(path)
                todo.append(path)
    return taken


def sign_in_browser(app: Flask, email: str, door: str) -> Browser:
    """Somebody's browser, let in by an invitation."""
    database: Database = app.extensions["database"]

    def invite(session: Session) -> str:
        person = directory.by_email(session, email)
        assert person is not None, email
        return sign_in.invite(session, Clock(), person, door)

    browser = Browser(app)
    link = database.write(invite)
    browser.open(link)
    assert browser.press(link).status_code == 303
    return browser


def dump_tables_without_seen_at(app: Flask) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, but for when a browser of the desk was last seen: the one thing that opening a page may write."""
    database: Database = app.extensions["database"]
    with database.read() as session:
        return {
            name: sorted((tuple(row) for row in session.execute(select(*_columns(table)))), key=repr)
            for name, table in Base.metadata.tables.items()
        }


def _columns(table: Table) -> list[Column[object]]:
    return [column for column in table.columns if (table.name, column.name) != ("sessions", "seen_at")]


def list_questions_in_all_states(session: Session) -> list[str]:
    """Questions in all states, their own with those of their assignments, and one whose asker's name is to be checked.

    Which of a long list a walker opens depends on the day; these are always among them.
    """
    newsletter = session.scalars(select(Newsletter).where(Newsletter.slug == DESK.split("/")[2])).one()
    states = select(Question.public_id, Question.state, Assignment.state).outerjoin(
        Assignment, Assignment.question_id == Question.id
    )
    named = select(Letter.question_id).join(Credit).where(Credit.choice != "none", Credit.verified_at.is_(None))
    mine = states.where(Question.newsletter_id == newsletter.id).order_by(Question.id)
    kinds = {(question, assignment): public_id for public_id, question, assignment in session.execute(mine)}
    to_check = session.scalars(mine.where(Question.id.in_(named)).limit(1))
    return [f"{DESK}questions/{public_id}" for public_id in {*kinds.values(), *to_check}]


def create_draft_assignment(session: Session) -> None:
    """Somebody has begun to ask an expert and gone home; the demo's own people finish what they begin."""
    tereza = directory.by_email(session, EDITOR)
    assert tereza is not None
    newsletter = desks_of(session, tereza.id)[0]
    actor = directory.staff_actor(session, tereza.id, newsletter.id)
    assert actor is not None
    question = session.scalars(select(Question).filter_by(newsletter_id=newsletter.id, state="open")).first()
    expert = directory.record_expert(session, actor, "Laura Venter", "laura@gauges.example")
    assert question is not None
    assigning.assign(session, actor, question, expert)


def create_held_mail(session: Session) -> None:
    """A mail waits for an editor; in the demo nobody holds any."""
    newsletter = session.scalars(select(Newsletter).order_by(Newsletter.id)).first()
    assert newsletter is not None
    letter = Message("expert.returned", "laura@gauges.example", "Laura", "One more thing", "Which year?\n", "en", "T")
    outbox.put(session, letter, newsletter_id=newsletter.id, hold=True)
