"""An answer on the desk: versions, editing, the quote check, sending back, approval."""

from typing import Any

from flask import abort, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from ..answers import editing
from ..answers.diff import compare
from ..answers.models import Answer
from ..answers.queries import load_answer, newest_checks
from ..editions import desk as editions
from ..lifecycle import Illegal, Missing, Stale, expect
from ..questions.models import Question
from ..text import word_count
from .assignment import coming_time
from .frame import Desk, at_desk, change, editor, found, page
from .question import attempt, question_page, the_question, to_question
from .question_words import version_words

ADDRESS = "/<slug>/questions/<public_id>/answers/<answer_id>"


def _loaded(desk: Desk, public_id: str, answer_id: str) -> Answer:
    return found(load_answer(desk.session, the_question(desk, public_id), answer_id))


@editor.get(ADDRESS)
def answer(slug: str, public_id: str, answer_id: str) -> str:
    """Any two versions side by side."""
    with at_desk(slug) as desk:
        one = _loaded(desk, public_id, answer_id)
        texts = {text.number: text for text in editing.texts_of(desk.session, one)}
        if not texts:
            abort(404)
        new = found(texts.get(request.args.get("to", max(texts), type=int)))
        old = found(texts.get(request.args.get("from", min(texts), type=int)))
        return page(
            desk,
            "editor/answer.html",
            "questions",
            question=the_question(desk, public_id),
            answer=one,
            texts=list(texts.values()),
            old=old,
            new=new,
            version_words=version_words,
            pairs=compare(old.body, new.body),
        )


@editor.get(f"{ADDRESS}/edit")
def answer_edit(slug: str, public_id: str, answer_id: str) -> str:
    with at_desk(slug) as desk:
        one = _loaded(desk, public_id, answer_id)
        if one.state not in ("submitted", "edited") or one.text is None:
            raise Illegal("answer", "edit", one.state)
        return _edit_form(desk, one, one.text.body)


def _edit_form(desk: Desk, one: Answer, body: str, fault: str = "", is_stale: bool = False) -> str:
    own = editing.submitted_text(desk.session, one)
    now_there = one.text.body if one.text else ""
    return page(
        desk,
        "editor/answer_edit.html",
        "questions",
        question=desk.session.get_one(Question, one.question_id),
        answer=one,
        body=body,
        words=word_count(body),
        fault=fault,
        own=own,
        version_words=version_words,
        pairs=compare(now_there, body) if is_stale else compare(own.body, body) if own else [],
        is_stale=is_stale,
        may_check=desk.may_decide,
        objection=_objection(desk, one),
    )


def _objection(desk: Desk, one: Answer) -> str | None:
    """What the expert says is wrong with the very text that is there now."""
    check = newest_checks(desk.session, [one.id]).get(one.id)
    return check.reply_text if check and check.outcome == "wrong" and check.text_id == one.text_id else None


@editor.post(f"{ADDRESS}/edit")
def answer_save(slug: str, public_id: str, answer_id: str) -> Response | tuple[str, int]:
    """Save, or save and send the check in the same press. A stale page comes back with both texts, nothing lost."""
    body, version = (
        request.form.get("answer", ""),
        request.form.get("version", type=int),
    )
    also_check = request.form.get("act") == "check"

    def fn(desk: Desk) -> None:
        one = _loaded(desk, public_id, answer_id)
        editing.edit(desk.session, desk.actor, one, body, version)
        if also_check:
            _send_check(desk, one)

    try:
        change(slug, fn)
    except (Stale, Missing) as fault:
        stale = isinstance(fault, Stale)
        with at_desk(slug) as desk:
            words = "" if stale else _("The answer needs words")
            return _edit_form(desk, _loaded(desk, public_id, answer_id), body, words, stale), 409 if stale else 422
    return to_question(slug, public_id)


def _send_check(desk: Desk, one: Answer) -> None:
    edition = editions.run_of(desk.session, one.assignment)
    editing.ask_check(desk.session, desk.actor, one, runs_at=edition.runs_at if edition else None)


@editor.post(f"{ADDRESS}/check")
def answer_check(slug: str, public_id: str, answer_id: str) -> Response:
    def fn(desk: Desk) -> None:
        one = _loaded(desk, public_id, answer_id)
        expect(one, request.form.get("version", type=int))
        _send_check(desk, one)

    change(slug, fn)
    return to_question(slug, public_id)


def _return(desk: Desk, one: Answer) -> None:
    due_at = coming_time(desk, "due_at")
    if due_at is None:
        raise Missing("due date to come")
    editing.send_back(desk.session, desk.actor, one, request.form.get("note", ""), due_at)


def _outcome(desk: Desk, one: Answer) -> None:
    editing.settle_check(
        desk.session,
        desk.actor,
        one,
        request.form.get("outcome", ""),
        request.form.get("reply", ""),
    )


DEEDS = {
    "return": _return,
    "outcome": _outcome,
    "recall": lambda desk, one: editing.recall_check(desk.session, desk.actor, one),
    "reopen": lambda desk, one: editing.reopen(desk.session, desk.actor, one),
    "withdraw": lambda desk, one: editing.withdraw(desk.session, desk.actor, one, request.form.get("sentence", "")),
}


@editor.post(f"{ADDRESS}/<any(return, outcome, recall, reopen, withdraw):deed>")
def answer_deed(slug: str, public_id: str, answer_id: str, deed: str) -> Response | tuple[str, int]:
    return attempt(slug, public_id, lambda desk: DEEDS[deed](desk, _loaded(desk, public_id, answer_id)))


@editor.post(f"{ADDRESS}/approve")
def answer_approve(slug: str, public_id: str, answer_id: str) -> Response | tuple[str, int]:
    ticked, reason = request.form.getlist("checked"), request.form.get("reason", "")
    version = request.form.get("version", type=int)

    def fn(desk: Desk) -> None:
        one = _loaded(desk, public_id, answer_id)
        editing.approve(
            desk.session,
            desk.actor,
            one,
            checklist=ticked,
            reason=reason,
            version=version,
        )

    try:
        change(slug, fn)
    except Missing as missing:
        typed: dict[str, Any] = {
            "answer": answer_id,
            "ticked": ticked,
            "reason": reason,
            "fault": missing.fact,
        }
        with at_desk(slug) as desk:
            return question_page(desk, the_question(desk, public_id), **typed), 422
    return to_question(slug, public_id)
