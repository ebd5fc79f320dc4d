"""The frame around every page of the desk, and how its views reach the data: through the actor, or not at all."""

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
from ..forms import form_drafts, press_keys
from ..newsletters.models import Newsletter
from ..newsletters.queries import AtDesks, at_desks, by_slug
from ..people.sessions import Who, find_session
from ..web import errors
from ..web.setup import db, newsletter_or_404, or_404
from .sidebar import Sidebar, load_sidebar, next_edition_summary, sections

T = TypeVar("T")
P = ParamSpec("P")
View = TypeVar("View", bound=Callable[..., Any])
Acts = str | dict[str, str]


class DeskBlueprint(Blueprint):
    """The desk's addresses. Each that takes a press says at its declaration which act of `permissions` the press is, so
    that whoever may not press hears the same, however things stand, and isn't offered the button; and so does a page
    that is of use only to whoever may press on it.
    """

    def __init__(self) -> None:
        super().__init__("editor", __name__)
        self.acts: dict[str, Acts] = {}

    def press(self, rule: str, act: Acts) -> Callable[[View], View]:
        """Declare a view that takes POST, and its act; where one address takes several presses, an act for each last
        word of it, and that of all others under "".
        """

        def declare(view: View) -> View:
            self.acts[f"editor.{view.__name__}"] = act
            return self.post(rule)(view)

        return declare

    def sheet(self, rule: str, act: str, endpoint: str = "") -> Callable[[View], View]:
        """Declare a page that is there only for whoever may do an act: a form to fill in, mostly."""

        def declare(view: View) -> View:
            name = endpoint or view.__name__
            self.acts[f"editor.{name}"] = act
            return self.get(rule, endpoint=name)(view)

        return declare

    def act_of(self, endpoint: str, path: str) -> str:
        """Return the act behind an address that takes a press. Raises KeyError for one that was declared without."""
        act, last = self.acts[endpoint], path.rpartition("/")[2]
        return act if isinstance(act, str) else act[last if last in act else ""]


editor = DeskBlueprint()
SIGNED_OUT = errors.ErrorMessage(
    _l("You aren’t signed in any more"),
    _l("This browser was signed out, or its time is over. Nothing was filed, saved or changed."),
    _l("Sign in: that leads back to the page. Then do it again there."),
)
READS = ("GET", "HEAD")
LANGUAGES = ("en",)  # what the desk speaks; the readers' and experts' pages have their own


@dataclass(frozen=True)
class RequestContext:
    """A newsletter's desk for the person at it: a session, an actor to load rows through, all their desks."""

    session: Session
    actor: Staff
    newsletter: Newsletter
    newsletters: Sequence[Newsletter] = ()
    asked: dict[str, Any] = field(default_factory=dict, compare=False)  # what was asked for this page already

    def may(self, act: str) -> bool:
        return may(self.actor, act)


@editor.before_request
def only_staff() -> Response | None:
    """The door is closed: whoever is not signed in as staff gets to the way in, and back from there."""
    if request.method in READS:
        g.look = _look
    if not current_user.is_authenticated or current_user.door != "desk":
        back = request.full_path.rstrip("?") if request.method == "GET" else page_of_form()
        if request.method == "POST":
            g.back = (url_for("entrance.ask", to="desk", next=back), _("Sign in"))
            return errors.render_error(403, message=SIGNED_OUT)
        return redirect(url_for("entrance.ask", to="desk", next=back), code=303)
    if current_user.is_half:
        back = request.full_path.rstrip("?") if request.method == "GET" else page_of_form()
        return redirect(url_for("entrance.second", next=back), code=303)
    g.language = current_user.language if current_user.language in LANGUAGES else LANGUAGES[0]
    slug = (request.view_args or {}).get("slug")
    if request.method == "POST" and slug:
        with read_context(slug):  # whoever may not press hears so before the form is looked at
            pass
    return None


@editor.errorhandler(CSRFError)
def handle_csrf_error(error: CSRFError) -> Response:
    """The page lay open for too long: what was typed is shown, with the way back to where it was typed."""
    g.language = LANGUAGES[0]
    g.back = (page_of_form(), _("Open the page again"))
    return errors.render_error(400)


def page_of_form() -> str:
    """Return where the form stands that was sent: no browser tells us, so it is the nearest page at or above its
    address.
    """
    pages, sent = current_app.create_url_adapter(request), request.view_args or {}
    path = request.path
    while pages and path.count("/") > 2:  # below the start of the desk
        with suppress(HTTPException):
            endpoint, values = pages.match(path, method="GET")
            if values.items() <= sent.items():  # not a word of the address that reads as the number of a row
                narrowed = request.query_string.decode("ascii", "ignore")  # as it was: a list's filters, say
                return url_for(endpoint, **values) + (f"?{narrowed}" if narrowed else "")
        path = path.rpartition("/")[0]
    return url_for("editor.home", slug=sent["slug"]) if "slug" in sent else url_for("editor.start")


@dataclass(frozen=True)
class Looked:
    """The session in which it was looked who opens a page, which the page goes on in, and where they may work."""

    opened: ExitStack
    session: Session
    desks: AtDesks


def _look(token: str) -> Who | None:
    """Find who opens a page and the desks at which they work, in the transaction in which the page itself is read."""
    with ExitStack() as stack:
        session = stack.enter_context(db.read())
        found = find_session(session, token)
        if found is None:
            return None
        desks = at_desks(session, found[0].id)
        g.looked = Looked(stack.pop_all(), session, desks)
        return found


@editor.teardown_request
def _leave(_error: BaseException | None) -> None:
    """Close what nobody went on in: whoever was led elsewhere."""
    if looked := g.pop("looked", None):
        looked.opened.close()


