"""A browser in which somebody of the desk is signed in, and what stands in the database behind it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from typing import Any

from flask import Flask
from sqlalchemy import event, select
from werkzeug.test import TestResponse

from app.actors import Clock, Staff
from app.db import Base, Database
from app.people import sign_in
from app.people.models import Person
from tests.support.shown import check_forms, with_token


class Browser:
    """Somebody at the desk of the Steppe Letter. Pages come as text with entities read and blanks folded."""

    def __init__(self, app: Flask, who: Staff, slug: str = "steppe") -> None:
        app.config["WTF_CSRF_ENABLED"] = False
        self.database: Database = app.extensions["database"]
        self.client, self.slug = app.test_client(), slug
        person = who.person_id
        path = self.database.write(lambda s: sign_in.invite(s, Clock(), s.get_one(Person, person), "desk"))
        self.client.post(path, base_url="https://localhost")

    def get(self, path: str, status: int = 200) -> str:
        response = self.open(path)
        assert response.status_code == status, (response.status_code, path)
        return read(response)

    def open(self, path: str) -> TestResponse:
        page = self.client.get(f"/desk/{self.slug}/{path}", base_url="https://localhost")
        check_forms(self.client.application, page.text if page.mimetype == "text/html" else "")
        return page

    def press(self, path: str, status: int = 303, **form: Any) -> str:
        """Send a form by hand; 303 leads to a page of the desk. `version` and the like are what it showed."""
        data = with_token(form)
        response = self.client.post(f"/desk/{self.slug}/{path}", data=data, base_url="https://localhost")
        assert response.status_code == status, (response.status_code, path)
        return response.location if status == 303 else read(response)


def read(response: TestResponse) -> str:
    """What a page says inside its frame: its text without tags."""
    main = response.text.partition("<main")[2].partition(">")[2]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", main)))


def buttons(response: TestResponse) -> list[str]:
    """The words on a page's buttons, without the frame's, in order and without what only a screen reader says."""
    main = response.text.partition("<main")[2]
    found = re.findall(r"<button[^>]*>(.*?)</button>", main, re.DOTALL)
    words = [re.sub(r'<span class="unseen">.*?</span>', "", one, flags=re.DOTALL) for one in found]
    return [re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", one))).strip() for one in words]


def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table: what a refused change must leave as it is."""
    with database.read() as session:
        return {
            table.name: [tuple(row) for row in session.execute(select(table).order_by(*table.primary_key))]
            for table in Base.metadata.sorted_tables
        }


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """The statements that reading runs meanwhile."""
    statements: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    event.listen(database.reader, "before_cursor_execute", count)
    try:
        yield statements
    finally:
        event.remove(database.reader, "before_cursor_execute", count)
