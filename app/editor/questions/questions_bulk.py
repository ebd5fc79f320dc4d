"""Presses on the ticked questions of a page: each closed kindly or put under a topic, or all merged into one."""

from flask import request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from ...answers import closing
from ...answers.closing import unshelve
from ...audit import watched
from ...core.state_machine import DomainError
from ...questions import actions as questions
from ...questions import queries
from ...questions.lifecycle import QUESTION
from ...questions.models import Question
from ...workflows.letters.endings import close_question
from ..bulk import Boxes, Bulk, BulkActionError, Outcome, Press, chosen_topic, collect_rows, fresh
from ..frame import RequestContext
from ..letters.letter_pages import address_of
from ..undo_press import get_undo_token
from .question_filters import QUESTIONS


def _load(desk: RequestContext, public_id: str) -> Question | None:
    return queries.load(desk.session, desk.actor, public_id)


def _close(desk: RequestContext, question: Question) -> None:
    """Its readers hear why. Where an expert is behind it, they are owed a sentence of their own, on the question's
    page.
    """
    if closing.has_live_assignment(desk.session, question):
        raise BulkActionError(_("an expert is behind it: close it on its own page, with a sentence to them"))
    close_question(desk.session, desk.actor, question, request.form.get("reason", ""))


def _under_topic(desk: RequestContext, question: Question) -> None:
    questions.add_topic(desk.session, desk.actor, question, chosen_topic(desk).id)


def _merge(desk: RequestContext, boxes: Boxes) -> tuple[Outcome, str]:
    """Merge the ticked into one of them: the one that has an expert or an answer already, else the oldest."""
    outcome, rows = collect_rows(boxes, lambda public_id, version: fresh(desk, _load(desk, public_id), version))
    if len(rows) < 2:
        return outcome, ""
    lead = min(rows, key=lambda one: (_may_merge(desk, one), one.id))
    for one in sorted(rows, key=lambda one: one.id):
        if one is lead:
            continue
        try:
            with watched(desk.session) as events, desk.session.begin_nested():
                closing.merge_question(desk.session, desk.actor, one, lead)
            outcome.done += 1
            outcome.press.append(get_undo_token(events))
        except DomainError as why:
            outcome.refused.append((one.public_id, why))
    return outcome, address_of(desk, lead) if outcome.done else ""


def _may_merge(desk: RequestContext, question: Question) -> int:
    """Return what can't be merged away leads; what can't take others in either leads last."""
    if not question.takes_letters:
        return 2
    can_be = "merge" in QUESTION.open_to(desk.actor, question) and not closing.has_live_assignment(
        desk.session, question
    )
    return 1 if can_be else 0


def _get_return_url(desk: RequestContext) -> tuple[str, None]:
    on_shelf = request.form.get("at") == "shelf"
    return url_for("editor.shelf", slug=desk.newsletter.slug) if on_shelf else QUESTIONS.back(desk)[0], None


Bulk(
    box="question",
    load=_load,
    presses={
        "take": Press(_l("Take them down"), lambda desk, one: unshelve(desk.session, desk.actor, one)),
        "merge": Press(
            _l("Merge them into one"),
            _merge,
            "merge",
            together=True,
            done=lambda number: ngettext("One question is merged.", "%(num)s questions are merged.", number),
            empty=_l("Nothing was done. Tick two questions or more."),
        ),
        "shelf": Press(_l("Shelve"), lambda desk, one: questions.shelve(desk.session, desk.actor, one), "shelf"),
        "close": Press(_l("Close kindly"), _close, "end", "reason", _l("Close because"), act="close"),
        "topic": Press(_l("Add the topic"), _under_topic, choose="topic"),
    },
    back=_get_return_url,
    done=lambda number: ngettext("One question is done.", "%(num)s questions are done.", number),
    empty=_l("Nothing was done. Tick the questions first."),
    link=_l("Go to the one that they are in"),
).at("questions", "questions_bulk", "word")
