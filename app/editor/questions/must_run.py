"""By when a question must run, set on the question's own page; the builder sets it too, and warns of it."""

from flask import request
from werkzeug.wrappers import Response

from ...lifecycle import Missing
from ...questions import must_run_by
from ..conflict import as_shown
from ..form_values import typed_day
from ..frame import Desk, editor
from .question_page import decide, the_question


@editor.press("/<slug>/questions/<public_id>/must-run-by", "word")
def question_must_run_by(slug: str, public_id: str) -> Response | tuple[str, int]:
    typed = request.form.get("by", "").strip()
    by = typed_day(typed)

    def fn(desk: Desk) -> None:
        question = as_shown(desk, the_question(desk, public_id), "must_run_by")
        if typed and by is None:
            raise Missing("date to come")
        must_run_by.must_run_by(desk.session, desk.actor, question, by)

    return decide(slug, public_id, fn, anchor="about")
