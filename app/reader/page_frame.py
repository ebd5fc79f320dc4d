"""The frame of the readers' pages: newsletter, language, caching and compression.

Compression can reveal secrets: if an attacker can put text into a page that contains a secret, and sees the length of
the response, they can guess the secret character by character (BREACH, 2013). So only the pages in `COMPRESSED_PAGES`
are compressed, each with the reason why it contains no secret. Form tokens aren't secret, but are left uncompressed
too, so that no length depends on them.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, urlencode

from flask import Blueprint, Flask, Response, abort, g, make_response, render_template, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask.typing import ResponseReturnValue
from flask_babel import refresh
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ..editions.queries import list_editions_to_run
from ..newsletters.models import Newsletter
from ..text.languages import N_
from ..text.translation import get_catalogue, interface_language
from ..web.formatting import autonym
from ..web.setup import csrf, db, get_cursor_row, newsletter_or_404
from ..web.static_files import accepts_gzip
from . import copies
from .copies import find_newsletter
from .gzip_page import MIN_SIZE, compress_page

reader = Blueprint("reader", __name__)
csrf.exempt(reader)  # There is no session to exploit here; the forms have a signed token of their own.
T = TypeVar("T")
APP = Path(__file__).parent.parent
MAX_AGE = 60  # seconds for which caches may serve a page without asking, even if it has been withdrawn
# The endpoints that search engines may index; not the forms behind links, receipts or errors.
INDEXABLE = {
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
        "answers_in_language",
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
    """A session interface that sets no cookie on readers' pages and static files, even for members of the desk.

    Shared caches may store these responses, so they must not vary with a cookie.
    """

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if request.blueprint != reader.name and request.endpoint != "static":
            super().save_session(app, session, response)


@reader.record_once
def _install_session_interface(state: Any) -> None:
    state.app.session_interface = NoSessionForReaders()


@reader.after_request
def _allow_indexing(response: Response) -> Response:
    if response.status_code == 200 and request.endpoint in INDEXABLE:
        response.headers["X-Robots-Tag"] = "all"
    return response


@reader.before_request
def _refuse_nul() -> None:
    # PostgreSQL rejects NUL in a text, even in a query.
    if "\0" in request.path:
        abort(404)


@reader.url_defaults
def _keep_language(endpoint: str, values: dict[str, Any]) -> None:
    """Add the language that the reader has chosen to all links."""
    if chosen_language := g.get("chosen_language"):
        values.setdefault("lang", chosen_language)


# The link that a script shows to a browser that asks for another language (app/static/language.js).
LANGUAGE_OFFER = N_("This page is also in %(language)s.")


class LanguageLink(NamedTuple):
    """A link to a page in another language. `name` and `offer`, the sentence that offers it, are in that language."""

    code: str
    name: str
    href: str
    offer: str


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
            languages=self._list_language_links(),
            proof=lambda: copies.get_form_token(self.session, self.newsletter),
            task=lambda token: copies.get_task(token, self.newsletter),
            form_name=copies.get_form_name,
            **values,
        )

    def list_upcoming_dates(self) -> list[datetime]:
        """Return the times of the next editions."""
        return [edition.runs_at for edition in list_editions_to_run(self.session, self.newsletter.id)]

    def _list_language_links(self) -> list[LanguageLink]:
        """Return the links to this page in each language.

        The response to a form has none, since following a link would lose the form's text.
        """
        if request.method == "POST":
            return []
        args = {key: value for key, value in request.args.items() if key in copies.PARAMETERS and key != "lang"}
        path = quote(request.script_root + request.path)
        return [
            LanguageLink(
                code,
                autonym(code),
                f"{path}?{urlencode({**args, 'lang': code})}",
                get_catalogue(code).gettext(LANGUAGE_OFFER) % {"language": autonym(code)},
            )
            for code in list_page_languages(self.newsletter)
        ]


def languages_of(newsletter: Newsletter) -> list[str]:
    """Return the languages in which readers can write to a newsletter."""
    return newsletter.languages or [newsletter.language]


def list_page_languages(newsletter: Newsletter) -> list[str]:
    """Return the languages in which a newsletter's pages can be shown: English stands for those without translation."""
    return list(dict.fromkeys(map(interface_language, languages_of(newsletter))))


def enter_newsletter(session: Session, newsletter: Newsletter) -> ReaderContext:
    """Set the language and time zone of this request for a newsletter's page, and return its context.

    The language is the parameter `lang`, if it is one of `list_page_languages`, or else the newsletter's language.
    """
    code = request.args.get("lang", "")
    g.chosen_language = code if code in list_page_languages(newsletter) and code != newsletter.language else None
    g.language = g.chosen_language or newsletter.language
    g.zone = newsletter.zone
    g.newsletter_view = newsletter
    refresh()  # Flask-Babel's cached locale
    return ReaderContext(session, newsletter)


