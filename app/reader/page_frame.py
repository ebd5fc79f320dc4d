"""The frame of every page of the readers' door: newsletter, language, caching, and compression.

The length of a compressed page depends on what it repeats. An attacker who can put text into a page beside a secret,
and sees the length, can guess the secret character by character (BREACH, 2013). So only the pages in `PACKED` are
compressed, each with the reason why it holds no secret. Form tokens, though not secret, are left uncompressed between
two compressed pieces, so that no length depends on them.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from flask import Blueprint, Flask, Response, abort, g, make_response, render_template, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask.typing import ResponseReturnValue
from flask_babel import refresh
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ..editions.queries import list_editions_to_run
from ..newsletters.models import Newsletter
from ..text.translation import interface_language
from ..web.formatting import autonym
from ..web.setup import csrf, db, newsletter_or_404
from ..web.static_files import accepts_gzip
from . import copies
from .copies import find_newsletter
from .gzip_page import LEAST, compress_page

reader = Blueprint("reader", __name__)
csrf.exempt(reader)  # There is no session to exploit here; the forms have a signed token of their own.
T = TypeVar("T")
APP = Path(__file__).parent.parent
FRESH = 60  # seconds for which caches may serve a page unchecked; soon after, a withdrawn answer is gone everywhere
# The pages that search engines may index; not the forms behind links, receipts or errors.
TO_BE_FOUND = {
    f"reader.{name}"
    for name in (
        "root",
        "home",
        "protection",
        "feed",
        "json_feed",
        "calendar",
        "ask",
        "answers",
        "topic",
        "story",
        "expert",
        "corrections",
        "editions",
        "edition",
        "robots",
        "sitemap",
        "sitemap_of_pages",
        "sitemap_of_year",
    )
}


class NoSessionForReaders(SecureCookieSessionInterface):
    """Saves no session in responses of the readers' door and of static files: not even browsers signed in at the desk
    get a cookie there, and responses that shared caches may keep don't vary with one.
    """

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if request.blueprint != reader.name and request.endpoint != "static":
            super().save_session(app, session, response)


@reader.record_once
def _close_the_jar(state: Any) -> None:
    state.app.session_interface = NoSessionForReaders()


@reader.after_request
def _allow_indexing(response: Response) -> Response:
    if response.status_code == 200 and request.endpoint in TO_BE_FOUND:
        response.headers["X-Robots-Tag"] = "all"
    return response


@reader.before_request
def _no_nul() -> None:
    # PostgreSQL rejects NUL in a text, even in a query.
    if "\0" in request.path:
        abort(404)


@reader.url_defaults
def _keep_language(endpoint: str, values: dict[str, Any]) -> None:
    if chosen := g.get("chosen_language"):
        values.setdefault("lang", chosen)


@dataclass(frozen=True)
class ReaderContext:
    """The newsletter of a reader's request, with a session to query."""

    session: Session
    newsletter: Newsletter

    def page(self, template: str, section: str, **values: Any) -> str:
        """Render a page inside the newsletter's frame. `section` is its entry in the navigation, or empty."""
        return render_template(
            template,
            newsletter=self.newsletter,
            section=section,
            languages=self._languages(),
            proof=lambda: copies.proof(self.session, self.newsletter),
            task=lambda token: copies.task_of(token, self.newsletter),
            **values,
        )

    def coming(self) -> list[datetime]:
        return [edition.runs_at for edition in list_editions_to_run(self.session, self.newsletter.id)]

    def _languages(self) -> list[tuple[str, str, str]]:
        """Return code, own name and URL of this page in each language; none in the response to a form, since following
        a link would lose its text.
        """
        if request.method == "POST":
            return []
        args = {key: value for key, value in request.args.items() if key in copies.PARAMETERS and key != "lang"}
        path = quote(request.script_root + request.path)
        return [
            (code, autonym(code), f"{path}?{urlencode({**args, 'lang': code})}")
            for code in list_page_languages(self.newsletter)
        ]


def languages_of(newsletter: Newsletter) -> list[str]:
    return newsletter.languages or [newsletter.language]


def list_page_languages(newsletter: Newsletter) -> list[str]:
    """Return the languages of a newsletter for which there is an interface."""
    return list(dict.fromkeys(map(interface_language, languages_of(newsletter))))


