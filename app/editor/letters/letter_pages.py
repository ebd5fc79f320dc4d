"""The views of letters: the list, the open letter, and all actions on a single letter."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, NamedTuple

from flask import abort, current_app, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from ...answers import mailed_answers
from ...answers.models import Assignment
from ...answers.queries import answers_of
from ...audit import collect_events
from ...core.domain_errors import InvalidField, InvalidTransition, MissingPrecondition, TooLong
from ...core.state_machine import check_version
from ...db.session import lock_row
from ...letters import filing, machine_translation, queries
from ...letters.look_alike_flags import compare_again
from ...letters.models import Letter
from ...questions import actions as questions
from ...questions import queries as question_queries
from ...questions.models import Question
from ...questions.queries import lead_of
from ...search.verdicts import record_verdict
from ...web.error_sentences import format_error
from ...web.setup import or_404
from ...workflows.letters import receipt_notes
from ...workflows.letters.endings import end_letter, reopen_letter, wait_again
from .. import incoming_mails
from ..conflict import check_unchanged, save_unless_changed, submitted_version
from ..form_fields import parse_day, parse_public_id
from ..frame import RequestContext, announce, editor, page, read_context, require_row, rerender
from ..letter_labels import FILED, REPLIES
from ..question_labels import DECLINE_LABELS
from ..undo_press import get_undo_token
from .letter_list import FILING_KINDS, LETTERS, get_list_values, get_pane_values
from .letter_look_alikes import find_look_alikes, load_look_alike


@editor.get("/<slug>/letters")
def letters(slug: str) -> str | Response:
    with read_context(slug) as desk:
        if above := request.args.get("above"):
            return redirect(LETTERS.parse(desk, request.args).url_of_page_above(above))
        return page(desk, "editor/letters/letters.html", "letters", item=None, **get_list_values(desk))


@editor.get("/<slug>/letters/<public_id>")
def letter(slug: str, public_id: str) -> str:
    with read_context(slug) as desk:
        return _render_letter(desk, public_id)


def _load_letter(desk: RequestContext, public_id: str) -> Letter:
    letter = queries.load(desk.session, desk.actor, public_id)
    return require_row(desk, letter, "editor.letter", public_id, _("Back to the letter"))


def _render_letter(desk: RequestContext, /, public_id: str, **rejected_form: str) -> str:
    """Render a letter beside its list. `rejected_form` has the submitted values and the fault of a rejected form."""
    letter = _load_letter(desk, public_id)
    list_values = get_list_values(desk, letter)
    pane_values = get_pane_values(desk, letter, list_values["editions"])
    if pane_values["filings"]:
        pane_values["filings"] |= rejected_form
    return page(
        desk, "editor/letters/letters.html", "letters", **list_values, **pane_values, rejected_form=rejected_form
    )


class ActionResult(NamedTuple):
    """The result of an action on a letter."""

    redirect_url: str
    message: str  # "" to announce nothing
    question_url: str = ""  # of the question that the letter was filed to, if any
    undo_token: str = ""  # filled in by `run_letter_action`


def run_letter_action(slug: str, public_id: str, fn: Callable[..., ActionResult], **url_values: str) -> Response:
    """Run one action on a letter, announce it and redirect. Abort with a 409 after an edit conflict."""

    def run(desk: RequestContext) -> ActionResult:
        letter = _load_letter(desk, public_id)
        with collect_events(desk.session) as events:
            result = fn(desk, letter, **url_values)
            return result._replace(undo_token=get_undo_token(events) if result.message else "")

    result = save_unless_changed(slug, lambda desk: _load_letter(desk, public_id), run)
    if result.message:
        letter_url = url_for("editor.letter", slug=slug, public_id=public_id)
        href, label = letter_url, _("Open it again")
        if result.question_url:
            href, label = result.question_url, _("Go to it")
        announce(result.message, href=href, label=label, undo=result.undo_token, return_url=letter_url)
    return redirect(result.redirect_url, code=303)


def letter_action(path: str) -> Callable[[Callable[..., ActionResult]], Callable[..., Response]]:
    """Register an action on a letter, at the letter's address followed by `path`.

    The function gets the context, the letter, and the values of the URL.
    """

    def declare(fn: Callable[..., ActionResult]) -> Callable[..., Response]:
        view = wraps(fn)(partial(run_letter_action, fn=fn))
        return editor.action(f"/<slug>/letters/<public_id>/{path}", permission="take letters")(view)

    return declare


def _letter_url(desk: RequestContext, letter: Letter) -> str:
    return url_for("editor.letter", slug=desk.newsletter.slug, public_id=letter.public_id)


def question_url(desk: RequestContext, question: Question) -> str:
    return url_for("editor.question", slug=desk.newsletter.slug, public_id=question.public_id)


def _find_next_url(desk: RequestContext, letter: Letter) -> str | None:
    """Return the address of the letter to read after this one: the next of the open list, else the list's first.

    Return None if the list has no other letter. After the last search hit, return the address of the list, since the
    earlier hits have been read.
    """
    filtered_list, before = LETTERS.parse_submitted(desk)
    if filtered_list.search:
        hits = [hit for hit in filtered_list.search_page(letter, 1).rows if hit.id != letter.id]
        if not hits:
            return filtered_list.url()
        return filtered_list.url("editor.letter", public_id=hits[0].public_id, before=before)
    for after in (letter, None):  # None: from the top of the list
        rows = [row for row in filtered_list.listing.page(desk.session, after, 2) if row.id != letter.id]
        if rows:
            return filtered_list.url("editor.letter", public_id=rows[0].public_id, before=before if after else None)
    return None


def _next_url(desk: RequestContext, letter: Letter) -> str:
    """Return `_find_next_url`, or the address of the list of letters instead of None."""
    return _find_next_url(desk, letter) or url_for("editor.letters", slug=desk.newsletter.slug)


def require_reader_letter(desk: RequestContext, letter: Letter) -> Letter:
    """Return the letter if it can be filed as a reader's.

    Raises `InvalidTransition` if an expert wrote it, and `InEdition` if its question is picked or has run.
    """
    if letter.author != "reader":
        raise InvalidTransition("letter", "file as a reader's", letter.author)
    questions.require_can_leave(desk.session, letter)
    return letter


def _get_submitted_question(desk: RequestContext, is_suitable: Callable[[Question], bool]) -> Question | None:
    """Return the question that was selected or whose id or address was typed, or None if the fields are empty.

    Aborts with 404 if there is no such question, and raises `InvalidTransition` if it isn't suitable.
    """
    id_or_address = request.form.get("question_id", "").strip() or request.form.get("question", "")
    if not id_or_address:
        return None
    question = or_404(question_queries.load(desk.session, desk.actor, parse_public_id(id_or_address)))
    if not is_suitable(question):
        raise InvalidTransition("question", "join", question.state)
    return question


@letter_action("file")
def letter_file(desk: RequestContext, letter: Letter) -> ActionResult:
    kind = request.form.get("kind", "")
    if kind not in ("question", "shelf", *FILING_KINDS):
        abort(400)
    check_unchanged(desk, require_reader_letter(desk, letter))
    if kind == "question":
        return _file_to_question(desk, letter)
    if kind == "shelf":
        question = shelve(desk, letter)
        return ActionResult(
            _next_url(desk, letter), _("It is on the shelf, as a question."), question_url(desk, question)
        )
    filing.file(desk.session, desk.actor, letter, kind)
    return ActionResult(_next_url(desk, letter), _("Filed as: %(kind)s.", kind=FILED[kind]))


def shelve(desk: RequestContext, letter: Letter) -> Question:
    """Make the letter a question of its own and put it on the shelf."""
    question = questions.open_question(desk.session, desk.actor, [letter])
    questions.shelve(desk.session, desk.actor, question)
    return question


def _file_to_question(desk: RequestContext, letter: Letter) -> ActionResult:
    """Make the letter a question of its own, or join it to the question that was selected."""
    # A letter may also be joined to a merged question: it counts for the question into which that was merged.
    question = _get_submitted_question(desk, lambda question: question.takes_letters or question.is_merged)
    if question is None:
        new_question_url = question_url(desk, questions.open_question(desk.session, desk.actor, [letter]))
        # If the list has no other letter, go on with the new question.
        next_url = _find_next_url(desk, letter) or new_question_url
        return ActionResult(next_url, _("It is a question of its own now."), new_question_url)
    return _join_question(desk, letter, question)


def _join_question(desk: RequestContext, letter: Letter, question: Question) -> ActionResult:
    questions.join(desk.session, desk.actor, question, [letter])
    return ActionResult(_next_url(desk, letter), _("It belongs to the question now."), question_url(desk, question))


@editor.action("/<slug>/letters/<public_id>/reply", permission="take letters")
def letter_reply(slug: str, public_id: str) -> Response | tuple[str, int]:
    """File an expert's letter. Unless it is a comment or spam, also do what it says, e.g. enter it as the answer."""
    form = request.form
    kind, reason = form.get("kind", ""), form.get("reason", "other")
    if kind not in (*REPLIES, "cannot", "later") or reason not in DECLINE_LABELS:
        abort(400)

    def fn(desk: RequestContext, letter: Letter) -> ActionResult:
        version = submitted_version()
        subjects = incoming_mails.load_subjects(desk.session, [letter])
        assignment = or_404(subjects.get_assignment(letter))
        if kind in ("comment", "spam"):
            check_version(lock_row(desk.session, letter), version)  # `mailed_answers.file` does so itself
            filing.file(desk.session, desk.actor, letter, kind, assignment_id=assignment.id)
        else:
            later_on_text = form.get("later_on", "").strip()
            later_on = parse_day(later_on_text) if later_on_text else incoming_mails.get_default_return_date(desk)
            if kind == "later" and later_on is None:
                raise InvalidField("later_on_not_in_future", "later_on")
            details = mailed_answers.FilingDetails(reason, later_on)
            mailed_answers.file(desk.session, desk.actor, letter, kind, details, version)
        next_url = _next_url_after_reply(desk, letter, assignment, kind)
        message = _("Filed as: %(kind)s.", kind=FILED[kind])
        if kind == "answer":
            frame = mailed_answers.split_answer(letter.body or "", assignment.expert)
            message = f"{message} {incoming_mails.describe_left_out(frame)}".strip()
        return ActionResult(next_url, message)

    try:
        return run_letter_action(slug, public_id, fn)
    except MissingPrecondition as error:
        if error.code != "invalid.later_on_not_in_future":
            raise
        return rerender(
            slug,
            422,
            _render_letter,
            public_id,
            fault=format_error(error),
            later_on=form.get("later_on", ""),
            back=form.get("back", ""),
        )


