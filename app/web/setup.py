"""The setup that all pages share: security headers, languages, sign-in sessions, rate limits and error pages."""

import hashlib
import hmac
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial, wraps
from operator import attrgetter
from typing import Any, Generic, ParamSpec, TypeVar
from urllib.parse import quote

from flask import Flask, Response, abort, current_app, g, has_request_context, redirect, request
from flask_babel import Babel, get_locale
from flask_babel import lazy_gettext as _l
from flask_limiter import Limiter, RateLimitExceeded
from flask_login import LoginManager, UserMixin
from flask_wtf.csrf import CSRFProtect, generate_csrf
from jinja2 import pass_eval_context
from jinja2.nodes import EvalContext
from limits.strategies import RateLimiter
from markupsafe import Markup
from sqlalchemy.orm import Session

from ..core.clock import utc_now
from ..core.listing import Rows
from ..core.security_headers import CONTENT_POLICY, SECURITY_HEADERS
from ..db.fault_kinds import Busy
from ..newsletters.models import Newsletter
from ..people import sessions
from ..people.models import BrowserSession, Person
from ..text.languages import direction
from ..text.translation import get_catalogue
from . import errors, formatting, static_files
from .current import db as db
from .daily_salt import REDIS_TIMEOUT, get_daily_salt
from .formatting import DOMAIN, language, requested_language

P = ParamSpec("P")
T = TypeVar("T")


def caller() -> str:
    """Return the key under which rate limits count this request: its hashed IP address."""
    return hash_identifier(request.remote_addr or "")


def hash_identifier(identifier: str) -> str:
    """Hash an identifier of a client with the random salt of the day."""
    salt = get_daily_salt(current_app.config["REDIS_URL"]).get()
    return hmac.new(salt, identifier.encode(), hashlib.sha256).hexdigest()[:32]


limiter = Limiter(caller, strategy="fixed-window")


def limit_settings(redis_url: str) -> dict[str, Any]:
    """Return the settings of Flask-Limiter: to count in this process, or in Redis with a fallback to this process."""
    if not redis_url:
        return {"RATELIMIT_STORAGE_URI": "memory://"}
    timeouts = {"socket_connect_timeout": REDIS_TIMEOUT, "socket_timeout": REDIS_TIMEOUT}
    return {
        "RATELIMIT_STORAGE_URI": redis_url,
        "RATELIMIT_STORAGE_OPTIONS": timeouts,
        "RATELIMIT_IN_MEMORY_FALLBACK_ENABLED": True,
    }


def limit_requests(
    limits: str, get_key: Callable[[], str] = caller, on_breach: Callable[[], Response] | None = None, scope: str = ""
) -> Callable[[Callable[P, Any]], Callable[P, Any]]:
    """Limit the requests to a view. `limits` is in the notation of Flask-Limiter: "10 per minute; 60 per hour".

    Each endpoint counts by itself, unless several have one `scope`. `get_key` returns the key under which a request is
    counted, and `on_breach` the response to one beyond the limits, by default our page for status 429. Both are called
    outside of Flask-Limiter, which takes any exception, such as one of the database, for a failure of Redis, and then
    counts anew in memory.
    """

    def decorate(view: Callable[P, Any]) -> Callable[P, Any]:
        limit = partial(limiter.shared_limit, limits, scope) if scope else partial(limiter.limit, limits)
        limited_view = limit(key_func=lambda: str(g.limit_key))(view)

        @wraps(view)
        def view_with_key(*args: P.args, **kwargs: P.kwargs) -> Any:
            g.limit_key = get_key()
            try:
                return limited_view(*args, **kwargs)
            except RateLimitExceeded:
                if on_breach is None:
                    raise
                return on_breach()

        return view_with_key

    return decorate


def apply_limits(check: Callable[[RateLimiter], T]) -> T:
    """Return what `check` returns for the rate limiter, or for the fallback in memory if Redis doesn't answer.

    Flask-Limiter falls back only when one of its own limits fails.
    """
    try:
        return check(limiter.limiter)
    except Exception:
        # Check a limit that counts nothing (cost=0): when it fails, Flask-Limiter switches to memory.
        request_context = nullcontext() if has_request_context() else current_app.test_request_context()
        with request_context, limiter.limit("1 per second", key_func=lambda: "fallback", cost=0):
            return check(limiter.limiter)


csrf = CSRFProtect()
login = LoginManager()
babel = Babel()

CROSS_SITE = errors.ErrorMessage(
    _l("This came from another site"),
    _l("Our forms are sent from our own pages alone. Nothing was done."),
    _l("Open the page here and send it from there."),
)


