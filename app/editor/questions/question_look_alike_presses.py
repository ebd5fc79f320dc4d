"""A question and what looks like it: one press makes the two one, one says that they are not the same."""

from flask import redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from ...answers import merging_questions
from ...audit import watched
from ...core.state_machine import InvalidTransition, MissingPrecondition
from ...letters.models import Letter
from ...questions import moves as questions
from ...questions import queries
from ...questions.models import Question
from ...search.verdicts import verdict
from ...workflows.letters.endings import close_question
from ..flash import announce
from ..frame import Desk, at_desk, change, editor
from ..letters.letter_look_alikes import row_of
from ..undo_press import way_back
from .form_errors import FIELDS, Tried
from .merge_words import MERGE
from .question_look_alikes import act_of, looked_up, near
from .question_page import question_page, the_question


@editor.press("/<slug>/questions/<public_id>/alike", "word")
def question_alike(slug: str, public_id: str) -> Response | tuple[str, int]:
    """The two are the same, and become one; or they are not, which is remembered.

    Where one ends the other and an expert is behind it, the closing form asks for a sentence to them first.
    """
    pair, same = request.form.get("pair", ""), request.form.get("same") == "yes"

    def fn(desk: Desk) -> tuple[str, str, str]:
        one, other = the_question(desk, public_id), row_of(desk, pair)
        if other is None:
            return public_id, _("It isn’t there any more; nothing was done."), ""
        with watched(desk.session) as events:
            _remember(desk, one, other, same)
            if not same:
                return public_id, _("They are not the same: they won’t be shown to each other again."), ""
            leads_to, words = _joined(desk, one, other)
            desk.session.flush()
        return leads_to, words, way_back(events)

    try:
        leads_to, words, press = change(slug, fn)
    except questions.CannotMerge as fault:
        leads_to, words, press = public_id, _("Not merged: %(why)s.", why=MERGE[fault.reason]), ""
    except MissingPrecondition as missing:
        at, fault_words = FIELDS[missing.fact]
        act = url_for("editor.question_close", slug=slug, public_id=public_id)
        form = {"reason": "answered", "answer": pair.partition(".")[2]}
        with at_desk(slug) as desk:
            tried = Tried(act, form, at, str(fault_words))
            return question_page(desk, the_question(desk, public_id), tried=tried), 422
    here = url_for("editor.question", slug=slug, public_id=leads_to)
    announce(words, undo=press, back=here)
    return redirect(here, code=303)


def _remember(desk: Desk, one: Question, other: Question | Letter, same: bool) -> None:
    """Note the desk's word on the two, from which matching learns, with how alike they were when it was said."""
    key = ("question" if isinstance(other, Question) else "letter", other.id)
    topics = queries.topics_of(desk.session, [one.id])[one.id]
    pair = next((each for each in looked_up(desk, near(desk, one, topics)) if each.key == key), None)
    if pair is not None:
        verdict(desk.session, desk.actor, ("question", one.id), key, same, pair.score, pair.matcher)


def _joined(desk: Desk, one: Question, other: Question | Letter) -> tuple[str, str]:
    """Return where to go on, and what was done. Raises `CannotMerge`, `InvalidTransition`, and `MissingPrecondition`
    (sentence)."""
    session, actor = desk.session, desk.actor
    act = act_of(desk, one, other)
    if isinstance(other, Letter):
        if not act or not other.is_received:
            raise InvalidTransition("letter", "join", other.state)
        questions.join(session, actor, one, [other])
        return one.public_id, _("The letter stands behind this question now.")
    if act == "end":
        if merging_questions.was_asked(session, one):
            raise MissingPrecondition("sentence")
        close_question(session, actor, one, "answered", answer=other)
        return one.public_id, _("It is closed, and its readers are told where the answer stands.")
    if act == "give":
        merging_questions.merge(session, actor, one, other)
        return other.public_id, _("The two are one question now.")
    merging_questions.merge(session, actor, other, one)
    return one.public_id, _("The two are one question now.")