def _next_url_after_reply(desk: RequestContext, letter: Letter, assignment: Assignment, kind: str) -> str:
    """Return the address of the new answer's edit form, or else of the question, if filed there, or the next letter."""
    question_values: dict[str, Any] = {"slug": desk.newsletter.slug, "public_id": assignment.question.public_id}
    if kind == "answer":
        answer = answers_of(desk.session, [assignment.question_id])[assignment.id]
        return url_for("editor.answer_edit", **question_values, answer_id=answer.public_id)
    if request.form.get("back") == "question":
        return url_for("editor.question", **question_values)
    return _next_url(desk, letter)


@letter_action("end")
def letter_end(desk: RequestContext, letter: Letter) -> ActionResult:
    """End a letter with a reason for its reader, and with the published answer to a question if one was selected."""
    check_unchanged(desk, require_reader_letter(desk, letter))
    answered_question = _get_submitted_question(desk, lambda question: question.is_published)
    end_letter(desk.session, desk.actor, letter, request.form.get("reason", ""), answered_question)
    return ActionResult(_next_url(desk, letter), _("Ended with a kind sentence."))


@letter_action("to-pen")
def letter_to_pen(desk: RequestContext, letter: Letter) -> ActionResult:
    """Return a mail that isn't this expert's to the holding pen."""
    mail = mailed_answers.return_to_pen(desk.session, desk.actor, letter, submitted_version())
    mail_url = url_for("editor.pen_mail", slug=desk.newsletter.slug, public_id=mail.public_id)
    return ActionResult(mail_url, _("It isn’t their letter any more. Say what it is."), mail_url)


