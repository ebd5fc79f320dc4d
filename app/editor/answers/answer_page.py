"""An answer on the desk: versions, editing, the quote check, sending back, approval."""

from collections.abc import Iterator
from typing import Any

from flask import abort, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from ...answers import editing, passed_over
from ...answers.diff import compare
from ...answers.models import Answer, AnswerText
from ...answers.queries import checks_of, load_answer, load_assignment, newest_checks, versions_of
from ...audit.queries import newest_move
from ...core.state_machine import DomainError, InvalidTransition, MissingPrecondition, TooLong, VersionConflict
from ...editions import queries as editions
from ...mail.models import Inbound
from ...questions import notes
from ...questions.firewall import Leaking
from ...questions.models import Question
from ...text.clean import word_count
from ...workflows.publishing import publication
from ..conflict import Saved, check_unchanged, facts_of, merge_form, number_shown, save_unless_changed, submitted_token
from ..flash import announce
from ..frame import Desk, at_desk, change, editor, found, page
from ..mail import incoming_mails
from ..questions.form_errors import FIELDS
from ..questions.question_page import question_page, question_press, the_question, to_question
from ..questions.question_words import APPROVAL_FAULTS, CHECKLIST
from .invitation_page import due_time

ADDRESS = "/<slug>/questions/<public_id>/answers/<answer_id>"


def _loaded(desk: Desk, public_id: str, answer_id: str) -> Answer:
    return found(load_answer(desk.session, the_question(desk, public_id), answer_id))


@editor.get(ADDRESS)
def answer(slug: str, public_id: str, answer_id: str) -> str:
    """Any two versions side by side, and what came of the checks."""
    with at_desk(slug) as desk:
        one = _loaded(desk, public_id, answer_id)
        texts = {text.number: text for text in versions_of(desk.session, [one.id])[one.id]}
        if not texts:
            abort(404)
        new = found(texts.get(request.args.get("to", max(texts), type=int)))
        old = found(texts.get(request.args.get("from", min(texts), type=int)))
        return page(
            desk,
            "editor/answers/answer.html",
            "questions",
            question=the_question(desk, public_id),
            answer=one,
            texts=list(texts.values()),
            old=old,
            new=new,
            checks=checks_of(desk.session, [one.id])[one.id],
            numbers={text.id: text.number for text in texts.values()},
            pairs=compare(old.body, new.body),
        )


@editor.sheet(f"{ADDRESS}/edit", "edit")
def answer_edit(slug: str, public_id: str, answer_id: str) -> str:
    with at_desk(slug) as desk:
        one = _loaded(desk, public_id, answer_id)
        if not one.is_on_the_desk or one.text is None:
            raise InvalidTransition("answer", "edit", one.state)
        return _edit_form(desk, one)


def _edit_form(desk: Desk, one: Answer, typed: str | None = None, refused: DomainError | None = None) -> str:
    """Show the box beside the expert's own words.

    `typed` stands in it where that isn't the answer's text; `refused` says why that was not saved or not sent: after
    somebody else's change their text stands beside it.
    """
    own = editing.submitted_text(desk.session, one)
    first = (
        _saved(desk, one, one.text) if one.text and isinstance(refused, VersionConflict | InvalidTransition) else None
    )
    sent = None if typed is None else {"answer": typed.strip() if first else typed}
    form = merge_form(desk, facts_of(one.text) if one.text else {}, sent, {"answer": _("The text")}, first)
    body = form.values["answer"]
    needs_words = _("The answer needs words") if isinstance(refused, MissingPrecondition) else ""
    return page(
        desk,
        "editor/answers/edit.html",
        "questions",
        question=desk.session.get_one(Question, one.question_id),
        answer=one,
        body=body,
        **form._asdict(),
        words=word_count(body),
        fault=str(FIELDS[refused.fact][1]) if isinstance(refused, Leaking) else needs_words,
        passages=refused.passages if isinstance(refused, Leaking) else (),
        own=own,
        pairs=compare(own.body, body) if own else [],
        is_past=form.met is not None and not one.is_on_the_desk,
        may_check=desk.may("give back"),
        objection=_objection(desk, one),
        mails=incoming_mails.with_files(desk.session, Inbound.assignment_id == one.assignment_id),
    )


