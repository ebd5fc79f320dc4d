"""A letter and what looks like it: one press joins the two, one says that they are not the same."""

from typing import Any

from flask import request
from flask_babel import gettext as _

from ...letters.look_alike_flags import look_again
from ...letters.models import Letter
from ...questions import moves as questions
from ...questions.models import Question
from ...questions.queries import lead_of
from ...search.verdicts import verdict
from ...workflows.letters.endings import end_letter
from ..conflict import check_unchanged
from ..frame import Desk, found
from .letter_look_alikes import of, row_of
from .letter_pages import Done, address_of, go_on, letter_address, letter_press, of_reader


@letter_press("alike")
def letter_alike(desk: Desk, one: Letter) -> Done:
    """Join the two where they are the same; where they are not, remember that."""
    same = request.form.get("same") == "yes"
    check_unchanged(desk, of_reader(desk, one))
    other: Any = found(row_of(desk, request.form.get("with", "")))
    found(other if other is not one else None)  # a letter is no look-alike of itself
    noted = _remember(desk, one, request.form.get("pair", ""), same)
    if same:
        return _joined(desk, one, other)
    words = _("They are not the same, and are not shown to each other again.")
    return Done(
        letter_address(desk, one), words if noted else _("They don’t look alike any more: there was nothing to note.")
    )


def _remember(desk: Desk, one: Letter, pair_shown: str, same: bool) -> bool:
    """Note the desk's word on the two, from which the cut-off is learned; tells whether they look alike."""
    pair = next((each for each in of(desk, one) if f"{each.noun}.{each.noun_id}" == pair_shown), None)
    if pair is None:
        return False
    verdict(desk.session, desk.actor, ("letter", one.id), pair.key, same, pair.score, pair.matcher)
    if not same:
        look_again(desk.session, [one.id, *([pair.noun_id] if pair.noun == "letter" else [])])
    return True


def _joined(desk: Desk, one: Letter, other: Any) -> Done:
    session, actor = desk.session, desk.actor
    if isinstance(other, Letter):
        behind = session.get(Question, other.question_id) if other.is_filed and other.question_id else None
        if behind is None:
            of_reader(desk, other)
            question = questions.open_question(session, actor, sorted((one, other), key=lambda letter: letter.id))
            return Done(go_on(desk, one), _("The two are one question now."), address_of(desk, question))
        other = behind
    question = lead_of(session, other)
    if question.is_published:
        end_letter(session, actor, one, "answered", question)
        return Done(go_on(desk, one), _("Answered with what ran."))
    questions.join(session, actor, question, [one])
    return Done(go_on(desk, one), _("It stands behind the question now."), address_of(desk, question))
