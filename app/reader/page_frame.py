"""The frame around every page of the readers' door: newsletter, language, what caches may keep, what is sent packed.

Packing makes lengths tell: what stands in a page twice makes it shorter. Whoever can put words into a page beside a
secret, and sees how long it comes out, can guess the secret sign by sign (BREACH, 2013). So nothing is packed but what
`PACKED` names, each with why it holds no secret; and a form's token, though it is nobody's secret, is left out of the
packing: it stands between two packed pieces as it is, so that no length tells of it.
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
from ..web.static_files import takes_gzip
from . import copies
from .copies import find_newsletter
from .gzip_page import LEAST, compress_page

reader = Blueprint("reader", __name__)
csrf.exempt(reader)  # There is no session here to ride on; the forms carry a signed token of their own.
T = TypeVar("T")
APP = Path(__file__).parent.parent
FRESH = 60  # seconds for which a cache need not ask again; what is withdrawn is gone everywhere soon after
# What search engines may keep; forms behind a link, receipts and whatever goes wrong are for nobody else.
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
    """Keeps no session at the readers' door and of files, so that not even the desk's own browsers are sent a cookie
    there, and what caches may keep for everybody doesn't vary with one."""

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
    # PostgreSQL takes no NUL in a text, not even to look for it.
    if "\0" in request.path:
        abort(404)


@reader.url_defaults
def _keep_language(endpoint: str, values: dict[str, Any]) -> None:
    if chosen := g.get("chosen_language"):
        values.setdefault("lang", chosen)


@dataclass(frozen=True)
class ReaderContext:
    """A newsletter as a reader sees it, with the session to query."""

    session: Session
    newsletter: Newsletter

    def page(self, template: str, section: str, **values: Any) -> str:
        """Render a page inside the newsletter's frame. `section` names the entry of the navigation."""
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
        """Code, own name and address of this page in each language; none on the answer to a form, whose text would
        go."""
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
    """Return the languages in which a newsletter's pages can be read."""
    return list(dict.fromkeys(map(interface_language, languages_of(newsletter))))


def enter(session: Session, newsletter: Newsletter) -> ReaderContext:
    """Set the page's language and clock to those of the newsletter, or of the reader's choice."""
    chosen = request.args.get("lang", "")
    g.chosen_language = chosen if chosen in list_page_languages(newsletter) and chosen != newsletter.language else None
    g.language = g.chosen_language or newsletter.language
    g.zone, g.newsletter_view = newsletter.zone, newsletter
    refresh()
    return ReaderContext(session, newsletter)


@contextmanager
def open_context(slug: str) -> Iterator[ReaderContext]:
    """A newsletter's pages, to read. 404 where there is none of this name. A request reads its newsletter once."""
    if not (newsletter := g.get("newsletter_view")):
        g.version, newsletter = find_newsletter(slug)
    with db.read() as session:
        yield enter(session, newsletter_or_404(slug, newsletter))


def change(slug: str, fn: Callable[[Session, Newsletter], T]) -> T:
    """Run one change in a transaction. It may run again after a lost race, so `fn` has no other effect."""

    def write(session: Session) -> T:
        return fn(session, newsletter_or_404(slug, find_newsletter(slug, session)[1]))

    try:
        return db.write(write)
    except IntegrityError:
        # On PostgreSQL the other press of the same button can win; the second run finds what it made.
        return db.write(write)


def _tag(response: Response) -> str:
    """Changes with whatever changes a public page, and who may frame it."""
    made = response.get_data() + repr(g.get("framed_by")).encode()
    return hashlib.blake2b(made, digest_size=12).hexdigest()


def with_form(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """Let the reader's own browser keep an empty form with its token, and nobody else, for its way back alone.

    Where the line is lost at Send, "back" has to show the same form: with another token a second Send would make a
    second question, and `no-store` would bring another. An answer to a POST has a reader's words in it: none keeps it.
    """

    @wraps(view)
    def answer(slug: str, **values: Any) -> ResponseReturnValue:
        if copies.is_making():
            with open_context(slug) as place:
                copies.make_for_all(place.session, place.newsletter)
        response = make_response(view(slug, **values))
        response.cache_control.private = True
        response.cache_control.max_age = 0
        return response

    return answer


def public(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
    """Let caches keep a page that is the same for everybody; one that has not changed costs one query.

    Never on a page with a form: a kept form token would be given to a second person, and with it the first one's
    receipt.
    """

    @wraps(view)
    def answer(slug: str, **values: Any) -> ResponseReturnValue:
        with open_context(slug) as place:
            copies.make_for_all(place.session, place.newsletter)
            response = make_response(view(place, **values))
            if response.status_code == 200:
                response.cache_control.public = True
                response.cache_control.max_age = FRESH
                response.set_etag(_tag(response), weak=True)
                response.make_conditional(request)
            return response

    return answer


PUBLISHED = "what was published, the same for everybody who asks"
A_FORM = "an empty form, the same for everybody but for its token, which is drawn anew each time and stays unpacked"
# GET alone: an answer to a POST has a reader's words in it, or their number.
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
        response.set_etag(tag, weak=True)  # both ways to send it have this one (RFC 9110, section 8.8.3)
    takes = takes_gzip(request.headers.get("Accept-Encoding", ""))
    if response.status_code == 200 and takes and len(response.get_data()) >= LEAST:
        response.set_data(compress_page(response.get_data()))
        response.headers["Content-Encoding"] = "gzip"
    return response
