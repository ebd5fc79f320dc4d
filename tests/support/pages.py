"""Pages as people see them, parsed from their HTML, and a browser without scripts."""

import re
from collections import defaultdict
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
    """A form of a page.

    `fields` has what a browser would send if nobody typed anything, without the buttons: a list if a name occurs more
    than once, else a string. `buttons` has the labels of the buttons.
    """

    action: str
    method: str
    fields: dict[str, str | list[str]] = field(default_factory=dict)
    buttons: tuple[str, ...] = ()


class Page(str):
    """The HTML of a page with entities resolved, so that `in` searches it. The properties return what people see.

    Most properties look only at the main part of the page (`main`), without header and navigation.
    """

    html: str  # the source as received

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
        node = self.tree.css_first("main") or self.tree.body
        assert node is not None, self.html
        return node

    @property
    def title(self) -> str:  # type: ignore[override]
        """The title of the page, as in the tab of a browser."""
        node = self.tree.css_first("title")
        return get_node_text(node) if node else ""

    @property
    def main_text(self) -> str:
        """The text of the main part, with whitespace collapsed."""
        return get_node_text(self.main)

    @property
    def heading(self) -> str:
        return next(iter(self.texts("h1")), "")

    @property
    def headings(self) -> list[str]:
        return self.texts("h1, h2, h3, h4")

    @property
    def notice(self) -> str:
        """The message about what was just done."""
        node = self.tree.css_first("p[role=status]")
        return get_node_text(node) if node else ""

    @property
    def errors(self) -> list[tuple[str, str]]:
        """The id of each field with an error, and its error message."""
        return [
            ((node.attributes["id"] or "").removesuffix("-error"), get_node_text(node))
            for node in self.tree.css("p.error[id$='-error']")
        ]

    @property
    def error_summary(self) -> list[tuple[str, str]]:
        """The entries of the box with all errors: the id that each links to, and its text."""
        return [
            ((node.attributes["href"] or "").removeprefix("#"), get_node_text(node))
            for node in self.tree.css(".summary a[href^='#']")
        ]

    @property
    def buttons(self) -> list[str]:
        """The labels of the buttons, in order."""
        return self.texts("button")

    @property
    def controls(self) -> list[str]:
        """The labels, or else the names, of the controls and links that are visible before anything is unfolded.

        The fields of a fieldset count as one.
        """
        labels: dict[int, str] = {}
        for element in self.main.css("a[href], button, summary, input, select, textarea"):
            if element.attributes.get("type") == "hidden" or _is_hidden(element):
                continue
            group = next((node for node in _iter_ancestors(element) if node.tag == "fieldset"), element)
            labels[group.mem_id] = get_node_text(group) or group.attributes.get("name") or ""
        return list(labels.values())

    @property
    def links(self) -> list[tuple[str, str]]:
        """The text of each link, and its URL."""
        return [(get_node_text(link), link.attributes["href"] or "") for link in self.main.css("a[href]")]

    @property
    def urls(self) -> list[str]:
        """All URLs of the whole page: of its links and forms, and of what it loads."""
        names = ("href", "src", "action", "formaction")
        nodes = self.tree.css("[href], [src], [action], [formaction]")
        return [node.attributes[name] or "" for node in nodes for name in names if name in node.attributes]

    @property
    def next_url(self) -> str:
        """The URL of the next page of a list; empty on its last page."""
        return next(iter(self.attributes("[rel=next]", "href")), "")

    @property
    def rows(self) -> list[list[str]]:
        """The cells of each table row, including headings."""
        return [[get_node_text(cell) for cell in row.css("th, td")] for row in self.main.css("tr")]

    @property
    def forms(self) -> list[Form]:
        return [_parse_form(node) for node in self.tree.css("form")]

    def form(self, action: str) -> Form:
        """Return the first form whose action, without the query, ends like this."""
        return next(form for form in self.forms if form.action.partition("?")[0].endswith(action))

    def texts(self, css: str) -> list[str]:
        """Return the texts of the matching elements, without what only screen readers say."""
        return [get_node_text(node, with_screen_reader_text=False) for node in self.main.css(css)]

    def options(self, css: str) -> list[tuple[str, str]]:
        """Return the options of the matching elements: the value and the text of each."""
        return [
            (_get_field_value(option), get_node_text(option))
            for node in self.tree.css(css)
            for option in node.css("option")
        ]

    def part(self, css: str) -> "Page":
        """Return the first element that matches the selector, as a page of its own."""
        return self.parts(css)[0]

    def parts(self, css: str) -> list["Page"]:
        return [Page(node.html or "") for node in self.tree.css(css)]

    def attributes(self, css: str, name: str) -> list[str]:
        """Return an attribute of the matching elements that have it."""
        return [value for node in self.tree.css(css) if (value := node.attributes.get(name)) is not None]

    def value(self, name: str) -> str:
        """Return the value of the first field with this name."""
        return self.values(name)[0]

    def values(self, name: str) -> list[str]:
        """Return the values of all fields with this name, whether they are checked or not."""
        return [_get_field_value(node) for node in self.tree.css(f'[name="{name}"]')]


