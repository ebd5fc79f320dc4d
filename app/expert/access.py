"""Access to assignments: by a link that opens a single one, or signed in as its expert."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from flask import Blueprint, g, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from ..answers import expert_tasks
from ..answers.expert_tasks import Task
from ..answers.models import Answer
from ..core.actors import Expert
from ..crypto import signing
from ..editions.items import preview_answer
from ..editions.models import Edition
from ..editions.queries import run_of
from ..people.directory import expert_of
from ..people.models import Expert as Row
from ..text.translation import city
from ..typesetting.block import Block
from ..web import errors
from ..web.formatting import language
from ..web.setup import csrf, db, or_404

expert = Blueprint("expert", __name__)
csrf.exempt(expert)  # links need no cookie; requests of signed-in experts are protected below
PURPOSE = "the forms of an assignment's link"
GOOD_FOR = 90  # days
# Messages after an action. The address carries their keys, since experts with a link have no cookie.
SAID = {
    "accept": _l("Thank you. It is yours now."),
    "suggest": _l("Thank you: we’ll ask them ourselves."),
    "ask": _l("Asked. The answer comes by mail."),
    "take-back": _l("You have your text back. Nobody edits it until you send it again."),
    "beside": _l("Another text of yours came in meanwhile, from another page. It stands under “Earlier drafts”."),
    "report": _l("Thank you. The desk has it, and you will hear what becomes of it."),
}
T = TypeVar("T")
View = Callable[..., Any]


@dataclass(frozen=True)
class Visit:
    """A request of an expert: the session, the actor for the verbs, and the one task that they may see."""

    session: Session
    actor: Expert
    task: Task

    @property
    def edition(self) -> Edition | None:
        """The edition that the answer is for, or None."""
        return run_of(self.session, self.task.assignment)

    @property
    def runs_at(self) -> datetime | None:
        return self.edition.runs_at if self.edition else None

    @property
    def answer(self) -> Answer:
        """The submitted answer. Aborts with 404 if there is none."""
        return or_404(self.task.answer)

    def as_it_would_run(self, body: str, credit_line: str | None = None) -> Block:
        """Return the text as the newsletter would print it, with `credit_line` instead of the stored one if given."""
        row = self.task.assignment
        credit = row.credit_line if credit_line is None else credit_line
        task = self.task
        return preview_answer(self.session, task.newsletter, row, task.text, body, credit, task.readers)


def assignment_route(path: str, method: str) -> Callable[[View], View]:
    """Register a view at both of its addresses: below the assignment's link, and below the expert's own assignments."""

    def add(view: View) -> View:
        for way in ("/a/<token>", "/expert/assignments/<public_id>"):
            expert.add_url_rule(f"{way}{path}", view.__name__, view, methods=[method])
        return view

    return add


def get_signed_in_expert(session: Session) -> Row:
    """Return the profile of the signed-in person. Aborts with 404 if they aren't an expert, or no longer."""
    return or_404(expert_of(session, current_user.person_id))


def me(session: Session) -> Expert:
    """Return the signed-in expert as an actor. Aborts with 404 like `get_signed_in_expert`."""
    row = get_signed_in_expert(session)
    return Expert(row.id, row.name)


@expert.before_request
def only_by_link_or_signed_in() -> Response | None:
    """Redirect visitors without a link to sign in. A POST gets a 403 with the submitted texts instead."""
    way = request.view_args or {}
    if "token" in way:
        return _only_from_its_own_page(way)
    if current_user.is_authenticated and current_user.door == "expert":
        g.language = current_user.language
        csrf.protect()
        return None
    if request.method == "POST":
        return errors.render_error(403, happened=_("You are no longer signed in here; nothing was sent."))
    return redirect(url_for("entrance.ask", to="expert", next=request.path), code=303)


def _only_from_its_own_page(view_args: dict[str, Any]) -> Response | None:
    g.form_proof = signing.create_token(PURPOSE, view_args["token"])
    sent = request.form.get("csrf_token", "") if request.method == "POST" else g.form_proof
    if signing.read_token(sent, PURPOSE, view_args["token"], GOOD_FOR) is not None:
        return None
    with visit(view_args):
        return errors.render_error(400)


def _enter(session: Session, view_args: dict[str, str], few: bool = False) -> Visit:
    if "token" in view_args:
        actor, task = or_404(expert_tasks.load_task_by_link(session, view_args["token"], few))
        g.language = task.newsletter.language
    else:
        actor = me(session)
        task = or_404(expert_tasks.load_task(session, actor, view_args["public_id"], few))
    g.zone = task.newsletter.zone
    g.back = (str(to_assignment(request.view_args or {}).location), _("Back to the question"))
    return Visit(session, actor, task)


@contextmanager
def visit(view_args: dict[str, str]) -> Iterator[Visit]:
    """Yield the assignment at an address, for reading. Aborts with 404 for strangers, and if the link has ended."""
    with db.read() as session:
        yield _enter(session, view_args)


def change(view_args: dict[str, str], fn: Callable[[Visit], T], few: bool = False) -> T:
    """Run one change in a write transaction.

    After a lost race `fn` runs again, so it must have no other side effects. With `few`, only the columns that saving a
    draft needs are loaded (see `expert_tasks`).
    """
    return db.write(lambda session: fn(_enter(session, view_args, few)))


def page(context: Visit, template: str, status: int = 200, **values: Any) -> Response:
    """Render a page of an assignment. The template builds its addresses from `url_params`."""
    html = render_template(
        f"expert/{template}.html",
        newsletter=context.task.newsletter,
        expert_name=context.actor.name,
        signed_in=context.actor.assignment_id is None,
        editor_name=context.task.newsletter.editor,
        city=city(language(), context.task.newsletter.zone),
        url_params=request.view_args,
        task=context.task,
        notice=SAID.get(request.args.get("said", "")),
        **values,
    )
    return make_response(html, status)


def to_assignment(view_args: dict[str, Any], **query: Any) -> Response:
    return redirect(url_for("expert.assignment", **view_args, **query), code=303)
