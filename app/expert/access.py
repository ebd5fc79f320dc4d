"""Access to an assignment: by a link that opens only this one, or by signing in as its expert."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

from flask import Blueprint, g, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from ..answers import expert_tasks
from ..answers.expert_tasks import ExpertTask
from ..answers.models import Answer
from ..answers.schedule import Schedule
from ..core.actors import ExpertActor
from ..crypto import signing
from ..editions.items import preview_answer
from ..editions.schedules import plan_assignment
from ..people.directory import expert_of
from ..people.models import Expert
from ..text.translation import clock
from ..typesetting.block import Block
from ..web import errors
from ..web.formatting import language
from ..web.setup import csrf, db, or_404

expert = Blueprint("expert", __name__)
csrf.exempt(expert)  # because links work without cookies; `check_access` protects all requests
PURPOSE = "the forms of an assignment's link"  # the purpose of their CSRF tokens (see `crypto.signing`)
GOOD_FOR = 90  # days for which these tokens are valid
ADDRESSES = ("/a/<token>", "/expert/assignments/<public_id>")  # with a link, and for signed-in experts
# Messages after an action. Their keys are in the URL, since experts with a link have no cookie.
NOTICES = {
    "accept": _l("Thank you. It is yours now."),
    "suggest": _l("Thank you. We’ll ask them ourselves."),
    "ask": _l("Your question is sent. The answer comes by mail."),
    "take-back": _l("You have your text back. Nobody edits it until you send it again."),
    "report": _l("Thank you. The desk has it, and you will hear what becomes of it."),
}
PAGES_FOR_ALL = {"expert.removal", "expert.remove"}  # endpoints for visitors who aren't signed in, too
T = TypeVar("T")
View = Callable[..., Any]


@dataclass(frozen=True)
class AssignmentContext:
    """The context of a request for an assignment: the session, the expert as an actor, and their task."""

    session: Session
    actor: ExpertActor
    task: ExpertTask

    @cached_property
    def schedule(self) -> Schedule:
        return plan_assignment(self.session, self.task.assignment).schedule

    @property
    def runs_at(self) -> datetime | None:
        return self.schedule.runs_at

    @property
    def answer(self) -> Answer:
        """The submitted answer. Aborts with 404 if there is none."""
        return or_404(self.task.answer)

    def preview_text(self, body: str, credit_line: str | None = None) -> Block:
        """Return the text as the newsletter would print it. `credit_line` replaces the stored one if it isn't None."""
        task = self.task
        if credit_line is None:
            credit_line = task.assignment.credit_line
        return preview_answer(self.session, task.newsletter, task.assignment, task.text, body, credit_line)


def assignment_route(path: str, method: str) -> Callable[[View], View]:
    """Register a view below both addresses of an assignment."""

    def register(view: View) -> View:
        for address in ADDRESSES:
            expert.add_url_rule(f"{address}{path}", view.__name__, view, methods=[method])
        return view

    return register


def get_signed_in_expert(session: Session) -> Expert:
    """Return the signed-in expert. Aborts with 404 if the person isn't an expert, or no longer one."""
    return or_404(expert_of(session, current_user.person_id))


def get_actor(session: Session) -> ExpertActor:
    """Return the signed-in expert as an actor. Aborts with 404 like `get_signed_in_expert`."""
    expert_row = get_signed_in_expert(session)
    return ExpertActor(expert_row.id, expert_row.name)


def has_expert_session() -> bool:
    return bool(current_user.is_authenticated and current_user.door == "expert")


@expert.before_request
def check_access() -> Response | None:
    """Check the CSRF token, and redirect visitors who have no link and aren't signed in to the sign-in page.

    Respond to a POST of such visitors with 403 and the submitted texts.
    """
    view_args = request.view_args or {}
    if "token" in view_args:
        return _check_link_form(view_args)
    if has_expert_session():
        g.language = current_user.language
        csrf.protect()
        return None
    if request.endpoint in PAGES_FOR_ALL:
        errors.use_browser_language(request.args.get("lang", ""))
        return None
    if request.method == "POST":
        return errors.render_error(403, happened=_("You are no longer signed in here; nothing was sent."))
    return redirect(url_for("entrance.sign_in_page", to="expert", next=request.path), code=303)


def _check_link_form(view_args: dict[str, Any]) -> Response | None:
    """Issue a CSRF token for the link, and check the token of a POST.

    Respond to a wrong token with 400, or with 404 if the link is unknown.
    """
    link_token = view_args["token"]
    g.form_proof = signing.create_token(PURPOSE, link_token)
    if request.method != "POST":
        return None
    csrf_token = request.form.get("csrf_token", "")
    if signing.read_token(csrf_token, PURPOSE, link_token, GOOD_FOR) is not None:
        return None
    with read_context(view_args):
        return errors.render_error(400)


def _load_context(session: Session, view_args: dict[str, str], few_columns: bool = False) -> AssignmentContext:
    """Load the assignment. Set the language, time zone and link of error pages for this request."""
    if "token" in view_args:
        actor, task = errors.or_lost_link(expert_tasks.load_task_by_link(session, view_args["token"], few_columns))
        g.language = task.newsletter.language
    else:
        actor = get_actor(session)
        task = or_404(expert_tasks.load_task(session, actor, view_args["public_id"], few_columns))
    g.zone = task.newsletter.zone
    g.back = (str(to_assignment(request.view_args or {}).location), _("Back to the question"))
    return AssignmentContext(session, actor, task)


@contextmanager
def read_context(view_args: dict[str, str]) -> Iterator[AssignmentContext]:
    """Yield the context of the assignment at a URL, for reading.

    Aborts with 404 for other experts, and if the link has expired.
    """
    with db.read() as session:
        yield _load_context(session, view_args)


def run_in_transaction(view_args: dict[str, str], fn: Callable[[AssignmentContext], T], few_columns: bool = False) -> T:
    """Run `fn` in a write transaction and return its result.

    `fn` runs again if the transaction has to be retried, so it must have no side effects outside the session. With
    `few_columns`, only the columns that saving a draft needs are loaded (see `expert_tasks`).
    """
    return db.write(lambda session: fn(_load_context(session, view_args, few_columns)))


def render_own_page(
    template: str, expert_name: str, *, status: int = 200, signed_in: bool = True, **values: Any
) -> Response:
    """Render a page that belongs to an expert and to no newsletter. `expert_name` is "" if nobody is signed in."""
    html = render_template(
        f"expert/{template}.html", newsletter=None, expert_name=expert_name, signed_in=signed_in, **values
    )
    return make_response(html, status)


def render_page(context: AssignmentContext, template: str, status: int = 200, **values: Any) -> Response:
    """Render a page of an assignment. The template builds its URLs from `url_params`."""
    html = render_template(
        f"expert/{template}.html",
        newsletter=context.task.newsletter,
        expert_name=context.actor.name,
        signed_in=context.actor.assignment_id is None,
        editor_name=context.task.newsletter.editor,
        clock=clock(language(), context.task.newsletter.zone),
        url_params=request.view_args,
        task=context.task,
        notice=NOTICES.get(request.args.get("said", "")),
        **values,
    )
    return make_response(html, status)


def to_assignment(view_args: dict[str, Any], **query: Any) -> Response:
    """Redirect to the page of the assignment."""
    return redirect(url_for("expert.assignment", **view_args, **query), code=303)
