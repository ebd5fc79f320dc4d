"""The quote check: the edited text beside what the expert sent, and what they say to it."""

from contextlib import suppress

from flask import request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from ..answers import editing, translating, writing
from ..answers.models import AnswerText
from ..core.state_machine import InvalidTransition, MissingPrecondition, VersionConflict
from ..text.diff import changes, compare
from .access import Visit, assignment_route, change, page, to_assignment, visit
from .writing_page import draft_counts_json, find_unseen_drafts, keep, new_tab


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
    translations = translating.shown_in_check(session, context.answer, task.check) if task.check else []
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
    """Say that the edited text is right, or what is wrong with it. Only what the policy offers is taken, and where both
    was said it is asked which of the two is meant.
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
    except MissingPrecondition:
        return _rerender(way, 400, {"reply": _("Say what is wrong, so that it can be put right.")})
    except VersionConflict:
        return _rerender(
            way, 409, {"changes": _("The text has changed since you opened this page. Please look again.")}
        )
    except InvalidTransition:
        if reply:
            with suppress(InvalidTransition):
                change(way, keep)
        raise
    return to_assignment(way)


def _rerender(view_args: dict[str, str], status: int, errors: dict[str, str]) -> Response:
    with visit(view_args) as found:
        return check_page(found, status, request.form.get("reply", ""), errors)