def _enter(session: Session, slug: str, memberships: AtDesks) -> RequestContext:
    desks = {desk[0].slug: desk for desk in memberships}
    if slug not in desks:  # it had this name before, or somebody else works there
        newsletter = or_404(by_slug(session, slug))
        newsletter_or_404(slug, newsletter if newsletter.slug in desks else None)
    newsletter, name, role = desks[slug]
    looked_at = frozenset(request.form.get("looked", "").splitlines())
    actor = Staff(current_user.person_id, name, newsletter.id, role, current_user.proved_at, looked_at)
    if request.method == "POST" or request.endpoint in editor.acts:
        must(actor, editor.act_of(request.endpoint or "", request.path))
    g.zone = newsletter.zone
    g.back = (url_for("editor.home", slug=slug), _("Back to the desk"))
    desk = RequestContext(session, actor, newsletter, [one for one, *_rest in desks.values()])
    g.desk, g.may = desk, desk.may
    return desk


@editor.app_template_global("may")
def _has_permission(act: str) -> bool:
    """Return whether whoever looks at the page may do an act. Elsewhere than at the desk nobody may."""
    return "may" in g and bool(g.may(act))


@editor.app_template_global("may_press")
def _may_press(address: str) -> bool:
    """Return whether a form that is sent to an address is to be shown: at the desk only to whoever may do its act."""
    path = urlsplit(address).path.removeprefix(request.script_root)
    if "pages" not in g:
        g.pages = current_app.create_url_adapter(request)
    endpoint = g.pages.match(path, method="POST")[0] if g.pages else ""
    return endpoint not in editor.acts or _has_permission(editor.act_of(endpoint, path))


@contextmanager
def read_context(slug: str) -> Iterator[RequestContext]:
    """The desk of a newsletter for a page that only reads. 404 for a stranger."""
    looked: Looked | None = g.pop("looked", None)
    if looked is None:
        with db.read() as session:
            yield _enter(session, slug, at_desks(session, current_user.person_id))
        return
    with looked.opened:
        yield _enter(looked.session, slug, looked.desks)


def run_in_transaction(slug: str, fn: Callable[[RequestContext], T]) -> T:
    """Run one change in a transaction. It may run twice after a lost race, so `fn` has no other effect.

    The first change of a request takes the key of its press in the same transaction, and with what was sent goes the
    draft of its form. Raises `Twice` where the very same press was taken before.
    """

    def once(session: Session) -> T:
        desk = _enter(session, slug, at_desks(session, current_user.person_id))
        if "press" in g and not g.get("taken"):
            press_keys.claim_idempotency_key(session, desk.actor, g.press)
            form_drafts.drop_sent(session, desk.actor, request.form.get("draft", "").partition(".")[0], g.press.form)
        return fn(desk)

    done = db.write(once)
    g.taken = "press" in g
    return done


def rerender(
    slug: str, status: int, draw: Callable[Concatenate[RequestContext, P], str], *args: P.args, **values: P.kwargs
) -> tuple[str, int]:
    """Answer a form that couldn't be taken with its page, drawn anew as things stand after the change was undone."""
    with read_context(slug) as desk:
        return draw(desk, *args, **values), status


def require_row(desk: RequestContext, row: T | None, endpoint: str, public_id: str, link_text: str) -> T:
    """A row that was loaded through the actor, or 404. An error page leads back to the row's own, in these words."""
    one = or_404(row)
    g.back = (url_for(endpoint, slug=desk.newsletter.slug, public_id=public_id), link_text)
    return one


def unknown(desk: RequestContext, name: str, endpoint: str) -> None:
    """Answer an address that was typed wrong; what was typed isn't repeated, only where it stood."""
    words = errors.ErrorMessage(
        _("There is no such list"),
        _("The part “%(name)s” of the address is nothing that this list can be narrowed by.", name=name[:20]),
        _("Check the address, or begin with the whole list."),
    )
    g.back = (url_for(endpoint, slug=desk.newsletter.slug), _("To the whole list"))
    abort(errors.render_error(404, message=words))


def look_around(desk: RequestContext) -> Sidebar:
    """Return what stands around the page, loaded once for each page."""
    if "around" not in desk.asked:
        desk.asked["around"] = load_sidebar(desk.session, desk.actor)
    found: Sidebar = desk.asked["around"]
    return found


def page(desk: RequestContext, template: str, section: str, **values: Any) -> str:
    """Render a page of the desk inside its frame."""
    here = look_around(desk)
    return render_template(
        template,
        newsletter=desk.newsletter,
        newsletters=desk.newsletters,
        sections=sections(desk.newsletter, here.numbers),
        section=section,
        next_edition=next_edition_summary(desk.newsletter, here.edition) if here.edition else None,
        user={"name": desk.actor.name, "role": role_label(desk.actor.role)},
        actor=desk.actor,
        **values,
    )


def role_label(role: str) -> str:
    return gettext(ROLES[role].label)


editor.app_template_filter("headline")(headline)
editor.app_template_filter("sent_headline")(sent_headline)


def announce(message: str, *, href: str = "", label: str = "", undo: str = "", return_url: str = "") -> None:
    """Say it above the next page that is shown: `label` is a link to `href`; `undo` is the press to take back, and
    `return_url` where that leads to.
    """
    said: dict[str, str] = {"text": message, "href": href, "label": label, "undo": undo, "back": return_url}
    flash(said)  # type: ignore[arg-type]  # it keeps in the session what JSON can say
    g.announced = [*g.get("announced", []), said]  # for whoever sends the very same press again


# By the page's endpoint, or else by its section.
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
    """Return the place in the handbook for the page that is shown; None, its beginning, for a page without one."""
    return CHAPTERS.get(request.endpoint or "") or CHAPTERS.get(section)
