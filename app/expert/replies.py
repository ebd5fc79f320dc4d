"""An expert's replies besides the answer: yes, not now, somebody else, a question back, and what is wrong in
print."""

from collections.abc import Callable
from datetime import date

from flask import request
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from ..answers import assigning, writing
from ..answers.models import DECLINE_REASONS, Assignment
from ..core.actors import Expert
from ..core.state_machine import InvalidTransition, MissingPrecondition
from ..web import errors
from .access import Visit, assignment_route, change, to_assignment, visit
from .assignment_page import published_page
from .writing_page import OVER, answer_page

Saying = Callable[[Session, Expert, Assignment, str], None]


@assignment_route("/accept", "POST")
def accept(**way: str) -> Response:
    change(way, lambda found: assigning.accept(found.session, found.actor, found.task.assignment))
    return to_assignment(way, said="accept")


@assignment_route("/decline", "POST")
def decline(**way: str) -> Response:
    reason, until = request.form.get("reason", ""), _date(request.form.get("until", ""))
    if reason not in DECLINE_REASONS:
        return _rerender(way, {"reason": _("Say in a few words why.")})
    said = request.form.get("note", "")

    def verb(found: Visit) -> None:
        assigning.decline(found.session, found.actor, found.task.assignment, reason, until, said)

    try:
        change(way, verb)
    except MissingPrecondition:
        return _rerender(way, {"until": _("Give a day that is still to come.")}, request.form.get("until", ""))
    return to_assignment(way)


@assignment_route("/suggest", "POST")
def suggest(**way: str) -> Response:
    return _say(way, assigning.suggest, "colleague", _("Say who it is."))


@assignment_route("/ask", "POST")
def ask_back(**way: str) -> Response:
    try:
        return _say(way, assigning.ask_back, "back", _("There is no question yet."))
    except assigning.AskedEnough:
        enough = _(
            "You have asked as often as the desk can answer in a day. Send this one tomorrow, or reply to our mail."
        )
        return _rerender(way, {"back": enough})


@assignment_route("/take-back", "POST")
def take_back(**way: str) -> Response:
    change(way, lambda found: writing.take_back(found.session, found.actor, found.task.assignment))
    return to_assignment(way, said="take-back")


@assignment_route("/report", "POST")
def report(**way: str) -> Response:
    body = request.form.get("body", "")
    try:
        change(way, lambda found: writing.report_error(found.session, found.actor, found.task.assignment, body))
    except MissingPrecondition:
        with visit(way) as found:
            return published_page(found, 400, body, {"body": _("Say what is wrong, so that it can be put right.")})
    return to_assignment(way, said="report")


def _say(view_args: dict[str, str], verb: Saying, field: str, missing: str) -> Response:
    """One line of the expert's to the desk; both forms call it `note`, so that it is kept when something goes wrong."""
    note = request.form.get("note", "")
    try:
        change(view_args, lambda found: verb(found.session, found.actor, found.task.assignment, note))
    except MissingPrecondition:
        return _rerender(view_args, {field: missing})
    except InvalidTransition:
        return errors.render_error(409, message=OVER)
    return to_assignment(view_args, said=request.path.rpartition("/")[2])


def _rerender(view_args: dict[str, str], faults: dict[str, str], away_until: str = "") -> Response:
    with visit(view_args) as found:
        typed = request.form.get("note", "")
        return answer_page(found, None, 400, errors=faults, note=typed, free_from=away_until)


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
