"""An answer at the desk: versions, editing, quote check, sending back, approval."""

from collections.abc import Callable, Iterator
from typing import Any

from flask import abort, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from ...answers import editing, objections, unused_answers, writing
from ...answers.models import Answer, AnswerText
from ...answers.queries import checks_of, load_answer, load_assignment, newest_checks, versions_of
from ...audit.queries import find_latest_move
from ...core.domain_errors import (
    DomainError,
    InvalidTransition,
    MissingField,
    MissingPrecondition,
    TooLong,
    VersionConflict,
)
from ...editions import introductions
from ...mail.models import Inbound
from ...people.contact_status import status_of
from ...questions import notes
from ...questions.models import Question
from ...questions.source_protection import LeakDetected
from ...text.clean import word_count
from ...text.diff import compare
from ...typesetting.renderers import to_styled_text
from ...web.error_sentences import SENTENCES
from ...web.formatting import day
from ...web.setup import or_404
from ...workflows import invitations
from ...workflows.publishing import publication
from ...workflows.version_facts import facts_of
from .. import incoming_mails
from ..conflict import (
    FieldSave,
    LastSave,
    check_unchanged,
    list_version_saves,
    merge_form,
    note_overwritten_fields,
    save_unless_changed,
    submitted_token,
    submitted_version,
)
from ..frame import RequestContext, announce, editor, page, read_context, run_in_transaction
from ..questions.question_page import (
    APPROVAL_FAULTS,
    CHECKLIST,
    question_action,
    question_page,
    redirect_to_question,
    require_question,
)
from ..rejected_forms import format_form_error
from .invitation_page import format_later_edition, require_due_time

ANSWER_RULE = "/<slug>/questions/<public_id>/answers/<answer_id>"


def _get_answer(desk: RequestContext, public_id: str, answer_id: str) -> Answer:
    return or_404(load_answer(desk.session, require_question(desk, public_id), answer_id))


@editor.get(ANSWER_RULE)
def answer(slug: str, public_id: str, answer_id: str) -> str:
    """Show two versions of an answer side by side, and the outcomes of its quote checks."""
    with read_context(slug) as desk:
        answer = _get_answer(desk, public_id, answer_id)
        texts = {text.number: text for text in versions_of(desk.session, [answer.id])[answer.id]}
        if not texts:
            abort(404)
        new_text = or_404(texts.get(request.args.get("to", max(texts), type=int)))
        old_text = or_404(texts.get(request.args.get("from", min(texts), type=int)))
        return page(
            desk,
            "editor/answers/answer.html",
            "questions",
            question=require_question(desk, public_id),
            answer=answer,
            texts=list(texts.values()),
            old_text=old_text,
            new_text=new_text,
            checks=checks_of(desk.session, [answer.id])[answer.id],
            numbers={text.id: text.number for text in texts.values()},
            pairs=compare(to_styled_text(old_text.body), to_styled_text(new_text.body)),
        )


@editor.restricted_page(f"{ANSWER_RULE}/edit", permission="edit")
def answer_edit(slug: str, public_id: str, answer_id: str) -> str:
    with read_context(slug) as desk:
        answer = _get_answer(desk, public_id, answer_id)
        if not answer.is_on_the_desk or answer.text is None:
            raise InvalidTransition("answer", "edit", answer.state)
        return _render_edit_form(desk, answer)


def _render_edit_form(
    desk: RequestContext, answer: Answer, submitted_text: str | None = None, error: DomainError | None = None
) -> str:
    """Render the edit form beside the expert's own text.

    `submitted_text` replaces the stored text, and `error` says why it was not saved or sent. If somebody else has
    changed the answer, their text is shown beside it.
    """
    own_text = writing.submitted_text(desk.session, answer)
    other_save = None
    if answer.text and isinstance(error, VersionConflict | InvalidTransition):
        other_save = _get_last_save(desk, answer, answer.text)
    form_data = None
    if submitted_text is not None:
        # In a conflict, the submitted text is compared with the stored one, which has no spaces around it.
        form_data = {"answer": submitted_text.strip() if other_save else submitted_text}
    current = facts_of(answer.text) if answer.text else {}
    form = merge_form(desk, current, form_data, {"answer": _("The text")}, other_save)
    body = form.values["answer"]
    fault = ""
    if isinstance(error, LeakDetected | editing.AddressDead):
        fault = format_form_error(error)
    elif isinstance(error, MissingPrecondition):
        fault = _("The answer needs words")
    return page(
        desk,
        "editor/answers/edit.html",
        "questions",
        question=desk.session.get_one(Question, answer.question_id),
        answer=answer,
        body=body,
        **form._asdict(),
        overwritten=note_overwritten_fields(desk, _list_saves(desk, answer)),
        word_count=word_count(body),
        fault=fault,
        passages=error.passages if isinstance(error, LeakDetected) else (),
        own_text=own_text,
        pairs=compare(to_styled_text(own_text.body), to_styled_text(body)) if own_text else [],
        is_read_only=form.conflict is not None and not answer.is_on_the_desk,
        may_check=desk.may("give back"),
        contact=status_of(desk.session, answer.expert),
        objection=_get_objection(desk, answer),
        mails=incoming_mails.list_mails_with_files(desk.session, Inbound.assignment_id == answer.assignment_id),
    )


