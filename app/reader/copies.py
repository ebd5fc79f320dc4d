"""The cache of newsletters and rendered public pages, in memory, for one version of what readers see.

Each request checks the version, so no process serves outdated content (see app/db/public_version.py).

A cached page is rendered from its URL alone, so no header, cookie or unknown parameter of the first visitor can end up
in it. Form tokens are inserted for each reader. A copy expires before the passing of time makes it wrong.
"""

import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

from flask import Flask, current_app, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from ..core.clock import unix_time
from ..db.engine import Database
from ..db.public_version import Version, get_public_version, read_public_version
from ..editions.queries import next_run
from ..newsletters.models import Newsletter
from ..newsletters.queries import by_slug
from ..watching import each_request
from ..watching.references import HEADER, new_reference
from ..web import hosts
from ..web.current import db
from ..web.static_files import accepts_gzip
from . import form_token
from .gzip_page import LEAST, Kept, compress_page
from .proof_of_work import task

KeptNewsletters = dict[str, tuple[Version, Newsletter]]


def keep_newsletters(app: Flask) -> None:
    """Give an app an empty cache of newsletters."""
    app.extensions["newsletters"] = KeptNewsletters()


def find_newsletter(slug: str, session: Session | None = None) -> tuple[Version | None, Newsletter | None]:
    """Return the version of a newsletter's pages, and the newsletter that has this slug or had it; None if not found.

    The version is read first. Without one, nothing is cached. The newsletter is shared by requests, so don't change it.
    With a session, both are as its transaction sees them.
    """
    version = get_public_version(session, slug) if session else read_public_version(db, slug)
    kept: KeptNewsletters = current_app.extensions["newsletters"]
    entry = kept.get(slug)
    if version and entry and entry[0] == version:
        return entry
    if session:
        return version, by_slug(session, slug)
    with db.read() as read_session:
        newsletter = by_slug(read_session, slug)
    if version and newsletter and newsletter.id == version[0]:  # a version begins with its newsletter's ID
        kept[slug] = version, newsletter
    return version, newsletter


# The path segment after a newsletter's slug, of pages that are cached, and their query parameters besides `lang`.
PAGES: dict[str, tuple[str, ...]] = {
    "": (),
    "answers": ("topic", "year", "before"),
    "ask": ("edition",),
    "calendar": (),
    "cards": (),
    "corrections": ("before",),
    "editions": ("before",),
    "experts": ("before",),
    "feed": (),
    "framed": ("n",),
    "protection": (),
    "q": (),
    "sitemap": (),
    "topics": ("year", "before"),
}
PARAMETERS = {"lang", *(name for names in PAGES.values() for name in names)}
ROOM = 8 * 1024 * 1024  # bytes of all copies in a process; a single one may have an eighth of it
# In every time zone, midnight is at a multiple of 15 minutes in UTC.
QUARTER = 15 * 60
MAKING = "readers_asked.copy"  # the key of the `CacheContext` in a request's WSGI environment
STATUS = {200: "200 OK", 304: "304 NOT MODIFIED"}
ENDPOINT = "reader.copy"  # the name under which the metrics count responses from the cache
OF_ONE_ANSWER = (HEADER, "Content-Length", "Date")
LONGEST = 400  # characters of a query string; pages with a longer one are not cached
ROW = 800  # bytes of memory that a copy takes besides its page

_FORM = f"form-{secrets.token_hex(16)}"  # the placeholder for a form token
_MARKS = re.compile(rf"({_FORM}(?:\.task)?)".encode())
_TASK = f"{_FORM}.task".encode()
Start = Callable[..., Any]


class Key(NamedTuple):
    root: str
    path: str
    query: tuple[tuple[str, str], ...]

    @property
    def slug(self) -> str:
        return self.path.split("/", 2)[1]


@dataclass
class CacheContext:
    """A page that is being rendered for the cache: its newsletter, None unless `make_for_all` was called, and the Unix
    time until which a copy is valid.
    """

    newsletter_id: int | None = None
    until: float = 0.0


@dataclass(frozen=True)
class Copy:
    """A cached page; `of` is its newsletter's id and version.

    Every second of its `parts` is a placeholder: for a form token or its task, or for a digit of a receipt
    (app/reader/receipt.py). `packed` holds the other parts compressed.
    """

    of: tuple[int, str]
    until: float
    headers: list[tuple[str, str]]
    parts: list[bytes]
    tag: str
    packed: Kept = field(default_factory=dict)

    @property
    def size(self) -> int:
        return ROW + sum(map(len, self.parts)) * 4 // 3

    @property
    def may_be_packed(self) -> bool:
        return ("Vary", "Accept-Encoding") in self.headers