def enter(session: Session, newsletter: Newsletter) -> ReaderContext:
    """Set the page's language, the newsletter's or the one in `lang`, and its time zone. Return the context."""
    chosen = request.args.get("lang", "")
    g.chosen_language = chosen if chosen in list_page_languages(newsletter) and chosen != newsletter.language else None
    g.language = g.chosen_language or newsletter.language
    g.zone, g.newsletter_view = newsletter.zone, newsletter
    refresh()
    return ReaderContext(session, newsletter)


@contextmanager
def open_context(slug: str) -> Iterator[ReaderContext]:
    """Open a newsletter's pages for reading, and load it once per request.

    Aborts with 404 if there is no such newsletter, and with a redirect if this is a former slug.
    """
    if not (newsletter := g.get("newsletter_view")):
        g.version, newsletter = find_newsletter(slug)
    with db.read() as session:
        yield enter(session, newsletter_or_404(slug, newsletter))


def change(slug: str, fn: Callable[[Session, Newsletter], T]) -> T:
    """Run `fn` in a write transaction. A lost race runs it again, so `fn` must have no other effects."""

    def write(session: Session) -> T:
        return fn(session, newsletter_or_404(slug, find_newsletter(slug, session)[1]))

    try:
        return db.write(write)
    except IntegrityError:
        # On PostgreSQL a second click on the same button can win; the second run finds its result.
        return db.write(write)


def _tag(response: Response) -> str:
    """Return the ETag of a public page: a hash of its content and of the sites that may frame it."""
    made = response.get_data() + repr(g.get("framed_by")).encode()
    return hashlib.blake2b(made, digest_size=12).hexdigest()


def with_form(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """Let only the reader's own browser store a page with an empty form, and only for going back.

    If the connection is lost on Send, "back" must show the same form: `no-store` would load one with another token,
    which would make a second question. Never use it for a response to a POST, which contains the reader's text.
    """

    @wraps(view)
    def answer(slug: str, **values: Any) -> ResponseReturnValue:
        if copies.is_making():
            with open_context(slug) as context:
                copies.make_for_all(context.session, context.newsletter)
        response = make_response(view(slug, **values))
        response.cache_control.private = True
        response.cache_control.max_age = 0
        return response

    return answer


def public(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """Cache a page that is the same for everybody, here and in shared caches; if unchanged, it then costs one query.

    Never use it for a page with a form: a cached form token would be given to a second person, and with it the first
    one's receipt.
    """

    @wraps(view)
    def answer(slug: str, **values: Any) -> ResponseReturnValue:
        with open_context(slug) as context:
            copies.make_for_all(context.session, context.newsletter)
            response = make_response(view(context, **values))
            if response.status_code == 200:
                response.cache_control.public = True
                response.cache_control.max_age = FRESH
                response.set_etag(_tag(response), weak=True)
                response.make_conditional(request)
            return response

    return answer


PUBLISHED = "what was published, the same for everybody who asks"
A_FORM = "an empty form, the same for everybody but for its token, which is drawn anew each time and stays unpacked"
# Only for GET: a response to a POST contains a reader's text or receipt.
PACKED = {
    "home": A_FORM,
    "ask": A_FORM,
    "framed_ask": "an empty form without a token",
    "protection": PUBLISHED,
    "answers": PUBLISHED,
    "topic": PUBLISHED,
    "expert": PUBLISHED,
    "story": PUBLISHED,
    "corrections": PUBLISHED,
    "editions": PUBLISHED,
    "edition": PUBLISHED,
    "framed_answers": PUBLISHED,
    "feed": PUBLISHED,
    "json_feed": PUBLISHED,
    "calendar": PUBLISHED,
    "sitemap": PUBLISHED,
    "sitemap_of_pages": PUBLISHED,
    "sitemap_of_year": PUBLISHED,
    "handbook": "a text of the program",
}


@reader.after_request
def _pack(response: Response) -> Response:
    is_read = request.method in ("GET", "HEAD") and response.status_code in (200, 304)
    if not is_read or (request.endpoint or "").removeprefix(f"{reader.name}.") not in PACKED:
        return response
    response.vary.add("Accept-Encoding")
    if tag := response.get_etag()[0]:
        response.set_etag(tag, weak=True)  # it is the same with and without compression (RFC 9110, section 8.8.3)
    takes = accepts_gzip(request.headers.get("Accept-Encoding", ""))
    if response.status_code == 200 and takes and len(response.get_data()) >= LEAST:
        response.set_data(compress_page(response.get_data()))
        response.headers["Content-Encoding"] = "gzip"
    return response
