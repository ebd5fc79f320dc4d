"""The quote check: the edited text beside what the expert sent, and what they say to it."""

from flask import request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from ..answers import editing, writing
from ..answers.diff import changes, compare
from ..answers.models import AnswerText
from ..lifecycle import Missing, Stale
from .access import Visit, at, change, page, to_assignment, visit
from .writing_page import new_tab


def check_page(
    found: Visit, status: int = 200, reply: str | None = None, errors: dict[str, str] | None = None
) -> Response:
    task, session = found.task, found.session
    text = session.get_one(AnswerText, task.check.text_id if task.check else found.answer.text_id)
    before = editing.submitted_text(session, found.answer) or text
    drafts = writing.drafts_of(session, task.assignment, "reply")
    return page(
        found,
        "check",
        status,
        text=text,
        before=before,
        pairs=compare(before.body, text.body),
        changes=changes(before.body, text.body),
        block=found.as_it_would_run(text.body),
        runs_at=found.runs_at,
        reply=reply if reply is not None else (drafts[0].body if drafts else ""),
        tab=new_tab(),
        source=drafts[0].tab if drafts else "",
        saved_at=drafts[0].saved_at if drafts and reply is None else None,
        errors=errors or {},
    )


@at("/check", "POST")
def settle(**way: str) -> Response:
    """Say that the edited text is right, or what is wrong with it. Only what the policy offers is taken."""
    outcome, reply = request.form.get("outcome", ""), request.form.get("reply", "")
    number = request.form.get("number", 0, int)

    def verb(found: Visit) -> None:
        said = reply if outcome == "wrong" else ""
        editing.settle_check(found.session, found.actor, found.answer, outcome, said, number)

    try:
        change(way, verb)
    except Missing:
        return _again(way, 400, {"reply": _("Say what is wrong, so that it can be put right.")})
    except Stale:
        return _again(way, 409, {"changes": _("The text has changed since you opened this page. Please look again.")})
    return to_assignment(way)


def _again(way: dict[str, str], status: int, errors: dict[str, str]) -> Response:
    with visit(way) as found:
        return check_page(found, status, request.form.get("reply", ""), errors)