@letter_action("<any(reopen, release):move>")
def letter_move(desk: RequestContext, letter: Letter, move: str) -> ActionResult:
    """Reopen a letter, which also takes it out of its question, or release a held one.

    Reopening an expert's letter also undoes what followed from its filing. It is refused if something has happened to
    that since.
    """
    verb: Callable[..., object] = wait_again
    if letter.author != "expert" or move != "reopen":
        require_reader_letter(desk, letter)
        verb = reopen_letter if move == "reopen" else filing.release
    verb(desk.session, desk.actor, letter, submitted_version())
    message = _("It is waiting again.") if move == "reopen" else _("It waits with the others.")
    return ActionResult(_letter_url(desk, letter), message)


@letter_action("alike")
def letter_alike(desk: RequestContext, letter: Letter) -> ActionResult:
    """Join a letter with its look-alike, or record that the two are not the same."""
    is_same = request.form.get("same") == "yes"
    check_unchanged(desk, require_reader_letter(desk, letter))
    look_alike: Any = or_404(load_look_alike(desk, request.form.get("with", "")))
    if look_alike is letter:
        abort(404)
    does_still_match = _record_verdict(desk, letter, request.form.get("pair", ""), is_same)
    if is_same:
        return _join_look_alike(desk, letter, look_alike)
    message = _("They don’t look alike any more: there was nothing to note.")
    if does_still_match:
        message = _("They are not the same: they won’t be shown as look-alikes again.")
    return ActionResult(_letter_url(desk, letter), message)


