"""The caches of newsletters and of rendered public pages, in the memory of each process.

An entry is valid for one version of what readers see (app/db/public_version.py). Each request reads the current version
from the database, so no process serves outdated pages. A page also expires before the passing of time makes it wrong.

A cached page is rendered from its URL alone, so that no header, cookie or unknown parameter of the first visitor ends
up in it. It has placeholders for form tokens, which are replaced in each response.
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
from .gzip_page import MIN_SIZE, CompressedTexts, compress_page
from .proof_of_work import task

NewsletterCache = dict[str, tuple[Version, Newsletter]]  # by slug


def find_newsletter(slug: str, session: Session | None = None) -> tuple[Version | None, Newsletter | None]:
    """Return the version of a newsletter's pages, and the newsletter that has or had this slug; None if there is none.

    Requests share the cached newsletter, so it must not be changed. With a `session`, its transaction is used to read
    the version, and the newsletter if it isn't cached.
    """
    # Read the version before the newsletter: if it changes in between, the entry is outdated at once.
    version = get_public_version(session, slug) if session else read_public_version(db, slug)
    cache: NewsletterCache = current_app.extensions["newsletters"]
    entry = cache.get(slug)
    if version and entry and entry[0] == version:
        return entry
    if session:
        return version, by_slug(session, slug)
    with db.read() as read_session:
        newsletter = by_slug(read_session, slug)
    if version and newsletter:
        versioned_id, _ = version
        if newsletter.id == versioned_id:
            cache[slug] = version, newsletter
    return version, newsletter


# The cached pages: the segment of the path after the newsletter's slug, and the query parameters that they use besides
# `lang`.
PAGES: dict[str, tuple[str, ...]] = {
    "": (),
    "answers": ("topic", "year", "before"),
    "ask": ("edition",),
    "calendar": (),
    "cards": (),
    "corrections": ("before",),
    "editions": ("before",),
    "experts": ("before",),
    "feed": ("before",),
    "framed": ("n",),
    "languages": ("year", "before"),
    "photos": (),
    "protection": (),
    "q": (),
    "sitemap": (),
    "topics": ("year", "before"),
}
PARAMETERS = {"lang", *(name for names in PAGES.values() for name in names)}
MAX_STORE_SIZE = 8 * 1024 * 1024  # bytes of all cached pages in a process; a single one may have an eighth of it
QUARTER = 15 * 60  # seconds; in every time zone, the day changes at a multiple of 15 minutes in UTC
CONTEXT_KEY = "readers_asked.copy"  # the key of the `CacheContext` in a request's WSGI environment
STATUS_LINES = {200: "200 OK", 304: "304 NOT MODIFIED"}
METRICS_ENDPOINT = "reader.copy"  # the name under which the metrics count responses from the cache
UNCACHED_HEADERS = (HEADER, "Content-Length", "Date")  # differ in each response
MAX_QUERY_LENGTH = 400  # characters of a query string; pages with a longer one are not cached
ENTRY_SIZE = 800  # bytes of memory that an entry takes besides its page

# The placeholders in cached pages for a form token, for its proof-of-work task, and for the name of a form. They are
# random, so that no reader can type one.
_TOKEN_PLACEHOLDER = f"form-{secrets.token_hex(16)}"
_TASK_PLACEHOLDER = f"{_TOKEN_PLACEHOLDER}.task"
_NAME_PLACEHOLDER = f"{_TOKEN_PLACEHOLDER}.name"
_PLACEHOLDERS = re.compile(rf"({_TOKEN_PLACEHOLDER}(?:\.task|\.name)?)".encode())
StartResponse = Callable[..., Any]


class CacheKey(NamedTuple):
    root: str  # SCRIPT_NAME
    path: str
    query: tuple[tuple[str, str], ...]

    @property
    def slug(self) -> str:
        return self.path.split("/", 2)[1]


@dataclass
class CacheContext:
    """Information about the page that is rendered for the cache. `mark_cacheable` fills it in."""

    newsletter_id: int | None = None  # None if the page must not be cached
    expires_at: float = 0.0  # Unix time


@dataclass(frozen=True)
class CachedPage:
    """A rendered page with placeholders.

    Every second of its `parts` is a placeholder: for a form token, its task or a form's name, or for a digit of a
    receipt (app/reader/receipt.py). `compressed_texts` is the cache of `compress_page` for this page.
    """

    version: Version
    expires_at: float  # Unix time
    headers: list[tuple[str, str]]
    parts: list[bytes]
    etag: str
    compressed_texts: CompressedTexts = field(default_factory=dict)

    @property
    def size(self) -> int:
        """The approximate bytes of memory that the page takes; `compressed_texts` add a third."""
        return ENTRY_SIZE + sum(map(len, self.parts)) * 4 // 3

    @property
    def may_be_compressed(self) -> bool:
        return ("Vary", "Accept-Encoding") in self.headers


def is_rendering_for_cache() -> bool:
    """Return whether this request renders a page for the cache."""
    return CONTEXT_KEY in request.environ


def mark_cacheable(session: Session, newsletter: Newsletter) -> None:
    """Let the page of this request be cached, as it is the same for everybody. Call this before rendering."""
    cache_context: CacheContext | None = request.environ.get(CONTEXT_KEY)
    if cache_context:
        cache_context.newsletter_id = newsletter.id
        cache_context.expires_at = get_expiry(session, newsletter)


def get_expiry(session: Session, newsletter: Newsletter) -> float:
    """Return the Unix time until which a page rendered now is valid if nothing changes.

    It is the next quarter of an hour, when the date may change, or the time of the next edition if that is sooner.
    """
    next_quarter = (unix_time() // QUARTER + 1) * QUARTER
    runs_at = next_run(session, newsletter.id)
    return min(next_quarter, runs_at.timestamp()) if runs_at else next_quarter


def get_form_token(session: Session, newsletter: Newsletter) -> str:
    """Return a new form token, or its placeholder in a page for the cache."""
    return _TOKEN_PLACEHOLDER if is_rendering_for_cache() else form_token.make(session, newsletter)


def get_task(token: str, newsletter: Newsletter) -> str:
    """Return the proof-of-work task of a form token, or its placeholder; empty for an invalid token."""
    if token == _TOKEN_PLACEHOLDER:
        return _TASK_PLACEHOLDER
    form = form_token.read(token, newsletter)
    return task(form.nonce) if form else ""


def get_form_name() -> str:
    """Return a random name for a form, or its placeholder in a page for the cache.

    Browsers write what somebody typed into a page that they load again only if its forms and fields have the names that
    they had then. So text comes back in the page that the browser kept, and never in one that it loads anew (ADR 3).
    """
    return _NAME_PLACEHOLDER if is_rendering_for_cache() else _new_form_name()


def _new_form_name() -> str:
    return f"f{secrets.token_hex(4)}"


class LruStore:
    """The cached pages of this process, the most recently used last."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._pages = OrderedDict[CacheKey, CachedPage]()
        self._size = 0  # bytes of all pages
        self._versions: dict[int, str] = {}  # by newsletter ID: the last version that `get` was called with

    def get(self, key: CacheKey, current_version: Version) -> CachedPage | None:
        """Return a page if it is still valid.

        The first request after a change removes all outdated pages of the newsletter, so that withdrawn text doesn't
        stay in memory.
        """
        newsletter_id, version = current_version
        with self._lock:
            if self._versions.get(newsletter_id) != version:
                self._versions[newsletter_id] = version
                outdated_keys = [
                    page_key
                    for page_key, page in self._pages.items()
                    if page.version[0] == newsletter_id and page.version != current_version
                ]
                for outdated_key in outdated_keys:
                    self._remove(outdated_key)
            page = self._pages.get(key)
            if page is None:
                return None
            if page.version != current_version or page.expires_at <= unix_time():
                self._remove(key)
                return None
            self._pages.move_to_end(key)
            return page

    def put(self, key: CacheKey, page: CachedPage) -> None:
        """Store a page, unless it is too large or its newsletter changed meanwhile. Evict the least recently used."""
        newsletter_id, version = page.version
        with self._lock:
            if key in self._pages:
                self._remove(key)
            if page.size > MAX_STORE_SIZE // 8 or self._versions.get(newsletter_id) != version:
                return
            self._pages[key] = page
            self._size += page.size
            while self._size > MAX_STORE_SIZE:
                self._remove(next(iter(self._pages)))

    def _remove(self, key: CacheKey) -> None:
        self._size -= self._pages.pop(key).size


