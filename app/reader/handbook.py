"""The handbook and all other Markdown files of `docs` as public pages, which need no JavaScript or other sites.

They belong to the readers' blueprint, so that visiting them sets no cookie and leaves no line in a log.
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
FIRST = "README"  # the name of the first page, docs/handbook/README.md
CHAPTERS = ("editor", "expert", "reader", "operator", "developer")
_MARKDOWN = MarkdownIt("js-default")  # with tables, without HTML


class Text(NamedTuple):
    """A page of the handbook: its first heading, its content, and its language."""

    title: str
    html: Markup
    language: str


@reader.get("/handbook/", defaults={"name": FIRST})
@reader.get("/handbook/<name>")
def handbook(name: str) -> Response:
    """Show a file of `docs` by its name. Search engines may not index it: every installation has the same text."""
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
def chapter_url(name: str, anchor: str | None = None) -> str:
    """Return the URL of a chapter: in the language of the current page if it is translated, otherwise in English."""
    translated_name = f"{name}.{language()}"
    if translated_name in PAGES:
        name = translated_name
    return url_for("reader.handbook", name=name, lang=None, _anchor=anchor)


@cache
def read(name: str) -> Text:
    """Render a page as HTML. The name may end with a language, as in "reader.fa"; otherwise it is English.

    Raises KeyError for an unknown name.
    """
    path = PAGES[name]
    tokens = _MARKDOWN.parse(path.read_text())
    title = ""
    for token, next_token in pairwise(tokens):
        if token.type == "heading_open":
            heading = next_token.content
            title = title or heading
            token.attrSet("id", anchor(heading))
    for token in tokens:
        _replace_targets(token.children or (), path.parent)
    html = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    return Text(title, Markup(html), name.partition(".")[2] or "en")  # noqa: S704 - from our own files


def anchor(heading: str) -> str:
    """Return the anchor of a heading, like GitHub's: "1. By a pipe" becomes "1-by-a-pipe"."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _replace_targets(tokens: Sequence[Token], folder: Path) -> None:
    """Replace links to files by links to pages, or by plain text if the file isn't served. Set the size of images."""
    link_tag = "a"
    for token in tokens:
        if token.type == "link_open":
            url = _page_url(str(token.attrs["href"]), folder)
            link_tag = "a" if url else "span"
            token.tag = link_tag
            token.attrs = {"href": url} if url else {}
        elif token.type == "link_close":
            token.tag = link_tag
        elif token.type == "image":
            name = posixpath.basename(str(token.attrs["src"]))
            width, height = _read_size(DOCS / "pictures" / name)
            token.attrs |= {"src": f"pictures/{name}", "width": width, "height": height, "loading": "lazy"}


def _page_url(href: str, folder: Path) -> str:
    """Return the URL for a link in a file of `folder`, or "" if it leads to a file that isn't served."""
    parts = urlsplit(href)
    if parts.scheme or not parts.path:
        return href
    path = (folder / parts.path).resolve()
    if PAGES.get(path.stem) != path:
        return ""
    page = "./" if path.stem == FIRST else path.stem
    return f"{page}#{parts.fragment}" if parts.fragment else page


def _read_size(picture: Path) -> tuple[int, int]:
    """Return the width and height of a PNG, from its first chunk (PNG, 3rd edition, section 11.2.1)."""
    dimensions = picture.read_bytes()[16:24]
    return int.from_bytes(dimensions[:4]), int.from_bytes(dimensions[4:])
