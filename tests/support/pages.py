"""A page as a test reads it, by what it shows instead of by its HTML, and a browser without scripts."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from html import unescape
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from flask.sessions import SessionMixin
from selectolax.lexbor import LexborHTMLParser, LexborNode
from werkzeug.test import TestResponse


@dataclass(frozen=True)
class Form:
    """A form of a page: where it is sent, what its fields hold, what stands on its buttons.

    `fields` has what a browser would send if nobody typed anything, buttons left out: a list for a name that comes more than
    once, the text itself for all others.
    """

    action: str
    method: str
    fields: dict[str, str | list[str]] = field(default_factory=dict)
    buttons: tuple[str, ...] = ()


class Page(str):
    """The text of a page with entities resolved, in which `in` looks at the HTML; its properties are what somebody sees there.

    What stands around the page's own part (`main`) belongs to the frame, and is left out of words, buttons, links and rows.
    """

    html: str  # as it came

    def __new__(cls, html: str) -> "Page":
        if isinstance(html, cls):
            return html
        page = super().__new__(cls, unescape(html))
        page.html = html
        return page

    @cached_property
    def tree(self) -> LexborHTMLParser:
        return LexborHTMLParser(self.html)

    @cached_property
    def main(self) -> LexborNode:
        found = self.tree.css_first("main") or self.tree.body
        assert found is not None, self.html
        return found

    @property
    def title(self) -> str:  # type: ignore[override]
        """What the browser calls the page."""
        found = self.tree.css_first("title")
        return words_of(found) if found else ""

    @property
    def words(self) -> str:
        """All that the page's own part says, blanks folded."""
        return words_of(self.main)

    @property
    def heading(self) -> str:
        return next(iter(self.texts("h1")), "")

    @property
    def headings(self) -> list[str]:
        return self.texts("h1, h2, h3, h4")

    @property
    def notice(self) -> str:
        """What the page says happened."""
        found = self.tree.css_first("p[role=status]")
        return words_of(found) if found else ""

    @property
    def errors(self) -> list[tuple[str, str]]:
        """The fields that are wrong, by their ids, and what is said at each."""
        return [
            ((one.attributes["id"] or "").removesuffix("-error"), words_of(one))
            for one in self.tree.css("p.error[id$='-error']")
        ]

    @property
    def summary(self) -> list[tuple[str, str]]:
        """What the box on top wants mended: where each of its lines leads on the page, and what it says."""
        return [
            ((one.attributes["href"] or "").removeprefix("#"), words_of(one))
            for one in self.tree.css(".summary a[href^='#']")
        ]

    @property
    def buttons(self) -> list[str]:
        """The words on the buttons, in order."""
        return self.texts("button")

    @property
    def controls(self) -> list[str]:
        """What can be pressed, typed in or followed before anything is unfolded, by its words, else its name. All that stands
        in one list to tick is one."""
        found: dict[int, str] = {}
        for one in self.main.css("a[href], button, summary, input, select, textarea"):
            if one.attributes.get("type") == "hidden" or _is_away(one):
                continue
            group = next((around for around in _around(one) if around.tag == "fieldset"), one)
            found[group.mem_id] = words_of(group) or group.attributes.get("name") or ""
        return list(found.values())

    @property
    def links(self) -> list[tuple[str, str]]:
        """The words of each link, and where it leads."""
        return [(words_of(link), link.attributes["href"] or "") for link in self.main.css("a[href]")]

    @property
    def addresses(self) -> list[str]:
        """Wherever the whole page leads, what it sends forms to, and what it loads."""
        return [
            given[name] or ""
            for given in (one.attributes for one in self.tree.css("[href], [src], [action], [formaction]"))
            for name in ("href", "src", "action", "formaction")
            if name in given
        ]

    @property
    def next(self) -> str:
        """Where a list goes on; nothing on its last page."""
        return next(iter(self.attributes("[rel=next]", "href")), "")

    @property
    def rows(self) -> list[list[str]]:
        """The cells of each row of the tables, heads too."""
        return [[words_of(cell) for cell in row.css("th, td")] for row in self.main.css("tr")]

    @property
    def forms(self) -> list[Form]:
        return [_form(one) for one in self.tree.css("form")]

    def form(self, action: str) -> Form:
        """The form that is sent to an address which ends so."""
        return next(one for one in self.forms if one.action.partition("?")[0].endswith(action))

    def texts(self, css: str) -> list[str]:
        """The words of whatever fits the selector, without what only a screen reader says."""
        return [words_of(one, unseen=False) for one in self.main.css(css)]

    def options(self, css: str) -> list[tuple[str, str]]:
        """What can be chosen in whatever fits the selector: what is sent, and its words."""
        return [(_value(option), words_of(option)) for one in self.tree.css(css) for option in one.css("option")]

    def part(self, css: str) -> "Page":
        """The first part of the page that fits the selector, as a page of its own."""
        return self.parts(css)[0]

    def parts(self, css: str) -> list["Page"]:
        return [Page(one.html or "") for one in self.tree.css(css)]

    def attributes(self, css: str, name: str) -> list[str]:
        """An attribute of whatever fits the selector and has it."""
        return [value for one in self.tree.css(css) if (value := one.attributes.get(name)) is not None]

    def value(self, name: str) -> str:
        """What stands in the first field of this name."""
        return self.values(name)[0]

    def values(self, name: str) -> list[str]:
        """What stands in all fields of this name, ticked or not."""
        return [_value(one) for one in self.tree.css(f'[name="{name}"]')]


def words_of(node: LexborNode, unseen: bool = True) -> str:
    """What a part of a page says, blanks folded; `unseen` is what only a screen reader says."""
    if not unseen and node.css_first(".unseen"):
        copy = LexborHTMLParser(node.html or "").body
        assert copy is not None
        for hidden in copy.css(".unseen"):
            hidden.decompose()
        node = copy
    return re.sub(r"\s+", " ", node.text(separator=" ")).strip()


def _around(node: LexborNode) -> Iterator[LexborNode]:
    """The element itself and all that it stands in, from inside."""
    one: LexborNode | None = node
    while one is not None:
        yield one
        one = one.parent


def _is_away(node: LexborNode) -> bool:
    """Whether it is hidden, or stands in something folded whose head it isn't."""
    path = list(_around(node))
    folded = (
        around.tag == "details" and "open" not in around.attributes and one.tag != "summary"
        for one, around in pairwise(path)
    )
    return any(folded) or any("hidden" in one.attributes for one in path)


def _value(node: LexborNode) -> str:
    if node.tag == "textarea":
        return node.text()
    if node.tag == "select":
        chosen = node.css_first("option[selected]") or node.css_first("option")
        return _value(chosen) if chosen else ""
    if node.tag == "option":
        sent = node.attributes.get("value")
        return node.text() if sent is None else sent
    return node.attributes.get("value") or ""


def _form(node: LexborNode) -> Form:
    fields: dict[str, str | list[str]] = {}
    for one in node.css("input[name], textarea[name], select[name]"):
        given, name = one.attributes, one.attributes["name"] or ""
        if given.get("type") in ("checkbox", "radio") and "checked" not in given or given.get("type") == "submit":
            continue
        value = _value(one)
        before = fields.get(name)
        fields[name] = value if before is None else [*(before if isinstance(before, list) else [before]), value]
    return Form(
        node.attributes.get("action") or "",
        node.attributes.get("method") or "get",
        fields,
        tuple(words_of(one, unseen=False) for one in node.css("button")),
    )


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