@contextmanager
def open_context(slug: str) -> Iterator[ReaderContext]:
    """Open a context to read from. The newsletter is loaded once per request.

    Aborts with 404 if there is no such newsletter, and with a redirect if this is a former slug.
    """
    newsletter = g.get("newsletter_view")
    if not newsletter:
        g.version, newsletter = find_newsletter(slug)  # `receipt.py` caches pages for this version
    with db.read() as session:
        yield enter_newsletter(session, newsletter_or_404(slug, newsletter))


def run_in_transaction(slug: str, fn: Callable[[Session, Newsletter], T]) -> T:
    """Run `fn` in a write transaction, and run it again if another request has stored the same row meanwhile.

    As `fn` can run several times, it must change nothing outside the session.
    """

    def write(session: Session) -> T:
        _version, newsletter = find_newsletter(slug, session)
        return fn(session, newsletter_or_404(slug, newsletter))

    try:
        return db.write(write)
    except IntegrityError:
        # On PostgreSQL, two clicks on the same button can be processed at once. The second run finds the other's row.
        return db.write(write)


def _compute_etag(response: Response) -> str:
    """Return a hash of a public page's content and of the sites that may frame it."""
    hashed = response.get_data() + repr(g.get("framed_by")).encode()
    return hashlib.blake2b(hashed, digest_size=12).hexdigest()


def with_form(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """Let the reader's browser store a page with an empty form, but only for its "back" button.

    If the connection is lost on Send, "back" must show the same form. With `no-store`, the browser would load a form
    with another token, and sending this would make a second question. Never use this decorator for a response to a
    POST, which contains the reader's text.
    """

    @wraps(view)
    def private_view(slug: str, **values: Any) -> ResponseReturnValue:
        if copies.is_rendering_for_cache():
            with open_context(slug) as context:
                copies.mark_cacheable(context.session, context.newsletter)
        response = make_response(view(slug, **values))
        response.cache_control.private = True
        response.cache_control.max_age = 0
        return response

    return private_view


def public(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """Let this server and shared caches cache a page that is the same for everybody. A cached page costs one query.

    Never use this for a page with a form: shared caches would give its token to several people, and all of them could
    get the receipt of the first one who sends the form.
    """

    @wraps(view)
    def cached_view(slug: str, **values: Any) -> ResponseReturnValue:
        with open_context(slug) as context:
            copies.mark_cacheable(context.session, context.newsletter)
            response = make_response(view(context, **values))
            if response.status_code == 200:
                response.cache_control.public = True
                response.cache_control.max_age = MAX_AGE
                response.set_etag(_compute_etag(response), weak=True)
                response.make_conditional(request)
            return response

    return cached_view


PUBLISHED = "published texts, the same for everybody"
A_FORM = "an empty form, the same for everybody except for its token, which is new in each response and not compressed"
# The endpoints whose responses to GET are compressed, with the reason why they contain no secret. A response to a POST
# contains a reader's text or receipt.
COMPRESSED_PAGES = {
    "home": A_FORM,
    "ask": A_FORM,
    "framed_ask": "an empty form without a token",
    "protection": PUBLISHED,
    "answers": PUBLISHED,
    "topic": PUBLISHED,
    "answers_in_language": PUBLISHED,
    "expert": PUBLISHED,
    "story": PUBLISHED,
    "corrections": PUBLISHED,
    "editions": PUBLISHED,
    "edition": PUBLISHED,
    "framed_answers": PUBLISHED,
    "framed_story": PUBLISHED,
    "framed_edition": PUBLISHED,
    "feed": PUBLISHED,
    "json_feed": PUBLISHED,
    "calendar": PUBLISHED,
    "sitemap": PUBLISHED,
    "sitemap_of_pages": PUBLISHED,
    "sitemap_of_year": PUBLISHED,
    "handbook": "a text of the program",
}


def get_list_cursor(load: Callable[[str], T | None]) -> T | None:
    """Return the last row of the previous page, or None on the first page or if the cursor can't be a public ID."""
    return get_cursor_row(load) if request.args.get("before", "").isalnum() else None


@reader.after_request
def _compress(response: Response) -> Response:
    is_read = request.method in ("GET", "HEAD") and response.status_code in (200, 304)
    if not is_read or (request.endpoint or "").removeprefix(f"{reader.name}.") not in COMPRESSED_PAGES:
        return response
    response.vary.add("Accept-Encoding")
    etag, _is_weak = response.get_etag()
    if etag:
        # It must be weak, as it is the same with and without compression (RFC 9110, section 8.8.3).
        response.set_etag(etag, weak=True)
    is_accepted = accepts_gzip(request.headers.get("Accept-Encoding", ""))
    if response.status_code == 200 and is_accepted and len(response.get_data()) >= MIN_SIZE:
        response.set_data(compress_page(response.get_data()))
        response.headers["Content-Encoding"] = "gzip"
    return response
