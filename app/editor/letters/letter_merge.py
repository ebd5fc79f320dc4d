"""A letter and what looks like it: one press joins the two, one says that they are not the same."""

from typing import Any

from flask import request
from flask_babel import gettext as _

from ...letters.look_alike_flags import look_again
from ...letters.models import Letter
from ...questions import actions as questions
from ...questions.models import Question
from ...questions.queries import lead_of
from ...search.verdicts import record_verdict
from ...workflows.letters.endings import end_letter
from ..conflict import check_unchanged
from ..frame import RequestContext, or_404
from .letter_look_alikes import find_look_alikes, row_of
from .letter_pages import Done, address_of, go_on, letter_address, letter_press, require_reader_letter


@letter_press("alike")
def letter_alike(desk: RequestContext, letter: Letter) -> Done:
    """Join the two where they are the same; where they are not, remember that."""
    same = request.form.get("same") == "yes"
    check_unchanged(desk, require_reader_letter(desk, letter))
    other: Any = or_404(row_of(desk, request.form.get("with", "")))
    or_404(other if other is not letter else None)  # a letter is no look-alike of itself
    noted = _remember(desk, letter, request.form.get("pair", ""), same)
    if same:
        return _join(desk, letter, other)
    words = _("They are not the same, and are not shown to each other again.")
    return Done(
        letter_address(desk, letter),
        words if noted else _("They don’t look alike any more: there was nothing to note."),
    )


def _remember(desk: RequestContext, letter: Letter, pair_shown: str, is_same: bool) -> bool:
    """Note the desk's word on the two, from which the cut-off is learned; tells whether they look alike."""
    pair = next((each for each in find_look_alikes(desk, letter) if f"{each.noun}.{each.noun_id}" == pair_shown), None)
    if pair is None:
        return False
    record_verdict(desk.session, desk.actor, ("letter", letter.id), pair.key, is_same, pair.score, pair.matcher)
    if not is_same:
        look_again(desk.session, [letter.id, *([pair.noun_id] if pair.noun == "letter" else [])])
    return True


def _join(desk: RequestContext, one: Letter, look_alike: Any) -> Done:
    session, actor = desk.session, desk.actor
    if isinstance(look_alike, Letter):
        behind = (
            session.get(Question, look_alike.question_id) if look_alike.is_filed and look_alike.question_id else None
        )
        if behind is None:
            require_reader_letter(desk, look_alike)
            question = questions.open_question(session, actor, sorted((one, look_alike), key=lambda letter: letter.id))
            return Done(go_on(desk, one), _("The two are one question now."), address_of(desk, question))
        look_alike = behind
    question = lead_of(session, look_alike)
    if question.is_published:
        end_letter(session, actor, one, "answered", question)
        return Done(go_on(desk, one), _("Answered with what ran."))
    questions.join(session, actor, question, [one])
    return Done(go_on(desk, one), _("It stands behind the question now."), address_of(desk, question))