class SignedIn(UserMixin):
    """The person signed in with this browser. `needs_second_factor` says that the second factor is still missing.

    The ID that Flask-Login stores in the cookie is the secret of a server-side session, which can be revoked.
    """

    def __init__(self, token: str, person: Person, browser_session: BrowserSession, needs_second_factor: bool) -> None:
        self.token = token
        self.person_id = person.id
        self.name = person.name
        self.language = person.language
        self.door = browser_session.door
        self.proved_at = browser_session.stepped_up_at  # when they last proved their identity
        self.needs_second_factor = needs_second_factor

    def get_id(self) -> str:
        return self.token


@login.user_loader  # type: ignore[untyped-decorator]
def _load_user(token: str) -> SignedIn | None:
    """Return the signed-in person. If it is due, record that they were seen."""
    # The desk sets a function that loads more at once, and keeps its transaction open for the page
    # (`g.loaded_session`).
    find_session: Callable[[str], sessions.AuthenticatedSession | None] = g.get("find_session", _find_session)
    found = find_session(token)
    if found is None:
        return None
    person, browser_session, needs_second_factor = found
    if sessions.should_record_visit(utc_now(), browser_session):
        session_id = browser_session.id
        # Close the desk's transaction: the write may have to wait, and the page should show the state after it.
        if loaded_session := g.pop("loaded_session", None):
            loaded_session.close()
        with suppress(Busy):  # a visit that can't be recorded is no reason to fail the request
            db.write(lambda session: sessions.record_visit(session, session_id))
    return SignedIn(token, person, browser_session, needs_second_factor)


def _find_session(token: str) -> sessions.AuthenticatedSession | None:
    with db.read() as session:
        return sessions.find_session(session, token)


def or_404(row: T | None) -> T:
    """Return the row, or abort with 404 if it is None."""
    if row is None:
        abort(404)
    return row


def newsletter_or_404(slug: str, newsletter: Newsletter | None) -> Newsletter:
    """Return the newsletter, or abort with 404 if it is None.

    If `slug` is a former slug of the newsletter, abort with a redirect to the same page under the present slug. Its
    status is 308, which keeps the method and body.
    """
    newsletter = or_404(newsletter)
    if newsletter.slug != slug:
        parts = request.path.split("/")
        parts[parts.index(slug)] = newsletter.slug
        url = request.script_root + quote("/".join(parts))
        if query_string := request.query_string.decode("ascii", "ignore"):
            url += f"?{query_string}"
        abort(redirect(url, code=308))
    return newsletter


@dataclass(frozen=True)
class ListPage(Generic[T]):
    """A page of a list, by keyset pagination.

    `page_urls` holds two URLs: "newer" leads back to the first page, "older" to the next page. "newer" is None on the
    first page, and "older" on the last.
    """

    rows: list[T]
    page_urls: dict[str, str | None]


def get_cursor_row(load: Callable[[str], T | None], param: str = "before") -> T | None:
    """Return the last row of the previous page, or None on the first page.

    `load` finds the row by the value of `param` in the query string. Aborts with 404 if it finds none.
    """
    cursor = request.args.get(param)
    return or_404(load(cursor)) if cursor else None


def paginate(
    session: Session,
    listing: Rows[T],
    size: int,
    after: Any,
    make_url: Callable[..., str],
    param: str = "before",
    cursor: Callable[[T], str] = attrgetter("public_id"),
) -> ListPage[T]:
    """Return a page of at most `size` rows.

    `after` is the last row of the page before, or a cursor of the listing, or None for the first page. `make_url`
    returns the URL of the first page, or, given `param` with the `cursor` of a row, of the page after it.
    """
    rows = listing.page(session, after, size + 1)
    has_more = len(rows) > size
    newer_url = make_url() if after else None
    older_url = make_url(**{param: cursor(rows[size - 1])}) if has_more else None
    return ListPage(rows[:size], {"newer": newer_url, "older": older_url})


def _locale() -> str:
    """Return the page's locale for Flask-Babel. English is British, since American dates begin with the month."""
    code = language()
    return "en_GB" if code == "en" else code.replace("-", "_")


def _form_proof() -> str:
    """Return the CSRF token for forms: of the page's link, or else Flask-WTF's token for the session cookie."""
    if "form_proof" not in g:
        g.form_proof = generate_csrf()
    return str(g.form_proof)


