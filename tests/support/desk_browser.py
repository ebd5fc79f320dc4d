"""Somebody at the desk with a browser, who signs in by the link and carries the form's token along; and what to look at."""

import re
from collections.abc import Callable
from html import unescape
from typing import TypeVar

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from app.actors import Clock, Staff
from app.answers.models import Answer, Assignment
from app.db import Database
from app.newsletters.models import Newsletter
from app.people import sign_in
from app.people.models import Person
from app.questions.models import Question
from tests.support.at_desk import counted
from tests.support.cast import Newsroom
from tests.support.shown import all_shown, check_forms, with_token

T = TypeVar("T")

TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class DeskBrowser:
    def __init__(self, app: Flask, database: Database, staff: Staff, slug: str) -> None:
        app.config["PROPAGATE_EXCEPTIONS"] = True  # a fault of ours is shown where it is
        self.client: FlaskClient = app.test_client()
        self.database: Database = app.extensions["database"]
        self.desk = f"/desk/{slug}"
        link = database.write(
            lambda session: sign_in.invite(session, Clock(), session.get_one(Person, staff.person_id), "desk")
        )
        self.token = self._token(self.client.get(link))
        assert self.client.post(link, data={"csrf_token": self.token}).status_code == 303
        self.get("/letters")

    def _token(self, response: TestResponse) -> str:
        found = TOKEN.search(response.text)
        return found.group(1) if found else self.token

    def get(self, path: str, status: int = 200) -> str:
        """The page at an address below the desk, as a person reads it: entities resolved."""
        response = self.client.get(path if path.startswith("/desk/") else self.desk + path)
        assert response.status_code == status, response.text
        check_forms(self.client.application, response.text)
        self.token = self._token(response)
        return unescape(response.text)

    def post(self, path: str, status: int = 303, **typed: object) -> str:
        """Send a form. Gives where it leads to, or the page where the form wasn't taken. `version` and the like are what the
        form showed."""
        whole = path if path.startswith("/desk/") else self.desk + path
        fields = {name: list(value) if isinstance(value, tuple) else value for name, value in with_token(typed).items()}
        response = self.client.post(whole, data={"csrf_token": self.token, **fields})
        assert response.status_code == status, (response.status_code, unescape(response.text))
        return response.location.partition("#")[0] if status == 303 else unescape(response.text)

    def decide(self, question: str, act: str, status: int = 303, **typed: object) -> str:
        """Press on the page of a question, whose forms carry how it stood when it was opened."""
        return self.post(f"{question}/{act}", status, **{"seen": all_shown(self.get(question)), **typed})


def with_a_minute(app: Flask, database: Database, newsroom: Newsroom) -> DeskBrowser:
    """Nora's, at a desk whose mails wait for a minute, in which a press can be undone."""
    database.write(lambda s: setattr(s.get_one(Newsletter, newsroom.newsletter_id), "undo_seconds", 60))
    return DeskBrowser(app, database, newsroom.nora, newsroom.slug)


def one(database: Database, model: type[T], **by: object) -> T:
    with database.read() as session:
        return session.scalars(select(model).filter_by(**by)).unique().one()


def states(database: Database) -> tuple[str | None, str | None, str | None]:
    """Where the only question, assignment and answer stand."""
    with database.read() as session:
        found = [session.scalar(select(model.state)) for model in (Question, Assignment, Answer)]
    return tuple(found)


def queries_of(database: Database, fn: Callable[[], object]) -> int:
    """How many queries reading a page takes."""
    with counted(database) as statements:
        fn()
    return len(statements)


def undone(nora: DeskBrowser, led: str) -> str:
    """Press Undo on the page that a press led to, or that is open already; gives what is said then."""
    page = nora.get(led) if led.startswith("/") else led
    press = re.search(r'name="press" value="([\d.]*)"', page)[1]
    back = re.search(r'name="back" value="([^"]*)"', page)[1]
    page = nora.get(nora.post("/undo", press=press, back=back))
    return re.search(r'<p role="status">\s*(.*?)\s*</p>', page, re.DOTALL)[1]


def walked(nora: DeskBrowser, path: str, rel: str, place: str = "pages") -> list[str]:
    """The pages from one on, by the link to the next or to the one before."""
    pages = []
    while path:
        response = nora.client.get(path if path.startswith("/desk/") else nora.desk + path, follow_redirects=True)
        pages.append(unescape(response.text))
        links = re.search(rf'class="[a-z ]*{place}".*?</(?:nav|p)>', pages[-1], re.DOTALL)
        found = re.search(rf'rel="{rel}" href="([^"]+)"', links[0]) if links else None
        path = found[1] if found else ""
    return pages


def section(page: str, name: str) -> str:
    return re.search(rf'<section class="block" aria-labelledby="{name}">(.*?)</section>', page, re.DOTALL)[1]
