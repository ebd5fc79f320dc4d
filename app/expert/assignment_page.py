"""The page of an assignment, by its stage: answering, checking, thanks or published; and the expert's replies."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import date

from flask import abort, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from ..answers import assigning, editing, objections, translating, writing
from ..answers.models import DECLINE_REASONS, AnswerText, Assignment
from ..core.actors import ExpertActor
from ..core.domain_errors import InvalidTransition, MissingPrecondition, VersionConflict
from ..editions import archive
from ..editions.archive import story_path
from ..editions.items import block_from
from ..editions.models import Edition
from ..text.diff import changes, compare
from ..typesetting.renderers import to_styled_text
from ..web import errors
from ..web.draft_counts import get_known_counts, get_submitted_count
from ..web.error_sentences import format_error
from .access import AssignmentContext, assignment_route, read_context, render_page, run_in_transaction, to_assignment
from .writing_page import (
    OVER,
    answer_page,
    find_unseen_drafts,
    list_other_sheets,
    list_sheets,
    new_tab,
    save_submitted_draft,
)


def check_page(
    context: AssignmentContext,
    status: int = 200,
    reply: str | None = None,
    errors: dict[str, str] | None = None,
    template: str = "check",
) -> Response:
    """Render the page of the quote check. `reply` replaces the newest draft of a reply."""
    task, session = context.task, context.session
    text = session.get_one(AnswerText, task.check.text_id if task.check else context.answer.text_id)
    submitted = writing.submitted_text(session, context.answer) or text
    drafts = writing.drafts_of(session, task.assignment, "reply")
    newest_reply = drafts[0].body if drafts else ""
    if template == "which":
        known_counts = {draft.tab: draft.count for draft in drafts}  # the page shows all of them
    elif reply is None:
        known_counts = {draft.tab: draft.count for draft in drafts[:1]}
    else:
        known_counts = {**get_known_counts(), request.form.get("tab", ""): get_submitted_count()}
    translations = translating.list_shown_in_check(session, context.answer, task.check) if task.check else []
    return render_page(
        context,
        template,
        status,
        text=text,
        original_text=submitted,
        pairs=compare(to_styled_text(submitted.body), to_styled_text(text.body)),
        changes=changes(to_styled_text(submitted.body), to_styled_text(text.body)),
        block=context.preview_text(text.body),
        runs_at=context.runs_at,
        translations=translations,
        read_translations=request.form.getlist("translation"),
        reply=newest_reply if reply is None else reply,
        tab=new_tab(),
        known_drafts=json.dumps(known_counts),
        source=drafts[0].tab if drafts else "",
        saved_at=drafts[0].saved_at if drafts and reply is None else None,
        objects=request.form.get("outcome") == "wrong",
        errors=errors or {},
    )


@assignment_route("/check", "POST")
def settle(**view_args: str) -> Response:
    """Settle the quote check: the text is right, or something is wrong.

    If the expert agrees but has written a reply, or has written another reply on another page, ask first which of these
    they mean. An outcome that the check's policy doesn't offer is refused.
    """
    outcome = request.form.get("outcome", "")
    reply = request.form.get("reply", "").strip()
    number = request.form.get("number", 0, int)
    read_translations = request.form.getlist("translation")
    reply_to_send = reply if outcome == "wrong" else ""

    def settle_or_keep(context: AssignmentContext) -> str:
        """Settle the check and return "". If a question is needed, save the reply instead and return all replies."""
        unseen_drafts = find_unseen_drafts(context, reply, "reply")
        all_replies = "\n\n".join(filter(None, [reply, *(draft.body for draft in unseen_drafts)]))
        if "sure" not in request.form and all_replies != reply_to_send:
            save_submitted_draft(context)
            return all_replies
        editing.settle_check(
            context.session, context.actor, context.answer, outcome, reply_to_send, number, read_translations
        )
        return ""

    try:
        if replies_to_confirm := run_in_transaction(view_args, settle_or_keep):
            with read_context(view_args) as context:
                return check_page(context, 409, replies_to_confirm, template="which")
    except MissingPrecondition as error:
        return _rerender_check(view_args, 400, {"reply": format_error(error)})
    except VersionConflict:
        return _rerender_check(
            view_args, 409, {"changes": _("The text has changed since you opened this page. Please look again.")}
        )
    except InvalidTransition:
        if reply:
            with suppress(InvalidTransition):
                run_in_transaction(view_args, save_submitted_draft)
        raise
    return to_assignment(view_args)


def _rerender_check(view_args: dict[str, str], status: int, errors: dict[str, str]) -> Response:
    with read_context(view_args) as context:
        return check_page(context, status, request.form.get("reply", ""), errors)


@assignment_route("", "GET")
def assignment(**view_args: str) -> Response:
    with read_context(view_args) as context:
        return PAGES[context.task.stage](context)


@assignment_route("/<any(draft, preview, send, accept, decline, suggest, ask, 'take-back', check, report):verb>", "GET")
def back(verb: str, **view_args: str) -> Response:
    """Redirect a GET of a form's URL to the page. Browsers that restore a tab request the URL of its last POST."""
    return to_assignment(view_args)


