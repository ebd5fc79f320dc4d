"""The form for an answer that an expert gave elsewhere, e.g. by phone or on paper, with its channel and its day."""

from flask import request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from ...answers import writing
from ...answers.models import Assignment
from ...core.domain_errors import MissingPrecondition
from ...db.session import now
from ...web.formatting import zone
from ..form_fields import parse_day
from ..frame import RequestContext, editor, page, read_context, run_in_transaction
from ..letter_labels import CHANNELS, CHANNELS_BY_HAND
from ..questions.question_page import redirect_to_question
from .invitation_page import ASSIGNMENT_RULE, FormRejected, require_assignment


@editor.restricted_page(f"{ASSIGNMENT_RULE}/answer", permission="edit")
def answer_by_hand(slug: str, public_id: str, assignment_id: str) -> str:
    with read_context(slug) as desk:
        assignment = require_assignment(desk, public_id, assignment_id)
        today = now(desk.session).astimezone(zone()).date().isoformat()
        return _render_form(desk, assignment, {"channel": "messenger", "given_on": today}, {})


@editor.action(f"{ASSIGNMENT_RULE}/answer", permission="edit")
def answer_enter(slug: str, public_id: str, assignment_id: str) -> Response | tuple[str, int]:
    """Store an answer that an expert gave elsewhere, in the expert's name."""
    form_data = request.form.to_dict()

    def fn(desk: RequestContext) -> None:
        given_on = parse_day(form_data.get("given_on", ""))
        if given_on is None or given_on > now(desk.session).astimezone(zone()).date():
            raise FormRejected(given_on=_("Give the day as a date that isn’t in the future"))
        if form_data.get("channel") not in CHANNELS_BY_HAND:
            raise FormRejected(channel=_("Say how it came"))
        content = writing.AnswerContent(
            form_data.get("body", ""), form_data.get("ties", ""), own_words=bool(form_data.get("own_words"))
        )
        assignment = require_assignment(desk, public_id, assignment_id)
        try:
            writing.enter_by_hand(desk.session, desk.actor, assignment, content, form_data["channel"], given_on)
        except MissingPrecondition:
            raise FormRejected(body=_("Write down the answer")) from None

    try:
        run_in_transaction(slug, fn)
    except FormRejected as error:
        with read_context(slug) as desk:
            return _render_form(desk, require_assignment(desk, public_id, assignment_id), form_data, error.faults), 422
    return redirect_to_question(slug, public_id)


def _render_form(
    desk: RequestContext, assignment: Assignment, form_data: dict[str, str], faults: dict[str, str]
) -> str:
    channels = [(key, CHANNELS[key]) for key in CHANNELS_BY_HAND]
    values = {
        "assignment": assignment,
        "question": assignment.question,
        "form_data": form_data,
        "faults": faults,
        "channels": channels,
    }
    return page(desk, "editor/answers/by_hand.html", "questions", **values)