def prepare(app: Flask) -> None:
    """Set up the extensions, request hooks, template globals and error handlers that all pages share."""
    for name, value in limit_settings(app.config["REDIS_URL"]).items():
        app.config.setdefault(name, value)
    app.config.setdefault("RATELIMIT_ENABLED", app.config["LIMITS"])
    app.config.setdefault("RATELIMIT_HEADERS_ENABLED", False)
    app.config.setdefault("BABEL_TRANSLATION_DIRECTORIES", "translations")
    app.config.setdefault("WTF_CSRF_SSL_STRICT", False)  # our pages send no Referer, so it can't be compared
    app.config.setdefault("MAX_COOKIE_SIZE", 0)  # no warning about long cookies
    app.before_request(DOMAIN.as_default)
    app.before_request(_refuse_cross_site_posts)
    csrf.init_app(app)
    # Flask-WTF sets `csrf_token` twice: as a global, for imported macros, and in a context processor, which takes
    # precedence in templates. Replace the global here; `_template_context` replaces the other.
    app.jinja_env.globals["csrf_token"] = _form_proof
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals["icon"] = static_files.icon()
    app.jinja_env.filters["direction"] = direction
    login.init_app(app, add_context_processor=False)  # that would load a session on every page, even for readers
    login.session_protection = None  # it would trust X-Forwarded-For; our sessions are rows of the database instead
    babel.init_app(app, locale_selector=_locale)
    app.jinja_env.globals.update(gettext=_translate, ngettext=_translate_plural)
    limiter.init_app(app)
    app.after_request(_set_headers)
    app.context_processor(_template_context)
    errors.register(app)
    formatting.register(app)


@pass_eval_context
def _translate(context: EvalContext, text: str, /, **values: Any) -> str:
    return _format_translation(context, get_catalogue(language()).gettext(text), values)


@pass_eval_context
def _translate_plural(context: EvalContext, one: str, many: str, number: int, /, **values: Any) -> str:
    return _format_translation(
        context, get_catalogue(language()).ngettext(one, many, number), {"num": number, **values}
    )


def _format_translation(context: EvalContext, text: str, values: dict[str, Any]) -> str:
    """Interpolate values into a translation, with integers in the digits of the page's language."""
    text = formatting.with_text_placeholders(text)
    if context.autoescape:
        text = Markup(text)  # noqa: S704 - catalogues are ours; values are escaped
    return text % formatting.with_digits(values)


def accepts_cross_site(view: Callable[..., T]) -> Callable[..., T]:
    """Let a view accept forms from other sites. It must change nothing and reveal only what is public."""
    view.accepts_cross_site = True  # type: ignore[attr-defined]
    return view


def _refuse_cross_site_posts() -> None:
    """Refuse a form from another origin, even a neighbouring subdomain, and even with a valid token.

    The browser says in a header how the origin is related to ours (W3C Fetch Metadata). Older browsers and mail
    programs don't send the header: for them, only the token is checked.
    """
    view = current_app.view_functions.get(request.endpoint or "")
    if getattr(view, "accepts_cross_site", False):
        return
    if request.method == "POST" and request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        abort(errors.render_error(403, message=CROSS_SITE))


def set_frame_ancestors(origins: list[str]) -> None:
    """Allow these origins, and our own pages, to frame the response to this request."""
    g.framed_by = ["'self'", *origins]


def _set_headers(response: Response) -> Response:
    """Make redirects local, and add the security headers that the view hasn't set."""
    # Remove the host: Werkzeug's redirect for a missing slash includes the request's Host, which can be forged. Only
    # the redirect to the sign-in provider sets `g.is_external_redirect`.
    if response.location and not g.get("is_external_redirect"):
        response.location = "/" + response.location.removeprefix(request.host_url).lstrip("/")
    headers = SECURITY_HEADERS
    if g.get("framed_by"):
        headers = SECURITY_HEADERS | {
            "Content-Security-Policy": f"{CONTENT_POLICY}; frame-ancestors {' '.join(g.framed_by)}",
            # A cross-origin isolated site only frames responses that allow it explicitly.
            "Cross-Origin-Resource-Policy": "cross-origin",
        }
        del headers["X-Frame-Options"]  # it can't list origins
    present_names = {name.lower() for name, _value in response.headers}
    response.headers.extend([(name, value) for name, value in headers.items() if name.lower() not in present_names])
    if "cache-control" not in present_names:
        response.headers["Cache-Control"] = "no-store"
    if current_app.config["BASE_URL"].startswith("https://"):
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    return response


def _template_context() -> dict[str, Any]:
    code = language()
    return {
        "lang": code,
        "dir": direction(code),
        "requested_language": requested_language(),
        "locale": get_locale(),
        "csrf_token": _form_proof,
    }
