"""Somebody at the desk with a browser without scripts, and what the pages there carry along."""

from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from app.core.actors import Clock, Staff
from app.db.engine import Database
from app.newsletters.models import SETTINGS
from app.people import sign_in
from app.people.models import Person
from tests.support.pages import Page
from tests.support.shown import all_shown, check_forms, with_token

LOCALHOST = "https://localhost"


class Desk:
    """Somebody who is signed in at the desk of a newsletter. Addresses are those below the desk; forms carry its token along."""

    def __init__(self, app: Flask, who: Staff, slug: str = "steppe") -> None:
        self.database: Database = app.extensions["database"]
        self.client, self.slug = app.test_client(), slug
        link = self.database.write(lambda s: sign_in.invite(s, Clock(), s.get_one(Person, who.person_id), "desk"))
        token = Page(self.client.get(link, base_url=LOCALHOST).text).value("csrf_token")
        led = self.client.post(link, base_url=LOCALHOST, data={"csrf_token": token})
        assert led.status_code == 303, led.text
        self.token = Page(self.open("people/who-may-what").text).value("csrf_token")

    @property
    def desk(self) -> str:
        return f"/desk/{self.slug}"

    def address(self, path: str) -> str:
        return path if path.startswith("/desk/") else f"{self.desk}/{path.removeprefix('/')}"

    def open(self, path: str) -> TestResponse:
        page = self.client.get(self.address(path), base_url=LOCALHOST)
        check_forms(self.client.application, page.text if page.mimetype == "text/html" else "", self.address(path))
        return page

    def get(self, path: str, status: int = 200) -> Page:
        response = self.open(path)
        assert response.status_code == status, (response.status_code, path)
        return Page(response.text)

    def words(self, path: str, status: int = 200) -> str:
        """What a page says."""
        return self.get(path, status).words

    def send(self, path: str, typed: dict[str, Any]) -> TestResponse:
        """Send a form; a tuple of texts is a field that comes several times, and `version` and the like are what it showed."""
        fields = {name: list(value) if _many(value) else value for name, value in with_token(typed).items()}
        return self.client.post(self.address(path), base_url=LOCALHOST, data={**fields, "csrf_token": self.token})

    def post(self, path: str, status: int = 303, **typed: Any) -> str:
        """Send a form. Gives the page that it leads to, without the place on it, or the page where it wasn't taken."""
        response = self.send(path, typed)
        assert response.status_code == status, (response.status_code, Page(response.text).words)
        return response.location.partition("#")[0] if status == 303 else Page(response.text)

    def press(self, path: str, status: int = 303, **typed: Any) -> str:
        """Send a form. Gives the place that it leads to, or what the page says where it wasn't taken."""
        response = self.send(path, typed)
        assert response.status_code == status, (response.status_code, path)
        return response.location if status == 303 else Page(response.text).words

    def decide(self, question: str, act: str, status: int = 303, **typed: Any) -> str:
        """Press on the page of a question, whose forms carry how it stood when it was opened."""
        return self.post(f"{question}/{act}", status, **{"seen": all_shown(self.get(question)), **typed})


def _many(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(one, str) for one in value)


def undone(nora: Desk, led: str) -> str:
    """Press Undo on the page that a press led to, or that is open already; gives what is said then."""
    page = nora.get(led) if led.startswith("/") else Page(led)
    return nora.get(nora.post("/undo", press=page.value("press"), back=page.value("back"))).notice


def as_it_stands(nora: Desk, path: str) -> dict[str, Any]:
    """What a page would send to its own address if nothing were typed."""
    return dict(nora.get(path).form(nora.address(path)).fields)


def settings_with(field: str) -> str:
    """The page of the settings on which a field stands; the parts of the rule are no settings of their own."""
    return f"settings/{SETTINGS[field].part if field in SETTINGS else 'dates'}"


def walked(nora: Desk, path: str, rel: str, place: str = "pages") -> list[Page]:
    """The pages from one on, by the link to the next or to the one before."""
    pages = []
    while path:
        pages.append(Page(nora.client.get(nora.address(path), base_url=LOCALHOST, follow_redirects=True).text))
        path = next(iter(pages[-1].attributes(f".{place} [rel={rel}]", "href")), "")
    return pages


def section(page: Page, name: str) -> Page:
    """The block of a page that has this name."""
    return page.part(f'section.block[aria-labelledby="{name}"]')