def is_making() -> bool:
    """Return whether this request renders a page for the cache."""
    return MAKING in request.environ


def make_for_all(session: Session, newsletter: Newsletter) -> None:
    """Mark the page of this request as the same for everybody, so that it is cached. Call it before rendering."""
    if making := request.environ.get(MAKING):
        making.newsletter_id, making.until = newsletter.id, get_expiry(session, newsletter)


def get_expiry(session: Session, newsletter: Newsletter) -> float:
    """Return the Unix time until which a page rendered now is valid if nothing changes: the next quarter of an hour, or
    the next edition if it is sooner.
    """
    next_quarter = (unix_time() // QUARTER + 1) * QUARTER
    runs_at = next_run(session, newsletter.id)
    return min(next_quarter, runs_at.timestamp()) if runs_at else next_quarter


def proof(session: Session, newsletter: Newsletter) -> str:
    """Return a fresh form token, or its placeholder in a page for the cache."""
    return _FORM if is_making() else form_token.make(session, newsletter)


def task_of(token: str, newsletter: Newsletter) -> str:
    """Return the proof-of-work task of a form token, or its placeholder; empty for an invalid token."""
    if token == _FORM:
        return f"{_FORM}.task"
    form = form_token.read(token, newsletter)
    return task(form.nonce) if form else ""


class LruStore:
    """The cached pages of this process, the most recently used last."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._held = OrderedDict[Key, Copy]()
        self._size = 0  # bytes of all copies
        self._versions: dict[int, str] = {}  # by newsletter

    def get(self, key: Key, current_version: tuple[int, str]) -> Copy | None:
        """Return the copy of a page if it is still valid. The first request after a change removes all copies of the
        newsletter, so that withdrawn text doesn't stay in memory.
        """
        newsletter_id, version = current_version
        with self._lock:
            if self._versions.get(newsletter_id) != version:
                self._versions[newsletter_id] = version
                outdated_keys = [
                    copy_key
                    for copy_key, copy in self._held.items()
                    if copy.of[0] == newsletter_id and copy.of != current_version
                ]
                for outdated_key in outdated_keys:
                    self._drop(outdated_key)
            if (copy := self._held.get(key)) is None:
                return None
            if copy.of != current_version or copy.until <= unix_time():
                self._drop(key)
                return None
            self._held.move_to_end(key)
            return copy

    def put(self, key: Key, copy: Copy) -> None:
        """Store a copy, unless it is too large or its newsletter changed meanwhile. Evicts the least recently used."""
        newsletter_id, version = copy.of
        with self._lock:
            if key in self._held:
                self._drop(key)
            if copy.size > ROOM // 8 or self._versions.get(newsletter_id) != version:
                return
            self._held[key] = copy
            self._size += copy.size
            while self._size > ROOM:
                self._drop(next(iter(self._held)))

    def _drop(self, key: Key) -> None:
        self._size -= self._held.pop(key).size


class PageCache:
    """WSGI middleware that answers requests for public pages from the cache, without calling the app."""

    def __init__(self, app: Flask) -> None:
        self.app, self.make, self.shelf = app, app.wsgi_app, LruStore()
        self.database: Database = app.extensions["database"]

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        began = time.perf_counter()
        key = self._key(environ)
        version = read_public_version(self.database, key.slug) if key else None
        if key is None or version is None:
            return self.make(environ, start)
        if copy := self.shelf.get(key, version):
            status, headers, body = self._answer(copy, environ)
            each_request.record_request(self.app, environ, ENDPOINT, status, time.perf_counter() - began)
            start(STATUS[status], [*headers, (HEADER, new_reference())])
            return [body]
        response, cache_context = self._render_page(key, environ)
        copy = Copy(
            version,
            cache_context.until,
            headers=_shared_headers(response),
            parts=_MARKS.split(response.get_data()),
            tag=response.headers.get("ETag", ""),
        )
        is_same_for_all = cache_context.newsletter_id == version[0]
        if response.status_code == 200 and is_same_for_all and "Set-Cookie" not in response.headers:
            self.shelf.put(key, copy)
            status, headers, body = self._answer(copy, environ)
            start(STATUS[status], [*headers, (HEADER, response.headers[HEADER])])
            return [body]
        if len(copy.parts) > 1:
            response.set_data(self._insert_tokens(copy))
        return response(environ, start)

    def _key(self, environ: dict[str, Any]) -> Key | None:
        """Return the cache key of a request, without unknown parameters; None if its page is not cached."""
        parts = environ.get("PATH_INFO", "").split("/", 3)  # "", the slug, the page, and the rest of the path
        if len(parts) < 3 or environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return None
        slug, page = parts[1:3]
        if not (slug.isascii() and slug.isprintable()):  # not a slug, and PostgreSQL rejects NUL in a query
            return None
        page_name = page.partition(".")[0].partition("-")[0]  # "feed" for "feed.json", "sitemap" for "sitemap-2026.xml"
        known_params = PAGES.get(page_name)
        if known_params is None or not hosts.is_own_host(self.app, environ.get("HTTP_HOST", "")):
            return None
        query: tuple[tuple[str, str], ...] = ()
        if page == "cards":  # the path alone determines the image
            return Key(environ.get("SCRIPT_NAME", ""), environ["PATH_INFO"], query)
        if query_string := environ.get("QUERY_STRING"):
            if len(query_string) > LONGEST:
                return None
            # Of a repeated parameter the first value counts, as in the views.
            params = dict(reversed(parse_qsl(query_string, keep_blank_values=True)))
            query = tuple((name, params[name]) for name in (*known_params, "lang") if name in params)
        return Key(environ.get("SCRIPT_NAME", ""), environ["PATH_INFO"], query)

    def _render_page(self, key: Key, environ: dict[str, Any]) -> tuple[Response, CacheContext]:
        """Render a page from its URL alone."""
        cache_context = CacheContext()
        # X-Forwarded-For is only needed to check the number of proxies.
        passed_headers = ("HTTP_HOST", "HTTP_X_FORWARDED_FOR")
        page_environ = {
            name: value for name, value in environ.items() if not name.startswith("HTTP_") or name in passed_headers
        }
        page_environ |= {"REQUEST_METHOD": "GET", "QUERY_STRING": urlencode(key.query), MAKING: cache_context}
        return Response.from_app(self.make, page_environ), cache_context

    def _answer(self, copy: Copy, environ: dict[str, Any]) -> tuple[int, list[tuple[str, str]], bytes]:
        """Return status, headers and body of the response: 304 if the tag matches, and compressed if accepted."""
        if copy.tag and _matches_etag(environ.get("HTTP_IF_NONE_MATCH", ""), copy.tag):
            return 304, [(name, value) for name, value in copy.headers if name != "Content-Type"], b""
        headers = copy.headers
        body = copy.parts[0] if len(copy.parts) == 1 else self._insert_tokens(copy)
        if copy.may_be_packed and len(body) >= LEAST and accepts_gzip(environ.get("HTTP_ACCEPT_ENCODING", "")):
            body = compress_page(body, copy.packed)
            headers = [*headers, ("Content-Encoding", "gzip")]
        headers = [*headers, ("Content-Length", str(len(body)))]
        return 200, headers, b"" if environ["REQUEST_METHOD"] == "HEAD" else body

    def _insert_tokens(self, copy: Copy) -> bytes:
        """Return the page with a fresh token and its task in each form."""
        parts = list(copy.parts)
        nonce = ""
        with self.app.app_context():
            for index in range(1, len(parts), 2):  # the placeholders
                if parts[index] == _TASK:  # it comes after the token that it belongs to
                    parts[index] = task(nonce).encode()
                else:
                    token, nonce = form_token.fresh(copy.of[0], self.database.keyring.newest)
                    parts[index] = token.encode()
        return b"".join(parts)


def _shared_headers(response: Response) -> list[tuple[str, str]]:
    return [(name, value) for name, value in response.headers if name not in OF_ONE_ANSWER]


def _matches_etag(if_none_match: str, tag: str) -> bool:
    """Return whether an If-None-Match header contains the tag, by weak comparison (RFC 9110, section 8.8.3.2)."""
    if not if_none_match:
        return False
    tags = [header_tag.strip().removeprefix("W/") for header_tag in if_none_match.split(",")]
    return tag.removeprefix("W/") in tags


def serve(app: Flask) -> None:
    """Install the caches of pages and newsletters in an app."""
    app.extensions["copies"] = app.wsgi_app = PageCache(app)  # type: ignore[method-assign,assignment]
    keep_newsletters(app)