def get_node_text(node: LexborNode, with_screen_reader_text: bool = True) -> str:
    """Return the text of an element, with whitespace collapsed, by default with what only screen readers say."""
    if not with_screen_reader_text and node.css_first(".unseen"):
        copy = LexborHTMLParser(node.html or "").body
        assert copy is not None
        for hidden in copy.css(".unseen"):
            hidden.decompose()
        node = copy
    return re.sub(r"\s+", " ", node.text(separator=" ")).strip()


def _iter_ancestors(node: LexborNode) -> Iterator[LexborNode]:
    """Yield the element itself and its ancestors, innermost first."""
    element: LexborNode | None = node
    while element is not None:
        yield element
        element = element.parent


def _is_hidden(node: LexborNode) -> bool:
    """Return whether an element is hidden, or inside a closed `details` element but not its summary."""
    elements = list(_iter_ancestors(node))
    in_closed_details = (
        parent.tag == "details" and "open" not in parent.attributes and element.tag != "summary"
        for element, parent in pairwise(elements)
    )
    return any(in_closed_details) or any("hidden" in element.attributes for element in elements)


def _get_field_value(node: LexborNode) -> str:
    if node.tag == "textarea":
        return node.text()
    if node.tag == "select":
        option = node.css_first("option[selected]") or node.css_first("option")
        return _get_field_value(option) if option else ""
    if node.tag == "option":
        value = node.attributes.get("value")
        return node.text() if value is None else value
    return node.attributes.get("value") or ""


def _parse_form(node: LexborNode) -> Form:
    values: dict[str, list[str]] = defaultdict(list)
    for element in node.css("input[name], textarea[name], select[name]"):
        attributes, name = element.attributes, element.attributes["name"] or ""
        is_unchecked = attributes.get("type") in ("checkbox", "radio") and "checked" not in attributes
        if is_unchecked or attributes.get("type") == "submit":
            continue
        values[name].append(_get_field_value(element))
    return Form(
        node.attributes.get("action") or "",
        node.attributes.get("method") or "get",
        {name: texts if len(texts) > 1 else texts[0] for name, texts in values.items()},
        tuple(get_node_text(button, with_screen_reader_text=False) for button in node.css("button")),
    )


class Browser:
    """A browser without scripts; `response` is the last response, `page` the open page."""

    def __init__(self, app: Flask, cookies: bool = True) -> None:
        self.client = app.test_client(use_cookies=cookies)
        self.site = str(app.config["BASE_URL"])
        self.response: TestResponse | None = None

    def edit_session(self) -> AbstractContextManager[SessionMixin]:
        """Open the session in the cookie, to read or change it.

        This requests a page of the entrance, since readers' pages have no session.
        """
        return self.client.session_transaction("/sign-in", base_url=self.site)

    def open(self, address: str, method: str = "GET") -> TestResponse:
        self.response = self.client.open(_strip_origin(address), method=method, base_url=self.site)
        return self.response

    def press(self, address: str, headers: dict[str, str] | None = None, **fields: Any) -> TestResponse:
        """Send `fields` with the CSRF token of the open page. The response becomes the open page."""
        data = {"csrf_token": self.get_csrf_token(), **fields}
        self.response = self.client.post(_strip_origin(address), data=data, headers=headers, base_url=self.site)
        return self.response

    def submit(self, address: str, form_action: str = "", **fields: Any) -> TestResponse:
        """Send a form of the open page to `address` with all of its fields, as a browser does.

        It is the form with this address as its action, or with `form_action` if its button has an address of its own.
        """
        return self.press(address, **{**self.page.form(form_action or address).fields, **fields})

    def follow(self) -> TestResponse:
        assert self.response is not None and self.response.status_code == 303, self.response
        return self.open(self.response.headers["Location"])

    def get_csrf_token(self) -> str:
        return next(iter(self.page.values("csrf_token")), "")

    @property
    def page(self) -> Page:
        return Page(self.response.get_data(as_text=True) if self.response else "")

    @property
    def text(self) -> str:
        return str(self.page)

    @property
    def heading(self) -> str:
        return self.page.heading

    def value(self, name: str) -> str:
        """Return the value of the first field with this name on the open page, or an empty string."""
        return next(iter(self.page.values(name)), "")


def _strip_origin(address: str) -> str:
    parts = urlsplit(address)
    return parts.path + (f"?{parts.query}" if parts.query else "")