def _get_objection(desk: RequestContext, answer: Answer) -> str | None:
    """Return what the expert says is wrong with the current text, or None."""
    check = newest_checks(desk.session, [answer.id]).get(answer.id)
    if check is None or check.outcome != "wrong" or check.text_id != answer.text_id:
        return None
    return check.reply_text


@editor.action(f"{ANSWER_RULE}/edit", permission="edit")
def answer_save(slug: str, public_id: str, answer_id: str) -> Response | tuple[str, int] | str:
    """Save the text. With the button "check", also send the quote check; with "look", only show the changes.

    After an edit conflict both texts are shown. The button "give way" then keeps the other person's text, and stores
    the submitted one in a note.
    """
    body, button = (request.form.get(name, "").replace("\r\n", "\n") for name in ("answer", "act"))
    if button == "look":
        with read_context(slug) as desk:
            return _render_edit_form(desk, _get_answer(desk, public_id, answer_id), body)

    def fn(desk: RequestContext) -> str:
        answer = _get_answer(desk, public_id, answer_id)
        if button == "give way":
            title = _("My text of %(name)s’s answer, which I didn’t save over the newer one:", name=answer.expert.name)
            notes.note_unsaved(desk.session, desk.actor, require_question(desk, public_id), title, [("", body)])
            return ""
        editing.edit(desk.session, desk.actor, answer, body, str(submitted_token().get("label", "")))
        return _send_check(desk, answer) if button == "check" else ""

    try:
        message = run_in_transaction(slug, fn)
    except (VersionConflict, MissingPrecondition, InvalidTransition, editing.AddressDead) as error:
        status = 422 if isinstance(error, MissingPrecondition | editing.AddressDead) else 409
        with read_context(slug) as desk:
            answer = _get_answer(desk, public_id, answer_id)
            if answer.text is None and status == 409:
                raise error
            return _render_edit_form(desk, answer, body, error), status
    if message:
        announce(message)
    return redirect_to_question(slug, public_id)


def _list_saves(desk: RequestContext, answer: Answer) -> list[FieldSave]:
    texts = versions_of(desk.session, [answer.id])[answer.id]
    return list_version_saves([(text.by, text.written_at, {"answer": text.body}) for text in texts])


def _get_last_save(desk: RequestContext, answer: Answer, text: AnswerText) -> LastSave:
    """Return who saved the current text, and when.

    If it is still the text that the form showed, return who moved the answer to another state instead.
    """
    latest_move = find_latest_move(desk.session, "answer", answer.id)
    if latest_move and text.label == submitted_token().get("label"):
        return LastSave(latest_move.actor, latest_move.at)
    return LastSave(text.by, text.written_at)


def _send_check(desk: RequestContext, answer: Answer) -> str:
    """Send the quote check. Return a message if it takes too long for the edition that the answer was for."""
    later_edition = invitations.ask_check(
        desk.session, desk.actor, answer, to_dead_address="to_dead_address" in request.form
    )
    if later_edition is None:
        return ""
    return _(
        "There was no time for a check before the cut-off, so the answer is for the edition of %(day)s.",
        day=day(later_edition.runs_at),
    )


@editor.action(f"{ANSWER_RULE}/check", permission="give back")
def answer_check(slug: str, public_id: str, answer_id: str) -> Response | tuple[str, int]:
    """Send the expert the current text for the quote check.

    If readers' words are in it, or mail to the expert comes back, say so in the edit form.
    """

    def fn(desk: RequestContext) -> str:
        return _send_check(desk, check_unchanged(desk, _get_answer(desk, public_id, answer_id)))

    try:
        message = run_in_transaction(slug, fn)
    except (LeakDetected, editing.AddressDead) as error:
        with read_context(slug) as desk:
            return _render_edit_form(desk, _get_answer(desk, public_id, answer_id), error=error), 422
    if message:
        announce(message)
    return redirect_to_question(slug, public_id)


def _send_back(desk: RequestContext, answer: Answer) -> str:
    edition = invitations.send_back(
        desk.session, desk.actor, answer, request.form.get("note", ""), require_due_time(desk)
    )
    return format_later_edition(edition)


def _settle_check(desk: RequestContext, answer: Answer) -> None:
    editing.settle_check(
        desk.session, desk.actor, answer, request.form.get("outcome", ""), request.form.get("reply", "")
    )


def _withdraw(desk: RequestContext, answer: Answer) -> None:
    sentence = request.form.get("sentence", "")
    if not sentence.strip():
        raise MissingField("withdrawal_reason")
    editing.withdraw(desk.session, desk.actor, answer, sentence)


