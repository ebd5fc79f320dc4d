"""A browser without scripts: it keeps its cookies, and presses the buttons of the page that it has open."""

import re
from html import unescape
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from werkzeug.test import TestResponse

from tests.support.app import BASE_URL


class Browser:
    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()
        self.page: TestResponse | None = None

    def open(self, address: str, method: str = "GET") -> TestResponse:
        self.page = self.client.open(_path(address), method=method, base_url=BASE_URL)
        return self.page

    def press(self, address: str, headers: dict[str, str] | None = None, **fields: Any) -> TestResponse:
        """Send a form of the open page: its token goes with it. Stays on the page that comes back."""
        data = {"csrf_token": self.token(), **fields}
        self.page = self.client.post(_path(address), data=data, headers=headers, base_url=BASE_URL)
        return self.page

    def follow(self) -> TestResponse:
        assert self.page is not None and self.page.status_code == 303, self.page
        return self.open(self.page.headers["Location"])

    def token(self) -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.text)
        return found[1] if found else ""

    @property
    def text(self) -> str:
        return unescape(self.page.get_data(as_text=True)) if self.page else ""

    @property
    def heading(self) -> str:
        """The page's h1, its tags and line ends taken out."""
        found = re.search(r"<h1[^>]*>(.*?)</h1>", self.text, re.DOTALL)
        return " ".join(re.sub(r"<[^>]+>", "", found[1]).split()) if found else ""

    def value(self, name: str) -> str:
        """What stands in a field of the open page."""
        area = re.search(rf'<textarea[^>]* name="{name}"[^>]*>\n?(.*?)</textarea>', self.text, re.DOTALL)
        if area:
            return area[1]
        field = re.search(rf'<input[^>]*name="{name}"[^>]*>', self.text)
        value = re.search(r'value="([^"]*)"', field[0]) if field else None
        return value[1] if value else ""


def _path(address: str) -> str:
    parts = urlsplit(address)
    return parts.path + (f"?{parts.query}" if parts.query else "")
