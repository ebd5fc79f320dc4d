"""The ticked questions of a page: shelved, closed kindly or put under a topic one by one, or merged into one."""

from collections.abc import Callable
from urllib.parse import parse_qsl

from flask import abort, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from ...answers import merging_questions
from ...answers.closing import take
from ...audit import watched
from ...letters.ending_sentences import ENDINGS
from ...lifecycle import Refused
from ...newsroom.endings import close_question
from ...questions import moves as questions
from ...questions import queries
from ...questions.lifecycle import CANNOT_TAKE_IN, QUESTION
from ...questions.models import Question
from ..bulk import Otherwise, Outcome, chosen_topic, each, fresh, tell, ticked, together
from ..frame import Desk, at_desk, change, editor
from ..undo_press import way_back
from .question_filters import QUESTIONS


def _load(desk: Desk, public_id: str) -> Question | None:
    return queries.load(desk.session, desk.actor, public_id)


def _close(desk: Desk, one: Question) -> None:
    """Its readers hear why. Where an expert is behind it, they are owed a sentence of their own, on the question's page."""
    if merging_questions.has_expert(desk.session, one):
        raise Otherwise(_("an expert is behind it: close it on its own page, with a sentence to them"))
    close_question(desk.session, desk.actor, one, request.form.get("reason", ""))


def _under_topic(desk: Desk, one: Question) -> None:
    questions.add_topic(desk.session, desk.actor, one, chosen_topic(desk).id)


ACTS: dict[str, Callable[[Desk, Question], object]] = {
    "shelf": lambda desk, one: questions.shelve(desk.session, desk.actor, one),
    "take": lambda desk, one: take(desk.session, desk.actor, one),
    "close": _close,
    "topic": _under_topic,
}


@editor.press("/<slug>/questions", "word")
def questions_bulk(slug: str) -> Response:
    act, boxes = request.form.get("act", ""), ticked("question")
    if act not in ("merge", *ACTS) or (act == "close" and request.form.get("reason") not in ENDINGS):
        abort(400)
    with at_desk(slug) as desk:  # a stranger learns nothing, also without a tick
        args = dict(parse_qsl(request.form.get("list", "")))
        on_shelf = request.form.get("at") == "shelf"
        back = (
            url_for("editor.shelf", slug=slug)
            if on_shelf
            else QUESTIONS.read(desk, args).address(before=args.get("before"))
        )
    href = ""
    if act == "merge":
        outcome, lead = _merge(slug, boxes)
        href = url_for("editor.question", slug=slug, public_id=lead) if lead else ""
        done = ngettext("One question is merged.", "%(num)s questions are merged.", outcome.done)
    else:
        outcome = each(slug, boxes, _load, ACTS[act])
        done = ngettext("One question is done.", "%(num)s questions are done.", outcome.done)
    empty = (
        _("Nothing was done. Tick two questions or more.")
        if act == "merge"
        else _("Nothing was done. Tick the questions first.")
    )
    tell(slug, outcome, _load, done, empty, back, (href, _("Go to the one that they are in")))
    return redirect(back, code=303)


def _merge(slug: str, boxes: list[tuple[str, int]]) -> tuple[Outcome, str]:
    """Merge the ticked into one of them: the one that has an expert or an answer already, else the oldest."""

    def fn(desk: Desk) -> tuple[Outcome, str]:
        outcome, rows = together(boxes, lambda public_id, version: fresh(desk, _load(desk, public_id), version))
        if len(rows) < 2:
            return outcome, ""
        lead = min(rows, key=lambda one: (_may_merge(desk, one), one.id))
        for one in sorted(rows, key=lambda one: one.id):
            if one is lead:
                continue
            try:
                with watched(desk.session) as events, desk.session.begin_nested():
                    merging_questions.merge(desk.session, desk.actor, one, lead)
                outcome.done += 1
                outcome.press.append(way_back(events))
            except Refused as why:
                outcome.refused.append((one.public_id, why))
        return outcome, lead.public_id if outcome.done else ""

    return change(slug, fn)


def _may_merge(desk: Desk, one: Question) -> int:
    """What can't be merged away leads; what can't take others in either leads last."""
    if str(one.state) in CANNOT_TAKE_IN:
        return 2
    return (
        1 if "merge" in QUESTION.open_to(desk.actor, one) and not merging_questions.has_expert(desk.session, one) else 0
    )