def _objection(desk: Desk, one: Answer) -> str | None:
    """Return what the expert says is wrong with the very text that is there now."""
    check = newest_checks(desk.session, [one.id]).get(one.id)
    return check.reply_text if check and check.outcome == "wrong" and check.text_id == one.text_id else None


@editor.press(f"{ADDRESS}/edit", "edit")
def answer_save(slug: str, public_id: str, answer_id: str) -> Response | tuple[str, int] | str:
    """Save, look at the changes first, or save and send the check in the same press.

    Whoever comes second gets both texts back; theirs may stay, and then mine is kept in a note.
    """
    body, act = (request.form.get(name, "").replace("\r\n", "\n") for name in ("answer", "act"))
    if act == "look":
        with at_desk(slug) as desk:
            return _edit_form(desk, _loaded(desk, public_id, answer_id), body)

    def fn(desk: Desk) -> None:
        one = _loaded(desk, public_id, answer_id)
        if act == "give way":
            title = _("My text of %(name)s’s answer, which I didn’t save over the newer one:", name=one.expert.name)
            notes.note_unsaved(desk.session, desk.actor, the_question(desk, public_id), title, [("", body)])
            return
        editing.edit(desk.session, desk.actor, one, body, str(submitted_token().get("label", "")))
        if act == "check":
            _send_check(desk, one)

    try:
        change(slug, fn)
    except (VersionConflict, MissingPrecondition, InvalidTransition) as refused:
        with at_desk(slug) as desk:
            one, is_wrong = _loaded(desk, public_id, answer_id), isinstance(refused, MissingPrecondition)
            if one.text is None and not is_wrong:
                raise refused
            return _edit_form(desk, one, body, refused), 422 if is_wrong else 409
    return to_question(slug, public_id)


def _saved(desk: Desk, one: Answer, text: AnswerText) -> Saved:
    """Return who saved the text that is there now, or moved the answer on from the one that was shown."""
    moved = newest_move(desk.session, "answer", one.id)
    if moved and text.label == submitted_token().get("label"):
        return Saved(moved.actor, moved.at)
    return Saved(text.by, text.written_at)


def _send_check(desk: Desk, one: Answer) -> None:
    edition = editions.run_of(desk.session, one.assignment)
    editing.ask_check(desk.session, desk.actor, one, edition.runs_at if edition else None)


@editor.press(f"{ADDRESS}/check", "give back")
def answer_check(slug: str, public_id: str, answer_id: str) -> Response | tuple[str, int]:
    """Send the text as it stands. Where readers' words were put into it, the box opens with them."""

    def fn(desk: Desk) -> None:
        _send_check(desk, check_unchanged(desk, _loaded(desk, public_id, answer_id)))

    try:
        change(slug, fn)
    except Leaking as leaking:
        with at_desk(slug) as desk:
            return _edit_form(desk, _loaded(desk, public_id, answer_id), refused=leaking), 422
    return to_question(slug, public_id)


def _return(desk: Desk, one: Answer) -> None:
    editing.send_back(desk.session, desk.actor, one, request.form.get("note", ""), due_time(desk))


def _outcome(desk: Desk, one: Answer) -> None:
    editing.settle_check(desk.session, desk.actor, one, request.form.get("outcome", ""), request.form.get("reply", ""))


def _withdraw(desk: Desk, one: Answer) -> None:
    sentence = request.form.get("sentence", "")
    if not sentence.strip():
        raise MissingPrecondition("reason of pulling")
    editing.withdraw(desk.session, desk.actor, one, sentence)