# The headings of the page of thanks, by stage.
THANKS = {
    "sent": _l("Thank you. %(name)s has your answer"),
    "edited": _l("Your answer is being edited"),
    "passed": _l("Thank you. It stays as you saw it"),
    "objected": _l("Thank you. %(name)s has your objection"),
    "approved": _l("Thank you. It is ready to run"),
}


STAGES_WITH_EDITED_TEXT = ("passed", "objected", "approved")


def _thanks(
    context: AssignmentContext, status: int = 200, body: str = "", errors: dict[str, str] | None = None
) -> Response:
    """Show the text as submitted or, after the quote check, as it will run. `body` is an objection that was refused."""
    newest_text = context.session.get_one(AnswerText, context.answer.text_id)
    submitted = writing.submitted_text(context.session, context.answer) or newest_text
    text = newest_text if context.task.stage in STAGES_WITH_EDITED_TEXT else submitted
    replies = writing.drafts_of(context.session, context.task.assignment, "reply")
    return render_page(
        context,
        "thanks",
        status,
        is_locked=has_fixed_edition(context),
        body=body,
        errors=errors or {},
        heading=str(THANKS[context.task.stage]) % {"name": context.task.newsletter.editor},
        text=text,
        block=context.preview_text(text.body),
        runs_at=context.runs_at,
        other_sheets=list_other_sheets(list_sheets(context), text.body, submitted.body),
        replies=[reply for reply in replies if reply.body.strip()],
    )


def has_fixed_edition(context: AssignmentContext) -> bool:
    """Return whether the question is in an edition whose contents are fixed."""
    edition_id = context.task.assignment.question.edition_id
    return edition_id is not None and context.session.get_one(Edition, edition_id).is_fixed


def published_page(
    context: AssignmentContext, status: int = 200, body: str = "", errors: dict[str, str] | None = None
) -> Response:
    """Show the published Q&A without the line about who asked: experts never learn readers' names from this page."""
    newsletter, question = context.task.newsletter, context.task.assignment.question
    story = archive.story(context.session, newsletter, question.public_id)
    if story is None:
        abort(404)
    item, edition = story
    return render_page(
        context,
        "published",
        status,
        block=block_from(item),
        published_at=edition.runs_at,
        path=story_path(newsletter, question),
        body=body,
        errors=errors or {},
    )


def ended_page(context: AssignmentContext) -> Response:
    return render_page(context, "ended")


PAGES: dict[str, Callable[..., Response]] = {
    "answer": answer_page,
    "check": check_page,
    **dict.fromkeys(THANKS, _thanks),
    "published": published_page,
    "retracted": ended_page,
    "held over": ended_page,
    "declined": ended_page,
    "cancelled": ended_page,
}


