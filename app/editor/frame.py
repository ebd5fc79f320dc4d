"""The blueprint of the desk: its access checks, the context that views load rows through, and its page frame."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import urlsplit

from flask import Blueprint, abort, current_app, flash, g, redirect, render_template, request, url_for
from flask_babel import gettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from ..core.actors import Staff
from ..core.permissions import ROLES, may
from ..core.state_machine import must
from ..editions.items import headline, sent_headline
from ..forms import form_drafts, idempotency
from ..newsletters.models import Newsletter
from ..newsletters.queries import DeskMemberships, by_slug, list_desk_memberships
from ..people.sessions import AuthenticatedSession, find_session
from ..text.translation import DESK_LANGUAGES, desk_language
from ..web import errors
from ..web.setup import db, newsletter_or_404, or_404
from .public_urls import find_public_url
from .sidebar import Sidebar, load_sidebar, next_edition_summary, sections

T = TypeVar("T")
P = ParamSpec("P")
View = TypeVar("View", bound=Callable[..., Any])
Permissions = str | dict[str, str]  # the permission of a view, or of each of its buttons as for `DeskBlueprint.action`


class DeskBlueprint(Blueprint):
    """The blueprint of the desk. Every view that takes a POST declares its permission, an act of `core/permissions.py`.

    The permission is checked before the form is read, so that the answer to people without it doesn't depend on the
    state of the row. Templates hide the button from them (`may_press`). A page that is useful only to people with a
    permission is declared with `restricted_page`.
    """

    def __init__(self) -> None:
        super().__init__("editor", __name__)
        self.permissions: dict[str, Permissions] = {}

    def action(self, rule: str, permission: Permissions) -> Callable[[View], View]:
        """Register a view for POST and the permission that it requires.

        If one rule serves several buttons, `permission` maps the last segment of the path to the permission of each
        button, and "" to that of all others.
        """

        def declare(view: View) -> View:
            self.permissions[f"editor.{view.__name__}"] = permission
            return self.post(rule)(view)

        return declare

    def restricted_page(self, rule: str, permission: str, endpoint: str = "") -> Callable[[View], View]:
        """Register a GET view that only somebody with the permission may open, usually a form."""

        def declare(view: View) -> View:
            name = endpoint or view.__name__
            self.permissions[f"editor.{name}"] = permission
            return self.get(rule, endpoint=name)(view)

        return declare

    def get_permission(self, endpoint: str, path: str) -> str:
        """Return the permission that an endpoint requires. Raises KeyError if it was registered without one."""
        permissions = self.permissions[endpoint]
        if isinstance(permissions, str):
            return permissions
        last_segment = path.rpartition("/")[2]
        return permissions.get(last_segment) or permissions[""]


editor = DeskBlueprint()
SIGNED_OUT = errors.ErrorMessage(
    _l("You aren’t signed in any more"),
    _l("This browser was signed out, or its session has expired. Nothing was filed, saved or changed."),
    _l("Sign in: that leads back to the page. Then do it again there."),
)
UNCONFIRMED = errors.ErrorMessage(
    _l("Confirm that it is you"),
    _l("This desk asks for a second factor. Nothing was filed, saved or changed."),
    _l("Confirm with it, or add one: that leads back to the page. Then do it again there."),
)
READ_METHODS = ("GET", "HEAD")


@dataclass(frozen=True)
class RequestContext:
    """A newsletter's desk for one request."""

    session: Session
    actor: Staff
    newsletter: Newsletter
    newsletters: Sequence[Newsletter] = ()  # all newsletters that the actor works for
    cache: dict[str, Any] = field(default_factory=dict, compare=False)  # objects loaded once per request, by name

    def may(self, act: str) -> bool:
        return may(self.actor, act)


@editor.before_request
def only_staff() -> Response | None:
    """Let only staff pass, and check their permission before a POST.

    All others are sent to the page on which they sign in or give their second factor, and back to this page afterwards.
    A POST by them gets a 403 with a link to that page, and with what was typed.
    """
    if request.method in READ_METHODS:
        g.find_session = _find_browser_session
    if not current_user.is_authenticated or current_user.door != "desk":
        sign_in_url = url_for("entrance.sign_in_page", to="desk", next=_get_url_to_return_to())
        return _send_to(sign_in_url, _("Sign in"), SIGNED_OUT)
    if current_user.needs_second_factor:
        confirm_url = url_for("entrance.second_factor_page", next=_get_url_to_return_to())
        return _send_to(confirm_url, _("Confirm"), UNCONFIRMED)
    g.language = desk_language(current_user.language)
    slug = (request.view_args or {}).get("slug")
    if request.method == "POST" and slug:
        with read_context(slug):  # check the permission before the form is read
            pass
    return None


