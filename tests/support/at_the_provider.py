"""A browser on its way to the newsroom's own provider and back, and what it leaves in the database."""

from urllib.parse import parse_qs, urlencode, urlsplit

from flask import Flask
from sqlalchemy import select

from app.audit import Event
from app.db.engine import Database
from app.people.models import BrowserSession, Identity
from tests.support.browser import Browser
from tests.support.staff_provider import led_back

DESK, START, BACK = "/desk/steppe/letters", "/sign-in/provider", "/sign-in/provider/back"


def sent_there(app: Flask, onward: str = DESK) -> tuple[Browser, str]:
    """A browser that pressed the button, and where it was sent to."""
    browser = Browser(app)
    browser.open(f"/sign-in?next={onward}")
    led = browser.open(browser.read.attributes(f'a[href^="{START}"]', "href")[0])
    assert led.status_code == 303, browser.heading
    return browser, led.headers["Location"]


def comes_back(app: Flask, onward: str = DESK, **changed: str | None) -> Browser:
    """A browser that was at the provider and is back, with some parts of the answer changed."""
    browser, there = sent_there(app, onward)
    parts = urlsplit(led_back(there))
    answer = {name: values[0] for name, values in parse_qs(parts.query).items()} | changed
    browser.open(f"{parts.path}?{urlencode({name: text for name, text in answer.items() if text is not None})}")
    return browser


def status(browser: Browser) -> int:
    assert browser.page is not None
    return browser.page.status_code


def events(database: Database, *prefixes: str) -> list[str]:
    with database.read() as session:
        found = session.scalars(select(Event.action).order_by(Event.id))
        return [action for action in found if action.startswith(prefixes)]


def sessions(database: Database) -> list[BrowserSession]:
    with database.read() as session:
        return list(session.scalars(select(BrowserSession).order_by(BrowserSession.id)))


def bound(database: Database) -> list[int]:
    with database.read() as session:
        return list(session.scalars(select(Identity.person_id).order_by(Identity.id)))