class PageCache:
    """WSGI middleware that answers requests for public pages from the cache, without calling the app."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.wsgi_app = app.wsgi_app
        self.store = LruStore()
        self.database: Database = app.extensions["database"]

    def __call__(self, environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        started_at = time.perf_counter()
        key = self._cache_key(environ)
        version = read_public_version(self.database, key.slug) if key else None
        if key is None or version is None:
            return self.wsgi_app(environ, start)
        if page := self.store.get(key, version):
            status, headers, body = self._respond(page, environ)
            each_request.record_request(self.app, environ, METRICS_ENDPOINT, status, time.perf_counter() - started_at)
            start(STATUS_LINES[status], [*headers, (HEADER, new_reference())])
            return [body]
        response, cache_context = self._render_page(key, environ)
        page = CachedPage(
            version,
            cache_context.expires_at,
            headers=_shared_headers(response),
            parts=_PLACEHOLDERS.split(response.get_data()),
            etag=response.headers.get("ETag", ""),
        )
        newsletter_id, _ = version
        is_cacheable = cache_context.newsletter_id == newsletter_id and "Set-Cookie" not in response.headers
        if response.status_code == 200 and is_cacheable:
            self.store.put(key, page)
            status, headers, body = self._respond(page, environ)
            start(STATUS_LINES[status], [*headers, (HEADER, response.headers[HEADER])])
            return [body]
        if len(page.parts) > 1:
            response.set_data(self._insert_tokens(page))
        return response(environ, start)

    def _cache_key(self, environ: dict[str, Any]) -> CacheKey | None:
        """Return the cache key of a request, without unknown parameters; None if its page is not cached."""
        segments = environ.get("PATH_INFO", "").split("/", 3)  # "", the slug, the page, and the rest of the path
        if len(segments) < 3 or environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return None
        slug, page_segment = segments[1:3]
        if not (slug.isascii() and slug.isprintable()):  # no slug, and PostgreSQL would reject a NUL in the query
            return None
        # "feed" for "feed.json", "sitemap" for "sitemap-2026.xml"
        page_name = page_segment.partition(".")[0].partition("-")[0]
        known_params = PAGES.get(page_name)
        if known_params is None or not hosts.is_own_host(self.app, environ.get("HTTP_HOST", "")):
            return None
        query: tuple[tuple[str, str], ...] = ()
        if page_segment in ("cards", "photos"):  # the path alone determines the image
            return CacheKey(environ.get("SCRIPT_NAME", ""), environ["PATH_INFO"], query)
        if query_string := environ.get("QUERY_STRING"):
            if len(query_string) > MAX_QUERY_LENGTH:
                return None
            # The first value of a repeated parameter counts, as in the views.
            params = dict(reversed(parse_qsl(query_string, keep_blank_values=True)))
            query = tuple((name, params[name]) for name in (*known_params, "lang") if name in params)
        return CacheKey(environ.get("SCRIPT_NAME", ""), environ["PATH_INFO"], query)

    def _render_page(self, key: CacheKey, environ: dict[str, Any]) -> tuple[Response, CacheContext]:
        """Let the app render a page from its URL alone. Its view fills in the context."""
        cache_context = CacheContext()
        # The app needs X-Forwarded-For only to check the number of proxies.
        passed_headers = ("HTTP_HOST", "HTTP_X_FORWARDED_FOR")
        page_environ = {
            name: value for name, value in environ.items() if not name.startswith("HTTP_") or name in passed_headers
        }
        page_environ |= {"REQUEST_METHOD": "GET", "QUERY_STRING": urlencode(key.query), CONTEXT_KEY: cache_context}
        return Response.from_app(self.wsgi_app, page_environ), cache_context

    def _respond(self, page: CachedPage, environ: dict[str, Any]) -> tuple[int, list[tuple[str, str]], bytes]:
        """Return status, headers and body of the response: a 304 if the client's ETag matches, gzipped if accepted."""
        if page.etag and _matches_etag(environ.get("HTTP_IF_NONE_MATCH", ""), page.etag):
            return 304, [(name, value) for name, value in page.headers if name != "Content-Type"], b""
        headers = page.headers
        body = page.parts[0] if len(page.parts) == 1 else self._insert_tokens(page)
        if page.may_be_compressed and len(body) >= MIN_SIZE and accepts_gzip(environ.get("HTTP_ACCEPT_ENCODING", "")):
            body = compress_page(body, page.compressed_texts)
            headers = [*headers, ("Content-Encoding", "gzip")]
        headers = [*headers, ("Content-Length", str(len(body)))]
        return 200, headers, b"" if environ["REQUEST_METHOD"] == "HEAD" else body

    def _insert_tokens(self, page: CachedPage) -> bytes:
        """Return the page with a new token, its task and new names in each form."""
        newsletter_id, _ = page.version
        task_placeholder, name_placeholder = _TASK_PLACEHOLDER.encode(), _NAME_PLACEHOLDER.encode()
        parts = list(page.parts)
        nonce = ""
        with self.app.app_context():
            for index in range(1, len(parts), 2):  # the placeholders
                if parts[index] == task_placeholder:  # the task belongs to the token before it
                    parts[index] = task(nonce).encode()
                elif parts[index] == name_placeholder:
                    parts[index] = _new_form_name().encode()
                else:
                    token, nonce = form_token.make_with_nonce(newsletter_id, self.database.keyring.newest)
                    parts[index] = token.encode()
        return b"".join(parts)


def _shared_headers(response: Response) -> list[tuple[str, str]]:
    return [(name, value) for name, value in response.headers if name not in UNCACHED_HEADERS]


def _matches_etag(if_none_match: str, etag: str) -> bool:
    """Return whether an If-None-Match header contains an ETag, by weak comparison (RFC 9110, section 8.8.3.2)."""
    if not if_none_match:
        return False
    header_etags = [header_etag.strip().removeprefix("W/") for header_etag in if_none_match.split(",")]
    return etag.removeprefix("W/") in header_etags


def install_caches(app: Flask) -> None:
    """Install the caches of pages and newsletters in an app."""
    app.extensions["copies"] = app.wsgi_app = PageCache(app)  # type: ignore[method-assign,assignment]
    app.extensions["newsletters"] = NewsletterCache()
