"""A letter of the desk to an expert, in the thread of the assignment."""

from flask import request
from werkzeug.wrappers import Response

from ...answers.desk_letters import write_to
from ..frame import Desk, editor
from ..questions.question_page import attempt
from .invitation_page import ADDRESS, the_assignment


@editor.press(f"{ADDRESS}/write", "prepare")
def assignment_write(slug: str, public_id: str, assignment_id: str) -> Response | tuple[str, int]:
    """It waits for a moment in the outbox, where it can be stopped. Readers' words in it have to be looked at first."""
    body = request.form.get("letter", "")

    def fn(desk: Desk) -> None:
        write_to(desk.session, desk.actor, the_assignment(desk, public_id, assignment_id), body)

    return attempt(slug, public_id, fn, "who")
