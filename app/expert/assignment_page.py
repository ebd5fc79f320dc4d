"""The page of an assignment, by its stage: answering, checking, thanks or published; and the expert's replies."""

from collections.abc import Callable
from contextlib import suppress
from datetime import date

from flask import abort, request
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from ..answers import assigning, editing, translating, writing
from ..answers.models import DECLINE_REASONS, AnswerText, Assignment
from ..core.actors import Expert
from ..core.domain_errors import InvalidTransition, MissingPrecondition, VersionConflict
from ..editions import archive
from ..editions.archive import story_path
from ..editions.items import block_from
from ..text.diff import changes, compare
from ..web import errors
from ..web.error_sentences import format_error
from .access import Visit, assignment_route, change, page, to_assignment, visit
from .writing_page import (
    OVER,
    answer_page,
    draft_counts_json,
    find_unseen_drafts,
    keep,
    new_tab,
    other_texts,
    sheets_of,
)


def check_page(
    context: Visit,
    status: int = 200,
    reply: str | None = None,
    errors: dict[str, str] | None = None,
    template: str = "check",
) -> Response:
    task, session = context.task, context.session
    text = session.get_one(AnswerText, task.check.text_id if task.check else context.answer.text_id)
    before = editing.submitted_text(session, context.answer) or text
    drafts = writing.drafts_of(session, task.assignment, "reply")
    translations = translating.list_shown_in_check(session, context.answer, task.check) if task.check else []
    return page(
        context,
        template,
        status,
        text=text,
        original_text=before,
        pairs=compare(before.body, text.body),
        changes=changes(before.body, text.body),
        block=context.as_it_would_run(text.body),
        runs_at=context.runs_at,
        translations=translations,
        read_translations=request.form.getlist("translation"),
        reply=reply if reply is not None else (drafts[0].body if drafts else ""),
        tab=new_tab(),
        known_drafts=draft_counts_json(drafts),
        source=drafts[0].tab if drafts else "",
        saved_at=drafts[0].saved_at if drafts and reply is None else None,
        objects=request.form.get("outcome") == "wrong",
        errors=errors or {},
    )


@assignment_route("/check", "POST")
def settle(**way: str) -> Response:
    """Settle the quote check: the text is right, or something is wrong.

    If the expert agrees but has written a reply, or has another reply on another page, it first asks which is meant.
    Answers that the check's policy doesn't offer are refused.
    """
    outcome, reply = request.form.get("outcome", ""), request.form.get("reply", "").strip()
    number, seen = request.form.get("number", 0, int), request.form.getlist("translation")

    def verb(found: Visit) -> str:
        written = "\n\n".join(
            filter(None, [reply, *(draft.body for draft in find_unseen_drafts(found, reply, "reply"))])
        )
        if "sure" not in request.form and written != (reply if outcome == "wrong" else ""):
            keep(found)
            return written
        said = reply if outcome == "wrong" else ""
        editing.settle_check(found.session, found.actor, found.answer, outcome, said, number, seen)
        return ""

    try:
        if written := change(way, verb):
            with visit(way) as found:
                return check_page(found, 409, written, template="which")
    except MissingPrecondition as error:
        return _rerender_check(way, 400, {"reply": format_error(error)})
    except VersionConflict:
        return _rerender_check(
            way, 409, {"changes": _("The text has changed since you opened this page. Please look again.")}
        )
    except InvalidTransition:
        if reply:
            with suppress(InvalidTransition):
                change(way, keep)
        raise
    return to_assignment(way)


def _rerender_check(view_args: dict[str, str], status: int, errors: dict[str, str]) -> Response:
    with visit(view_args) as found:
        return check_page(found, status, request.form.get("reply", ""), errors)


@assignment_route("", "GET")
def assignment(**way: str) -> Response:
    with visit(way) as found:
        return PAGES[found.task.stage](found)


@assignment_route("/<any(draft, preview, send, accept, decline, suggest, ask, 'take-back', check, report):verb>", "GET")
def back(verb: str, **way: str) -> Response:
    """Redirect to the page. Browsers that restore a tab request the address of its last POST."""
    return to_assignment(way)


