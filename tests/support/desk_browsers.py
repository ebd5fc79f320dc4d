"""Real browsers of the desk's people, on a connection that can be cut."""

from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page
from sqlalchemy import func, select

from app.core.actors import Clock, Staff
from app.db.engine import Database
from app.forms.models import FormDraft
from app.people import sign_in
from app.people.models import Person
from tests.support.network_faults import CuttableConnection
from tests.support.waiting import click_and_wait


class Desks:
    """Browsers of the desk's people."""

    def __init__(self, chromium: Browser, database: Database, connection: CuttableConnection) -> None:
        self.chromium, self.database, self.line = chromium, database, connection
        self.contexts: list[BrowserContext] = []

    def of(self, who: Staff, width: int = 1280, **options: Any) -> BrowserContext:
        context = self.chromium.new_context(viewport={"width": width, "height": 900}, **options)
        self.contexts.append(context)
        link = self.database.write(lambda s: sign_in.invite(s, Clock(), s.get_one(Person, who.person_id), "desk"))
        page = context.new_page()
        page.goto(self.address(link))
        click_and_wait(page.get_by_role("button").first)
        page.close()
        return context

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.line.port}{path}"

    def open(self, context: BrowserContext, path: str) -> Page:
        page = context.new_page()
        page.goto(self.address(f"/desk/steppe/{path}"))
        return page

    def drafts(self) -> int:
        with self.database.read() as session:
            return session.scalar(select(func.count(FormDraft.id))) or 0
