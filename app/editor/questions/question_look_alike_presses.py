"""A question and what looks like it: one press makes the two one, one says that they are not the same."""

from flask import redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from ...answers import closing
from ...audit import watched
from ...core.state_machine import InvalidTransition, MissingPrecondition
from ...letters.models import Letter
from ...questions import actions as questions
from ...questions import queries
from ...questions.models import Question
from ...search.verdicts import record_verdict
from ...workflows.letters.endings import close_question
from ..flash import announce
from ..frame import RequestContext, editor, read_context, run_in_transaction
from ..letters.letter_look_alikes import row_of
from ..undo_press import get_undo_token
from .form_errors import FIELDS, RejectedForm
from .merge_words import MERGE
from .question_look_alikes import act_of, compare_question, find_candidates
from .question_page import question_page, the_question


@editor.press("/<slug>/questions/<public_id>/alike", "word")
def question_alike(slug: str, public_id: str) -> Response | tuple[str, int]:
    """The two are the same, and become one; or they are not, which is remembered.

    Where one ends the other and an expert is behind it, the closing form asks for a sentence to them first.
    """
    pair, same = request.form.get("pair", ""), request.form.get("same") == "yes"

    def fn(desk: RequestContext) -> tuple[str, str, str]:
        one, other = the_question(desk, public_id), row_of(desk, pair)
        if other is None:
            return public_id, _("It isn’t there any more; nothing was done."), ""
        with watched(desk.session) as events:
            _remember(desk, one, other, same)
            if not same:
                return public_id, _("They are not the same: they won’t be shown to each other again."), ""
            leads_to, words = _join(desk, one, other)
            desk.session.flush()
        return leads_to, words, get_undo_token(events)

    try:
        leads_to, words, press = run_in_transaction(slug, fn)
    except questions.CannotMerge as fault:
        leads_to, words, press = public_id, _("Not merged: %(why)s.", why=MERGE[fault.reason]), ""
    except MissingPrecondition as missing:
        at, fault_words = FIELDS[missing.fact]
        act = url_for("editor.question_close", slug=slug, public_id=public_id)
        form = {"reason": "answered", "answer": pair.partition(".")[2]}
        with read_context(slug) as desk:
            tried = RejectedForm(act, form, at, str(fault_words))
            return question_page(desk, the_question(desk, public_id), rejected_form=tried), 422
    here = url_for("editor.question", slug=slug, public_id=leads_to)
    announce(words, undo=press, return_url=here)
    return redirect(here, code=303)


def _remember(desk: RequestContext, question: Question, look_alike: Question | Letter, is_same: bool) -> None:
    """Note the desk's word on the two, from which matching learns, with how alike they were when it was said."""
    key = ("question" if isinstance(look_alike, Question) else "letter", look_alike.id)
    topics = queries.topics_of(desk.session, [question.id])[question.id]
    pair = next(
        (each for each in find_candidates(desk, compare_question(desk, question, topics)) if each.key == key), None
    )
    if pair is not None:
        record_verdict(desk.session, desk.actor, ("question", question.id), key, is_same, pair.score, pair.matcher)


def _join(desk: RequestContext, question: Question, look_alike: Question | Letter) -> tuple[str, str]:
    """Return where to go on, and what was done. Raises `CannotMerge`, `InvalidTransition`, and `MissingPrecondition`
    (sentence)."""
    session, actor = desk.session, desk.actor
    act = act_of(desk, question, look_alike)
    if isinstance(look_alike, Letter):
        if not act or not look_alike.is_received:
            raise InvalidTransition("letter", "join", look_alike.state)
        questions.join(session, actor, question, [look_alike])
        return question.public_id, _("The letter stands behind this question now.")
    if act == "end":
        if closing.has_notified_expert(session, question):
            raise MissingPrecondition("sentence")
        close_question(session, actor, question, "answered", answer=look_alike)
        return question.public_id, _("It is closed, and its readers are told where the answer stands.")
    if act == "give":
        closing.merge_question(session, actor, question, look_alike)
        return look_alike.public_id, _("The two are one question now.")
    closing.merge_question(session, actor, look_alike, question)
    return question.public_id, _("The two are one question now.")