def _thanks(context: Visit) -> Response:
    """Show the text as it was submitted, or once it was passed, as it will run."""
    newest = context.session.get_one(AnswerText, context.answer.text_id)
    sent = editing.submitted_text(context.session, context.answer) or newest
    text = newest if context.task.stage in ("passed", "approved") else sent
    return page(
        context,
        "thanks",
        text=text,
        block=context.as_it_would_run(text.body),
        runs_at=context.runs_at,
        other_sheets=other_texts(sheets_of(context), text.body, sent.body),
        replies=[
            one for one in writing.drafts_of(context.session, context.task.assignment, "reply") if one.body.strip()
        ],
    )


def published_page(context: Visit, status: int = 200, body: str = "", errors: dict[str, str] | None = None) -> Response:
    """Show the published Q&A without the line about who asked: experts never learn readers' names from us."""
    newsletter, question = context.task.newsletter, context.task.assignment.question
    story = archive.story(context.session, newsletter, question.public_id)
    if story is None:
        abort(404)
    item, edition = story
    return page(
        context,
        "published",
        status,
        block=block_from(item),
        published_at=edition.runs_at,
        path=story_path(newsletter, question),
        body=body,
        errors=errors or {},
    )


def _ended_page(context: Visit) -> Response:
    return page(context, "ended")


PAGES: dict[str, Callable[[Visit], Response]] = {
    "answer": answer_page,
    "check": check_page,
    "sent": _thanks,
    "edited": _thanks,
    "passed": _thanks,
    "approved": _thanks,
    "published": published_page,
    "retracted": _ended_page,
    "held over": _ended_page,
    "declined": _ended_page,
    "cancelled": _ended_page,
}


Saying = Callable[[Session, Expert, Assignment, str], None]


@assignment_route("/accept", "POST")
def accept(**way: str) -> Response:
    change(way, lambda found: assigning.accept(found.session, found.actor, found.task.assignment))
    return to_assignment(way, said="accept")


@assignment_route("/decline", "POST")
def decline(**way: str) -> Response:
    reason, until = request.form.get("reason", ""), _date(request.form.get("until", ""))
    if reason not in DECLINE_REASONS:
        return _rerender_answer(way, {"reason": _("Say in a few words why.")})
    said = request.form.get("note", "")

    def verb(found: Visit) -> None:
        assigning.decline(found.session, found.actor, found.task.assignment, reason, until, said)

    try:
        change(way, verb)
    except MissingPrecondition as error:
        return _rerender_answer(way, {"until": format_error(error)}, request.form.get("until", ""))
    return to_assignment(way)


@assignment_route("/suggest", "POST")
def suggest(**way: str) -> Response:
    return _say(way, assigning.suggest, "colleague")


@assignment_route("/ask", "POST")
def ask_back(**way: str) -> Response:
    try:
        return _say(way, assigning.ask_back, "back", _("There is no question yet."))
    except assigning.AskedEnough as error:
        return _rerender_answer(way, {"back": format_error(error)})


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


def _say(view_args: dict[str, str], verb: Saying, field: str, missing: str = "") -> Response:
    """Send a line from the expert to the desk. Both forms call it `note`, so that a rejected one is shown again."""
    note = request.form.get("note", "")
    try:
        change(view_args, lambda found: verb(found.session, found.actor, found.task.assignment, note))
    except MissingPrecondition as error:
        return _rerender_answer(view_args, {field: missing or format_error(error)})
    except InvalidTransition:
        return errors.render_error(409, message=OVER)
    return to_assignment(view_args, said=request.path.rpartition("/")[2])


def _rerender_answer(view_args: dict[str, str], faults: dict[str, str], away_until: str = "") -> Response:
    with visit(view_args) as found:
        typed = request.form.get("note", "")
        return answer_page(found, None, 400, errors=faults, note=typed, free_from=away_until)


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
