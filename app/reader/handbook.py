"""The handbook as pages, and with it whatever else `docs` says: anybody may read it, without a network or a script.

It hangs on the readers' door, so that whoever reads in it gets no cookie, has no line in a log, and is counted as a
reader among readers.
"""

import posixpath
import re
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from flask import Response, g, make_response, render_template, send_from_directory, url_for
from flask_babel import refresh
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from ..web.formatting import language
from ..web.setup import or_404
from .page_frame import APP, reader

DOCS = APP.parent / "docs"
PAGES = {path.stem: path for path in sorted(DOCS.rglob("*.md"))}
FIRST = "README"  # of docs/handbook, as GitHub has it: for whom which chapter is
CHAPTERS = ("editor", "expert", "reader", "operator", "developer")
_MARKDOWN = MarkdownIt("js-default")  # tables and no HTML


class Text(NamedTuple):
    """A page of the handbook: its first heading, what stands in it, and its language."""

    title: str
    html: Markup
    language: str


@reader.get("/handbook/", defaults={"name": FIRST})
@reader.get("/handbook/<name>")
def handbook(name: str) -> Response:
    """A file of `docs` by its name. Search engines are kept off: each newsroom that uses the program has the same."""
    text = or_404(read(name) if name in PAGES else None)
    g.language = text.language
    refresh()
    response = make_response(render_template("reader/handbook.html", text=text, name=name, chapters=CHAPTERS))
    response.headers["X-Robots-Tag"] = "noindex"
    return response


@reader.get("/handbook/pictures/<name>")
def handbook_picture(name: str) -> Response:
    response = send_from_directory(DOCS / "pictures", name)
    response.headers["X-Robots-Tag"] = "noindex"
    return response


@reader.app_template_global("chapter")
def address_of(name: str, place: str | None = None) -> str:
    """Return the address of a chapter, in the language of the page that links to it, or else in English."""
    own = f"{name}.{language()}"
    return url_for("reader.handbook", name=own if own in PAGES else name, lang=None, _anchor=place)


@cache
def read(name: str) -> Text:
    """Return a page as HTML. `reader.fa` is in Persian, and what names no language in English.

    Raises KeyError for a name that `docs` hasn't.
    """
    path = PAGES[name]
    tokens = _MARKDOWN.parse(path.read_text())
    title = ""
    for token, content in pairwise(tokens):
        if token.type == "heading_open":
            title = title or content.content
            token.attrSet("id", anchor(content.content))
    for token in tokens:
        _lead(token.children or (), path.parent)
    html = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    return Text(title, Markup(html), name.partition(".")[2] or "en")  # noqa: S704 - from files of ours


def anchor(heading: str) -> str:
    """Return what a heading is called in addresses, as GitHub does it: "1. By a pipe" is "1-by-a-pipe"."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _lead(tokens: Sequence[Token], folder: Path) -> None:
    """Make addresses of files addresses of pages; what leads to a file that isn't served is just its words."""
    tag = "a"
    for token in tokens:
        if token.type == "link_open":
            address = _address(str(token.attrs["href"]), folder)
            tag, token.attrs = ("a", {"href": address}) if address else ("span", {})
            token.tag = tag
        elif token.type == "link_close":
            token.tag = tag
        elif token.type == "image":
            name = posixpath.basename(str(token.attrs["src"]))
            width, height = _size(DOCS / "pictures" / name)
            token.attrs |= {"src": f"pictures/{name}", "width": width, "height": height, "loading": "lazy"}


def _address(href: str, folder: Path) -> str:
    parts = urlsplit(href)
    if parts.scheme or not parts.path:
        return href
    path = (folder / parts.path).resolve()
    if PAGES.get(path.stem) != path:
        return ""
    return ("./" if path.stem == FIRST else path.stem) + (f"#{parts.fragment}" if parts.fragment else "")


def _size(picture: Path) -> tuple[int, int]:
    """Return width and height of a PNG, from its first chunk (PNG, 3rd edition, section 11.2.1)."""
    head = picture.read_bytes()[16:24]
    return int.from_bytes(head[:4]), int.from_bytes(head[4:])
