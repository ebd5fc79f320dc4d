"""A browser without scripts: it keeps its cookies unless told not to, and presses the buttons of the page that it has open."""

from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from flask.sessions import SessionMixin
from werkzeug.test import TestResponse

from tests.support.pages import Page


class Browser:
    def __init__(self, app: Flask, cookies: bool = True) -> None:
        self.client = app.test_client(use_cookies=cookies)
        self.site = str(app.config["BASE_URL"])
        self.page: TestResponse | None = None

    def session(self) -> AbstractContextManager[SessionMixin]:
        """What its cookie holds, to be looked at and changed: by a page of the entrance, since readers' pages keep none."""
        return self.client.session_transaction("/sign-in", base_url=self.site)

    def open(self, address: str, method: str = "GET") -> TestResponse:
        self.page = self.client.open(_path(address), method=method, base_url=self.site)
        return self.page

    def press(self, address: str, headers: dict[str, str] | None = None, **fields: Any) -> TestResponse:
        """Send a form of the open page: its token goes with it. Stays on the page that comes back."""
        data = {"csrf_token": self.token(), **fields}
        self.page = self.client.post(_path(address), data=data, headers=headers, base_url=self.site)
        return self.page

    def submit(self, address: str, of: str = "", **fields: Any) -> TestResponse:
        """Send the form of the open page that leads there, or its form `of` where a button of that leads elsewhere, with
        all that it holds, as a browser does."""
        return self.press(address, **{**self.read.form(of or address).fields, **fields})

    def follow(self) -> TestResponse:
        assert self.page is not None and self.page.status_code == 303, self.page
        return self.open(self.page.headers["Location"])

    def token(self) -> str:
        return next(iter(self.read.values("csrf_token")), "")

    @property
    def read(self) -> Page:
        """The open page."""
        return Page(self.page.get_data(as_text=True) if self.page else "")

    @property
    def text(self) -> str:
        return str(self.read)

    @property
    def heading(self) -> str:
        return self.read.heading

    def value(self, name: str) -> str:
        """What stands in a field of the open page."""
        return next(iter(self.read.values(name)), "")


def _path(address: str) -> str:
    parts = urlsplit(address)
    return parts.path + (f"?{parts.query}" if parts.query else "")