MOVES = {
    "return": _return,
    "outcome": _outcome,
    "recall": lambda desk, one: editing.recall_check(desk.session, desk.actor, one),
    "reopen": lambda desk, one: editing.reopen(desk.session, desk.actor, one),
    "withdraw": _withdraw,
}


@question_press(
    f"{ADDRESS}/<any(return, outcome, recall, reopen, withdraw):move>",
    {"return": "give back", "recall": "give back", "outcome": "edit", "reopen": "approve", "withdraw": "approve"},
    decides=False,
)
def answer_move(desk: Desk, question: Question, answer_id: str, move: str) -> None:
    MOVES[move](desk, found(load_answer(desk.session, question, answer_id)))


@editor.press(f"{ADDRESS}/cut", "approve")
def answer_cut(slug: str, public_id: str, answer_id: str) -> Response:
    """Lead to the text of a picked answer, which can't be edited: out of its edition and its approval back first."""

    def fn(desk: Desk) -> None:
        one, question = _loaded(desk, public_id, answer_id), the_question(desk, public_id)
        publication.drop(desk.session, desk.actor, check_unchanged(desk, question, "edition"))
        editing.reopen(desk.session, desk.actor, one)

    save_unless_changed(slug, lambda desk: the_question(desk, public_id), fn)
    announce(_("It is out of the edition, and its approval taken back. Once it is approved again, pick it."))
    return redirect(url_for("editor.answer_edit", slug=slug, public_id=public_id, answer_id=answer_id), code=303)


@editor.press(f"{ADDRESS}/use", "approve")
def answer_use(slug: str, public_id: str, answer_id: str) -> Response:
    """Take up a text that its question ran without: it answers a question of its own, to which this leads."""

    def fn(desk: Desk) -> str:
        one = _loaded(desk, public_id, answer_id)
        assignment = found(load_assignment(desk.session, the_question(desk, public_id), one.assignment.public_id))
        return passed_over.use(desk.session, desk.actor, assignment).public_id

    new = change(slug, fn)
    announce(_("The text that was kept answers a question of its own now, in the same words."))
    return to_question(slug, new)


@editor.press(f"{ADDRESS}/approve", "approve")
def answer_approve(slug: str, public_id: str, answer_id: str) -> Response | tuple[str, int]:
    ticked, reason = request.form.getlist("checked"), request.form.get("reason", "")

    def fn(desk: Desk) -> None:
        one = _loaded(desk, public_id, answer_id)
        editing.approve(desk.session, desk.actor, one, checklist=ticked, reason=reason, version=number_shown())

    try:
        change(slug, fn)
    except (MissingPrecondition, TooLong) as refused:
        fault = refused.fact if isinstance(refused, MissingPrecondition) else refused.field
        typed: dict[str, Any] = {"answer": answer_id, "ticked": ticked, "reason": reason, "fault": fault}
        with at_desk(slug) as desk:
            faults = list(_faults(desk, _loaded(desk, public_id, answer_id), ticked, reason))
            return question_page(desk, the_question(desk, public_id), faults=faults, **typed), 422
    return to_question(slug, public_id)


def _faults(desk: Desk, one: Answer, ticked: list[str], reason: str) -> Iterator[tuple[str, str]]:
    """All that keeps an answer from being approved, each with its place on the page."""
    missing = editing.faults_of_approval(desk.session, one, ticked)
    for key, label in CHECKLIST.items():
        if key not in ticked:
            yield f"{key}-{one.public_id}", _("Not ticked: %(line)s", line=label)
    if "verified" in missing:
        yield f"verified-{one.public_id}", str(APPROVAL_FAULTS["verified"])
    if "check" in missing and not reason.strip():
        yield f"override-{one.public_id}", str(APPROVAL_FAULTS["check"])
    if len(reason.strip()) > editing.LONGEST_REASON:
        yield f"override-{one.public_id}", str(APPROVAL_FAULTS["reason"])