def _record_verdict(desk: RequestContext, letter: Letter, submitted_pair: str, is_same: bool) -> bool:
    """Record the desk's verdict on a pair, from which matching learns. Return whether the two still match.

    `submitted_pair` is the `LookAlike.pair` of the form.
    """
    matches = {f"{match.noun}.{match.noun_id}": match for match in find_look_alikes(desk, letter)}
    match = matches.get(submitted_pair)
    if match is None:
        return False
    record_verdict(desk.session, desk.actor, ("letter", letter.id), match.key, is_same, match.score, match.matcher)
    if not is_same:
        compare_again(desk.session, [letter.id, *([match.noun_id] if match.noun == "letter" else [])])
    return True


def _join_look_alike(desk: RequestContext, letter: Letter, look_alike: Letter | Question) -> ActionResult:
    """Join a letter to the question of its look-alike, or make one question of the two letters.

    If the question was published, end the letter with its answer instead.
    """
    session, actor = desk.session, desk.actor
    if isinstance(look_alike, Letter):
        is_filed = look_alike.is_filed and look_alike.question_id
        question = session.get(Question, look_alike.question_id) if is_filed else None
        if question is None:
            both = sorted((letter, require_reader_letter(desk, look_alike)), key=lambda row: row.id)
            question = questions.open_question(session, actor, both)
            url = question_url(desk, question)
            return ActionResult(_next_url(desk, letter), _("The two are one question now."), url)
    else:
        question = look_alike
    question = lead_of(session, question)
    if question.is_published:
        end_letter(session, actor, letter, "answered", question)
        return ActionResult(_next_url(desk, letter), _("Answered with what ran."))
    return _join_question(desk, letter, question)


# By the code of an error about a note.
NOTE_FAULTS = {
    "required.note": _l("Write what you want to ask"),
    "too_long.note": _l("A note has 500 characters at most: it asks one thing"),
}


@editor.action("/<slug>/letters/<public_id>/note", permission="take letters")
def letter_note(slug: str, public_id: str) -> Response | tuple[str, int]:
    """Ask the letter's reader something, by a note that they find at the receipt."""

    def fn(desk: RequestContext, letter: Letter) -> ActionResult:
        check_unchanged(desk, letter)
        receipt_notes.leave_note(desk.session, desk.actor, letter, request.form.get("note", ""))
        message = _("It is at the receipt now. The reader finds it there if they come back.")
        return ActionResult(_letter_url(desk, letter), message)

    try:
        return run_letter_action(slug, public_id, fn)
    except (MissingPrecondition, TooLong) as error:
        note = request.form.get("note", "")
        return rerender(slug, 422, _render_letter, public_id, note=note, note_fault=NOTE_FAULTS[error.code])


@letter_action("note/back")
def letter_note_back(desk: RequestContext, letter: Letter) -> ActionResult:
    check_unchanged(desk, letter)
    receipt_notes.take_back_note(desk.session, desk.actor, letter)
    return ActionResult(_letter_url(desk, letter), _("The note is taken back."))


@letter_action("translate")
def letter_translate(desk: RequestContext, letter: Letter) -> ActionResult:
    """Request a machine translation, unless one is there or on its way."""
    if current_app.config["TRANSLATION_SERVER"] is None:
        raise InvalidTransition("letter", "translate", letter.state)
    check_unchanged(desk, letter)
    machine_translation.queue_translation(desk.session, desk.actor, letter, desk.newsletter.language)
    return ActionResult(_letter_url(desk, letter), message="")