SendNote = Callable[[Session, ExpertActor, Assignment, str], None]  # a verb that sends an expert's note to the desk


@assignment_route("/accept", "POST")
def accept(**view_args: str) -> Response:
    run_in_transaction(
        view_args, lambda context: assigning.accept(context.session, context.actor, context.task.assignment)
    )
    return to_assignment(view_args, said="accept")


@assignment_route("/decline", "POST")
def decline(**view_args: str) -> Response:
    reason = request.form.get("reason", "")
    away_until = request.form.get("until", "")
    note = request.form.get("note", "")
    if reason not in DECLINE_REASONS:
        return _rerender_answer(view_args, {"reason": _("Say in a few words why.")})

    def decline_assignment(context: AssignmentContext) -> None:
        assigning.decline(
            context.session, context.actor, context.task.assignment, reason, _parse_date(away_until), note
        )

    try:
        run_in_transaction(view_args, decline_assignment)
    except MissingPrecondition as error:
        return _rerender_answer(view_args, {"until": format_error(error)}, away_until)
    return to_assignment(view_args)


@assignment_route("/suggest", "POST")
def suggest(**view_args: str) -> Response:
    return _send_note(view_args, assigning.suggest, "colleague")


@assignment_route("/ask", "POST")
def ask_back(**view_args: str) -> Response:
    try:
        return _send_note(view_args, assigning.ask_back, "back", _("There is no question yet."))
    except assigning.TooManyQuestions as error:
        return _rerender_answer(view_args, {"back": format_error(error)})


@assignment_route("/take-back", "POST")
def take_back(**view_args: str) -> Response:
    run_in_transaction(
        view_args, lambda context: writing.take_back(context.session, context.actor, context.task.assignment)
    )
    return to_assignment(view_args, said="take-back")


@assignment_route("/report", "POST")
def report(**view_args: str) -> Response:
    """Tell the desk what is wrong with the text, before it runs or afterwards."""
    body = request.form.get("body", "")
    number = request.form.get("number", None, int)
    try:
        run_in_transaction(
            view_args,
            lambda context: objections.object_to(context.session, context.actor, context.answer, body, number),
        )
    except MissingPrecondition:
        return _rerender_report(view_args, 400, body, _("Say what is wrong, so that it can be put right."))
    except VersionConflict:
        changed = _("The text has changed since you opened this page. Please look again.")
        return _rerender_report(view_args, 409, body, changed)
    return to_assignment(view_args, said="report")


def _rerender_report(view_args: dict[str, str], status: int, body: str, error: str) -> Response:
    with read_context(view_args) as context:
        stage = context.task.stage
        if stage not in (*STAGES_WITH_EDITED_TEXT, "published"):  # it is being edited again, or doesn't run any more
            return errors.render_error(409)
        return PAGES[stage](context, status, body, {"body": error})


def _send_note(view_args: dict[str, str], send_note: SendNote, field: str, missing: str = "") -> Response:
    """Send the submitted `note` to the desk, and show it again if it is rejected.

    `field` names the form that then shows the error: the text `missing`, or else the message of the exception.
    """
    note = request.form.get("note", "")
    try:
        run_in_transaction(
            view_args, lambda context: send_note(context.session, context.actor, context.task.assignment, note)
        )
    except MissingPrecondition as error:
        return _rerender_answer(view_args, {field: missing or format_error(error)})
    except InvalidTransition:
        return errors.render_error(409, message=OVER)
    return to_assignment(view_args, said=request.path.rpartition("/")[2])


def _rerender_answer(view_args: dict[str, str], faults: dict[str, str], away_until: str = "") -> Response:
    with read_context(view_args) as context:
        note = request.form.get("note", "")
        return answer_page(context, status=400, errors=faults, note=note, free_from=away_until)


def _parse_date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