def _send_to(url: str, label: str, message: errors.ErrorMessage) -> Response:
    """Redirect to a page of the entrance, or answer a POST with a link to it and with what was typed."""
    if request.method == "POST":
        g.back = (url, label)
        return errors.render_error(403, message=message)
    return redirect(url, code=303)


def _get_url_to_return_to() -> str:
    return request.full_path.rstrip("?") if request.method == "GET" else page_of_form()


@editor.errorhandler(CSRFError)
def handle_csrf_error(error: CSRFError) -> Response:
    """Answer a form with a missing, wrong or expired CSRF token: show the submitted texts and link to its page."""
    g.language = DESK_LANGUAGES[0]
    g.back = (page_of_form(), _("Open the page again"))
    return errors.render_error(400)


def page_of_form() -> str:
    """Return the address of the page that holds the submitted form.

    Browsers don't send that address (see the header Referrer-Policy), so this is a guess: the nearest page at or above
    the address that the form posts to.
    """
    url_adapter = current_app.create_url_adapter(request)
    view_args = request.view_args or {}
    path = request.path
    while url_adapter and path.count("/") > 2:  # stop at the desk's front page
        with suppress(HTTPException):
            endpoint, values = url_adapter.match(path, method="GET")
            if values.items() <= view_args.items():  # skip a match that mistakes a path segment for a public id
                query_string = request.query_string.decode("ascii", "ignore")  # keep e.g. a list's filters
                return url_for(endpoint, **values) + (f"?{query_string}" if query_string else "")
        path = path.rpartition("/")[0]
    if "slug" in view_args:
        return url_for("editor.home", slug=view_args["slug"])
    return url_for("editor.start")


@dataclass(frozen=True)
class LoadedSession:
    """The database session in which `_find_browser_session` checked the browser, kept open for the page itself."""

    exit_stack: ExitStack  # closes the session
    session: Session
    desks: DeskMemberships  # the desks of the person who is signed in

    def close(self) -> None:
        self.exit_stack.close()


def _find_browser_session(token: str) -> AuthenticatedSession | None:
    """Find the person of a browser session, and keep the database session with their desks for the page itself."""
    with ExitStack() as stack:
        session = stack.enter_context(db.read())
        authenticated = find_session(session, token)
        if authenticated is None:
            return None
        desks = list_desk_memberships(session, authenticated.person.id)
        g.loaded_session = LoadedSession(stack.pop_all(), session, desks)
        return authenticated


@editor.teardown_request
def _close_unused_session(_error: BaseException | None) -> None:
    """Close the session if no view used it, e.g. after a redirect."""
    if loaded_session := g.pop("loaded_session", None):
        loaded_session.close()


def _build_context(session: Session, slug: str, memberships: DeskMemberships) -> RequestContext:
    desks = {membership.newsletter.slug: membership for membership in memberships}
    if slug not in desks:  # a former slug of one of these desks, or a desk of other people: redirect, or abort with 404
        newsletter = or_404(by_slug(session, slug))
        newsletter_or_404(slug, newsletter if newsletter.slug in desks else None)
    newsletter, name, role = desks[slug]
    confirmed_passages = frozenset(request.form.get("looked", "").splitlines())
    shown_at = idempotency.read_shown_at(request.form.get("once", ""))
    actor = Staff(
        current_user.person_id, name, newsletter.id, role, current_user.proved_at, confirmed_passages, shown_at
    )
    if request.method == "POST" or request.endpoint in editor.permissions:
        must(actor, editor.get_permission(request.endpoint or "", request.path))
    g.zone = newsletter.zone
    g.back = (url_for("editor.home", slug=slug), _("Back to the desk"))
    desk = RequestContext(session, actor, newsletter, [membership.newsletter for membership in memberships])
    g.desk, g.may = desk, desk.may
    return desk


@editor.app_template_global("may")
def _has_permission(act: str) -> bool:
    """Return whether the person at the desk may do an act. Outside the desk, always false."""
    return "may" in g and bool(g.may(act))


@editor.app_template_global("may_press")
def _may_press(address: str) -> bool:
    """Return whether the person may submit a form that posts to `address`. Always true for forms outside the desk."""
    path = urlsplit(address).path.removeprefix(request.script_root)
    if "url_adapter" not in g:
        g.url_adapter = current_app.create_url_adapter(request)
    endpoint = g.url_adapter.match(path, method="POST")[0] if g.url_adapter else ""
    return endpoint not in editor.permissions or _has_permission(editor.get_permission(endpoint, path))


@contextmanager
def read_context(slug: str) -> Iterator[RequestContext]:
    """Yield the context of a page that only reads.

    Aborts with 404 for anybody who doesn't work at this desk, and with a redirect if `slug` is a former one.
    """
    loaded_session: LoadedSession | None = g.pop("loaded_session", None)
    if loaded_session is None:
        with db.read() as session:
            yield _build_context(session, slug, list_desk_memberships(session, current_user.person_id))
        return
    with loaded_session.exit_stack:
        yield _build_context(loaded_session.session, slug, loaded_session.desks)


