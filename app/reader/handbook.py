"""The handbook and all other Markdown files of `docs` as public pages, which need no internet access or JavaScript.

They belong to the readers' blueprint, so that reading them sets no cookie, leaves no line in a log, and is counted like
other readers' requests.
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
FIRST = "README"  # the first page, docs/handbook/README.md, which GitHub shows with the folder
CHAPTERS = ("editor", "expert", "reader", "operator", "developer")
_MARKDOWN = MarkdownIt("js-default")  # tables and no HTML


class Text(NamedTuple):
    """A page of the handbook: its first heading, its content, and its language."""

    title: str
    html: Markup
    language: str


@reader.get("/handbook/", defaults={"name": FIRST})
@reader.get("/handbook/<name>")
def handbook(name: str) -> Response:
    """Show a file of `docs` by its name. Search engines may not index it, as all installations have the same text."""
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
    """Return the URL of a chapter, in the language of the current page if it is translated, or in English. `place` is
    an anchor in it.
    """
    own = f"{name}.{language()}"
    return url_for("reader.handbook", name=own if own in PAGES else name, lang=None, _anchor=place)


@cache
def read(name: str) -> Text:
    """Render a page as HTML. `reader.fa` is in Persian; a name without a language means English.

    Raises KeyError for an unknown name.
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
    return Text(title, Markup(html), name.partition(".")[2] or "en")  # noqa: S704 - from our own files


def anchor(heading: str) -> str:
    """Return the anchor of a heading, like GitHub's: "1. By a pipe" becomes "1-by-a-pipe"."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _lead(tokens: Sequence[Token], folder: Path) -> None:
    """Make links to files links to pages, or plain text if the file is not served, and give images URLs and sizes."""
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
    """Return the width and height of a PNG, from its first chunk (PNG, 3rd edition, section 11.2.1)."""
    head = picture.read_bytes()[16:24]
    return int.from_bytes(head[:4]), int.from_bytes(head[4:])