def _introduce(desk: RequestContext, answer: Answer) -> None:
    check_unchanged(desk, answer.assignment)
    lines = {name: request.form.get(name, "") for name in ("credit_line", "relation")}
    introductions.change_lead_in(desk.session, desk.actor, answer, **lines)


def _let_stand(desk: RequestContext, answer: Answer) -> None:
    objections.let_stand(desk.session, desk.actor, answer, request.form.get("note", ""))


# The moves of an answer. A move may return a message to announce.
MOVES: dict[str, Callable[[RequestContext, Answer], str | None]] = {
    "return": _send_back,
    "settle": _let_stand,
    "outcome": _settle_check,
    "recall": lambda desk, answer: editing.recall_check(desk.session, desk.actor, answer),
    "reopen": lambda desk, answer: editing.reopen(desk.session, desk.actor, answer),
    "withdraw": _withdraw,
    "introduce": _introduce,
}


@question_action(
    f"{ANSWER_RULE}/<any(return, settle, outcome, recall, reopen, withdraw, introduce):move>",
    permission={
        "return": "give back",
        "settle": "approve",
        "recall": "give back",
        "outcome": "edit",
        "introduce": "edit",
        "reopen": "approve",
        "withdraw": "approve",
    },
    decides=False,
)
def answer_move(desk: RequestContext, question: Question, answer_id: str, move: str) -> str | None:
    return MOVES[move](desk, or_404(load_answer(desk.session, question, answer_id)))


@editor.action(f"{ANSWER_RULE}/cut", permission="approve")
def answer_cut(slug: str, public_id: str, answer_id: str) -> Response:
    """Take a question out of its edition, undo the approval of its answer, and redirect to the answer's edit form."""

    def fn(desk: RequestContext) -> None:
        answer = _get_answer(desk, public_id, answer_id)
        question = check_unchanged(desk, require_question(desk, public_id), "edition")
        publication.drop(desk.session, desk.actor, question)
        editing.reopen(desk.session, desk.actor, answer)

    save_unless_changed(slug, lambda desk: require_question(desk, public_id), fn)
    announce(_("It is out of the edition, and its approval taken back. Once it is approved again, pick it."))
    return redirect(url_for("editor.answer_edit", slug=slug, public_id=public_id, answer_id=answer_id), code=303)


@editor.action(f"{ANSWER_RULE}/use", permission="approve")
def answer_use(slug: str, public_id: str, answer_id: str) -> Response:
    """Move a held-over answer, without which its question ran, to a question of its own, and redirect there."""

    def fn(desk: RequestContext) -> str:
        answer = _get_answer(desk, public_id, answer_id)
        assignment = or_404(
            load_assignment(desk.session, require_question(desk, public_id), answer.assignment.public_id)
        )
        return unused_answers.reuse_answer(desk.session, desk.actor, assignment).public_id

    new_public_id = run_in_transaction(slug, fn)
    announce(_("The text that was kept answers a question of its own now, in the same words."))
    return redirect_to_question(slug, new_public_id)


@editor.action(f"{ANSWER_RULE}/approve", permission="approve")
def answer_approve(slug: str, public_id: str, answer_id: str) -> Response | tuple[str, int]:
    checked_items = request.form.getlist("checked")
    reason = request.form.get("reason", "")

    def fn(desk: RequestContext) -> None:
        answer = _get_answer(desk, public_id, answer_id)
        editing.approve(
            desk.session, desk.actor, answer, checklist=checked_items, reason=reason, version=submitted_version()
        )

    try:
        run_in_transaction(slug, fn)
    except (MissingPrecondition, TooLong) as error:
        rejected_values: dict[str, Any] = {
            "answer": answer_id,
            "ticked": checked_items,
            "reason": reason,
            "fault": error.code,
        }
        with read_context(slug) as desk:
            faults = list(_list_approval_faults(desk, _get_answer(desk, public_id, answer_id), checked_items, reason))
            return question_page(desk, require_question(desk, public_id), faults=faults, **rejected_values), 422
    return redirect_to_question(slug, public_id)


def _list_approval_faults(
    desk: RequestContext, answer: Answer, checked_items: list[str], reason: str
) -> Iterator[tuple[str, str]]:
    """Yield everything that prevents the approval of an answer, as (anchor on the page, sentence)."""
    fault_codes = {fault.code for fault in editing.faults_of_approval(desk.session, answer, checked_items)}
    for key, label in CHECKLIST.items():
        if key not in checked_items:
            yield f"{key}-{answer.public_id}", _("Not ticked: %(line)s", line=label)
    if (code := "precondition.expert_not_verified") in fault_codes:
        yield f"verified-{answer.public_id}", str(SENTENCES[code])
    if editing.NOT_CHECKED in fault_codes and not reason.strip():
        yield f"override-{answer.public_id}", str(APPROVAL_FAULTS[editing.NOT_CHECKED])
    if len(reason.strip()) > editing.LONGEST_REASON:
        yield f"override-{answer.public_id}", str(APPROVAL_FAULTS["too_long.reason"])