def run_in_transaction(slug: str, fn: Callable[[RequestContext], T]) -> T:
    """Run one change in a write transaction and return its result.

    After a lost race the transaction is repeated, so `fn` must do nothing but change the database. The first change of
    a request also claims the form's idempotency key, and deletes the drafts of the form. Raises `AlreadyPressed` if the
    same form was submitted before.
    """

    def attempt(session: Session) -> T:
        desk = _build_context(session, slug, list_desk_memberships(session, current_user.person_id))
        if "press" in g and not g.get("is_key_claimed"):
            idempotency.claim_idempotency_key(session, desk.actor, g.press)
            draft_id = request.form.get("draft", "").partition(".")[0]
            form_drafts.drop_sent(session, desk.actor, draft_id, g.press.form_digest)
        return fn(desk)

    result = db.write(attempt)
    g.is_key_claimed = "press" in g
    return result


def rerender(
    slug: str, status: int, draw: Callable[Concatenate[RequestContext, P], str], *args: P.args, **values: P.kwargs
) -> tuple[str, int]:
    """Return the page of a form that changed nothing, drawn from the current data, with the status of the response."""
    with read_context(slug) as desk:
        return draw(desk, *args, **values), status


def require_row(desk: RequestContext, row: T | None, endpoint: str, public_id: str, link_text: str) -> T:
    """Return `row`, or abort with 404 if it is None. Error pages later in this request link to the row's page."""
    existing_row = or_404(row)
    g.back = (url_for(endpoint, slug=desk.newsletter.slug, public_id=public_id), link_text)
    return existing_row


def abort_unknown_filter(desk: RequestContext, name: str, endpoint: str) -> None:
    """Abort with a 404 that names a query parameter whose name or value is unknown. The value isn't repeated."""
    message = errors.ErrorMessage(
        _("There is no such list"),
        _("The part “%(name)s” of the address is no filter of this list.", name=name[:20]),
        _("Check the address, or begin with the whole list."),
    )
    g.back = (url_for(endpoint, slug=desk.newsletter.slug), _("To the whole list"))
    abort(errors.render_error(404, message=message))


def get_sidebar(desk: RequestContext) -> Sidebar:
    """Return the sidebar of the page, loaded once per request."""
    if "sidebar" not in desk.cache:
        desk.cache["sidebar"] = load_sidebar(desk.session, desk.actor)
    sidebar: Sidebar = desk.cache["sidebar"]
    return sidebar


def page(desk: RequestContext, template: str, section: str, **values: Any) -> str:
    """Render a page of the desk inside its frame."""
    sidebar = get_sidebar(desk)
    values["public_url"] = find_public_url(desk.session, desk.newsletter, template, values)
    return render_template(
        template,
        newsletter=desk.newsletter,
        newsletters=desk.newsletters,
        sections=sections(desk.newsletter, sidebar.numbers),
        section=section,
        next_edition=next_edition_summary(desk.newsletter, sidebar.edition) if sidebar.edition else None,
        user={"name": desk.actor.name, "role": role_label(desk.actor.role)},
        actor=desk.actor,
        **values,
    )


def role_label(role: str) -> str:
    return gettext(ROLES[role].label)


editor.app_template_filter("headline")(headline)
editor.app_template_filter("sent_headline")(sent_headline)


def announce(message: str, *, href: str = "", label: str = "", undo: str = "", return_url: str = "") -> None:
    """Show a message on the next page, and below it a link to `href` with the text `label`, if given.

    `undo` is the token of the undo button, and `return_url` the page to which that leads back.
    """
    flashed: dict[str, str] = {"text": message, "href": href, "label": label, "undo": undo, "back": return_url}
    flash(flashed)  # type: ignore[arg-type]  # the session stores anything that JSON can hold
    g.announced = [*g.get("announced", []), flashed]  # stored, to be shown again if the form is submitted twice


# By endpoint, or else by section: the anchor of a chapter in the handbook.
CHAPTERS = {
    "editor.home": "every-day-who-waits-for-whom",
    "letters": "thursday-the-letters",
    "pen": "when-a-mail-fits-nowhere",
    "questions": "friday-the-question",
    "editor.answer": "monday-the-answer",
    "editor.answer_edit": "monday-the-answer",
    "editor.answer_by_hand": "monday-the-answer",
    "edition": "tuesday-and-wednesday-the-edition",
    "shelf": "shelf-archive-insights",
    "archive": "shelf-archive-insights",
    "insights": "shelf-archive-insights",
    "experts": "the-experts",
    "outbox": "the-outbox",
    "settings": "what-is-set-once",
}


@editor.app_template_global()
def chapter_of(section: str) -> str | None:
    """Return the anchor of the handbook chapter for the current page, or None for the beginning of the handbook."""
    return CHAPTERS.get(request.endpoint or "") or CHAPTERS.get(section)
