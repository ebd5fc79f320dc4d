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
from ..conflict import check_unchanged, number_shown, save_unless_changed
from ..form_fields import parse_day, parse_public_id
from ..frame import RequestContext, announce, editor, page, read_context, require_row
from ..letter_labels import FILED, REPLIES
from ..question_labels import DECLINE_LABELS
from ..undo_press import get_undo_token
from .letter_list import KINDS, LETTERS, list_of, pane_of
from .letter_look_alikes import find_look_alikes, row_of


@editor.get("/<slug>/letters")
def letters(slug: str) -> str | Response:
    with read_context(slug) as desk:
        if above := request.args.get("above"):
            return redirect(LETTERS.read(desk, request.args).above(above))
        return page(desk, "editor/letters/letters.html", "letters", item=None, **list_of(desk))


def the_letter(desk: RequestContext, public_id: str) -> Letter:
    letter = queries.load(desk.session, desk.actor, public_id)
    return require_row(desk, letter, "editor.letter", public_id, _("Back to the letter"))


@editor.get("/<slug>/letters/<public_id>")
def letter(slug: str, public_id: str) -> str:
    with read_context(slug) as desk:
        return open_letter(desk, the_letter(desk, public_id))


def open_letter(desk: RequestContext, item: Letter, **rejected_form: str) -> str:
    """Render a letter beside its list. `rejected_form` has the submitted values and the fault of a rejected form."""
    listed = list_of(desk, item)
    pane = pane_of(desk, item, listed["editions"])
    pane["filings"] = pane["filings"] and pane["filings"] | rejected_form
    return page(desk, "editor/letters/letters.html", "letters", **listed, **pane, rejected_form=rejected_form)


def letter_address(desk: RequestContext, letter: Letter) -> str:
    return url_for("editor.letter", slug=desk.newsletter.slug, public_id=letter.public_id)


class Done(NamedTuple):
    """The result of an action: the next page, the message, the question that it made or joined, and the undo token."""

    href: str
    words: str
    question: str = ""
    press: str = ""


def press(slug: str, public_id: str, fn: Callable[..., Done], **values: str) -> Response:
    """Run one action on a letter, announce it and redirect. After an edit conflict, say who was first."""

    def watching(desk: RequestContext) -> Done:
        one = the_letter(desk, public_id)
        with collect_events(desk.session) as events:
            done = fn(desk, one, **values)
            desk.session.flush()
            return done._replace(press=get_undo_token(events) if done.words else "")

    done = save_unless_changed(slug, lambda desk: the_letter(desk, public_id), watching)
    if done.words:
        back = url_for("editor.letter", slug=slug, public_id=public_id)
        href, label = (done.question, _("Go to it")) if done.question else (back, _("Open it again"))
        announce(done.words, href=href, label=label, undo=done.press, return_url=back)
    return redirect(done.href, code=303)


def letter_press(path: str) -> Callable[[Callable[..., Done]], Callable[..., Response]]:
    """Declare an action on a letter, at the letter's address followed by `path`.

    The function gets the context, the letter, and the values of the URL.
    """

    def declare(fn: Callable[..., Done]) -> Callable[..., Response]:
        view = wraps(fn)(partial(press, fn=fn))
        return editor.press(f"/<slug>/letters/<public_id>/{path}", "take letters")(view)

    return declare


def next_letter_url(desk: RequestContext, after: Letter) -> str | None:
    """Return the address of the letter to read next: the following one of the open list, else its first, or None."""
    listed, before = LETTERS.of_form(desk)
    if listed.search:  # never goes back to earlier hits, which have been read
        rows = [one for one in listed.hits(after, 1).rows if one.id != after.id]
        return listed.address("editor.letter", public_id=rows[0].public_id, before=before) if rows else listed.address()
    for start in (after, None):
        rows = [one for one in listed.listing.page(desk.session, start, 2) if one.id != after.id]
        if rows:
            return listed.address("editor.letter", public_id=rows[0].public_id, before=before if start else None)
    return None


def go_on(desk: RequestContext, after: Letter) -> str:
    return next_letter_url(desk, after) or url_for("editor.letters", slug=desk.newsletter.slug)


def require_reader_letter(desk: RequestContext, letter: Letter) -> Letter:
    """Return the letter if it can be filed as a reader's.

    Raises `InvalidTransition` if an expert wrote it, and `InEdition` if its question is picked or has run.
    """
    if letter.author != "reader":
        raise InvalidTransition("letter", "file as a reader's", letter.author)
    questions.can_leave(desk.session, letter)
    return letter


def question_typed(desk: RequestContext, fits: Callable[[Question], bool]) -> Question | None:
    """Return the question that was selected, or whose id or address was typed, or None. 404 if there is no such
    question.

    Raises `InvalidTransition` unless it `fits`.
    """
    typed = request.form.get("question_id", "").strip() or request.form.get("question", "")
    if not typed:
        return None
    question = or_404(question_queries.load(desk.session, desk.actor, parse_public_id(typed)))
    if not fits(question):
        raise InvalidTransition("question", "join", question.state)
    return question


def address_of(desk: RequestContext, question: Question) -> str:
    return url_for("editor.question", slug=desk.newsletter.slug, public_id=question.public_id)


@letter_press("file")
def letter_file(desk: RequestContext, letter: Letter) -> Done:
    kind = request.form.get("kind", "")
    if kind not in ("question", "shelf", *KINDS):
        abort(400)
    check_unchanged(desk, require_reader_letter(desk, letter))
    if kind == "question":
        return _to_question(desk, letter)
    if kind == "shelf":
        question = shelve(desk, letter)
        return Done(go_on(desk, letter), _("It lies on the shelf, as a question."), address_of(desk, question))
    filing.file(desk.session, desk.actor, letter, kind)
    return Done(go_on(desk, letter), _("Filed as: %(kind)s.", kind=FILED[kind]))


def shelve(desk: RequestContext, letter: Letter) -> Question:
    """Make the letter a question of its own and put it on the shelf."""
    question = questions.open_question(desk.session, desk.actor, [letter])
    questions.shelve(desk.session, desk.actor, question)
    return question


def _to_question(desk: RequestContext, one: Letter) -> Done:
    """Make the letter a question of its own, or join it to the question that was selected."""
    question = question_typed(desk, lambda one: one.takes_letters or one.is_merged)  # a merged one: joins its lead
    if question is None:
        question = questions.open_question(desk.session, desk.actor, [one])
        there = address_of(desk, question)
        # If no other letter waits, the new question comes next.
        return Done(next_letter_url(desk, one) or there, _("It is a question of its own now."), there)
    questions.join(desk.session, desk.actor, question, [one])
    return Done(go_on(desk, one), _("It stands behind the question now."), address_of(desk, question))


@editor.press("/<slug>/letters/<public_id>/reply", "take letters")
def letter_reply(slug: str, public_id: str) -> Response | tuple[str, int]:
    """File an expert's letter, which moves their assignment or answer along."""
    form = request.form
    kind, reason = form.get("kind", ""), form.get("reason", "other")
    if kind not in (*REPLIES, "cannot", "later") or reason not in DECLINE_LABELS:
        abort(400)

    def fn(desk: RequestContext, one: Letter) -> Done:
        version = number_shown()
        assignment = or_404(incoming_mails.load_subjects(desk.session, [one]).expert(one))
        if kind in ("comment", "spam"):
            check_version(lock_row(desk.session, one), version)
            filing.file(desk.session, desk.actor, one, kind, assignment_id=assignment.id)
        else:
            typed_on = form.get("later_on", "").strip()
            day = parse_day(typed_on) if typed_on else incoming_mails.get_default_return_date(desk)
            if kind == "later" and day is None:
                raise InvalidField("later_on_not_in_future", "later_on")
            mailed_answers.file(desk.session, desk.actor, one, kind, mailed_answers.FilingDetails(reason, day), version)
        return Done(_after_reply(desk, one, assignment, kind), _("Filed as: %(kind)s.", kind=FILED[kind]))

    try:
        return press(slug, public_id, fn)
    except MissingPrecondition as missing:
        if missing.code != "invalid.later_on_not_in_future":
            raise
        typed = {"later_on": form.get("later_on", ""), "back": form.get("back", "")}
        with read_context(slug) as desk:
            return open_letter(desk, the_letter(desk, public_id), fault=format_error(missing), **typed), 422


def _after_reply(desk: RequestContext, letter: Letter, assignment: Assignment, kind: str) -> str:
    """Return the next page: the edit form of an answer, else the page from which the letter was filed."""
    at: dict[str, Any] = {"slug": desk.newsletter.slug, "public_id": assignment.question.public_id}
    if kind == "answer":
        answer = answers_of(desk.session, [assignment.question_id])[assignment.id]
        return url_for("editor.answer_edit", **at, answer_id=answer.public_id)
    return url_for("editor.question", **at) if request.form.get("back") == "question" else go_on(desk, letter)


@letter_press("end")
def letter_end(desk: RequestContext, one: Letter) -> Done:
    check_unchanged(desk, require_reader_letter(desk, one))
    answer = question_typed(desk, lambda one: one.is_published)
    end_letter(desk.session, desk.actor, one, request.form.get("reason", ""), answer)
    return Done(go_on(desk, one), _("Ended with a kind sentence."))


@letter_press("to-pen")
def letter_to_pen(desk: RequestContext, letter: Letter) -> Done:
    """Return a mail that isn't this expert's to the holding pen."""
    row = mailed_answers.return_to_pen(desk.session, desk.actor, letter, number_shown())
    there = url_for("editor.pen_mail", slug=desk.newsletter.slug, public_id=row.public_id)
    return Done(there, _("It isn’t their letter any more. Say what it is."), there)


@letter_press("<any(reopen, release):move>")
def letter_move(desk: RequestContext, letter: Letter, move: str) -> Done:
    """Reopen a letter, which also takes it out of its question, or release a held one.

    Reopening an expert's letter undoes what followed from its filing, unless somebody has gone on from there.
    """
    verb = {"reopen": reopen_letter, "release": filing.release}[move]
    if move == "reopen" and letter.author == "expert":
        verb = wait_again
    else:
        require_reader_letter(desk, letter)
    verb(desk.session, desk.actor, letter, number_shown())
    return Done(
        letter_address(desk, letter), _("It waits again.") if move == "reopen" else _("It waits with the others.")
    )


@letter_press("alike")
def letter_alike(desk: RequestContext, letter: Letter) -> Done:
    """Join a letter with its look-alike, or record that the two are not the same."""
    same = request.form.get("same") == "yes"
    check_unchanged(desk, require_reader_letter(desk, letter))
    other: Any = or_404(row_of(desk, request.form.get("with", "")))
    or_404(other if other is not letter else None)  # a letter can't be its own look-alike
    noted = _remember(desk, letter, request.form.get("pair", ""), same)
    if same:
        return _join(desk, letter, other)
    words = _("They are not the same, and are not shown to each other again.")
    return Done(
        letter_address(desk, letter),
        words if noted else _("They don’t look alike any more: there was nothing to note."),
    )


def _remember(desk: RequestContext, letter: Letter, pair_shown: str, is_same: bool) -> bool:
    """Record the desk's verdict on a pair, from which matching learns. Return whether the two still match."""
    pair = next((each for each in find_look_alikes(desk, letter) if f"{each.noun}.{each.noun_id}" == pair_shown), None)
    if pair is None:
        return False
    record_verdict(desk.session, desk.actor, ("letter", letter.id), pair.key, is_same, pair.score, pair.matcher)
    if not is_same:
        compare_again(desk.session, [letter.id, *([pair.noun_id] if pair.noun == "letter" else [])])
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


NOTE_FAULTS = {
    "required.note": _l("Write what you want to ask"),
    "too_long.note": _l("A note has 500 characters at most: it asks one thing"),
}


def _leave_note(desk: RequestContext, letter: Letter) -> Done:
    check_unchanged(desk, letter)
    receipt_notes.leave(desk.session, desk.actor, letter, request.form.get("note", ""))
    return Done(
        letter_address(desk, letter), _("It stands at the receipt now. Its reader finds it there, if they come back.")
    )


@editor.press("/<slug>/letters/<public_id>/note", "take letters")
def letter_note(slug: str, public_id: str) -> Response | tuple[str, int]:
    try:
        return press(slug, public_id, _leave_note)
    except (MissingPrecondition, TooLong) as fault:
        with read_context(slug) as desk:
            tried = {"note": request.form.get("note", ""), "note_fault": NOTE_FAULTS[fault.code]}
            return open_letter(desk, the_letter(desk, public_id), **tried), 422


@letter_press("note/back")
def letter_note_back(desk: RequestContext, letter: Letter) -> Done:
    check_unchanged(desk, letter)
    receipt_notes.take_back(desk.session, desk.actor, letter)
    return Done(letter_address(desk, letter), _("The note is taken back."))


@letter_press("translate")
def letter_translate(desk: RequestContext, letter: Letter) -> Done:
    """Request a machine translation, unless one is there or on its way."""
    if current_app.config["TRANSLATION_SERVER"] is None:
        raise InvalidTransition("letter", "translate", letter.state)
    check_unchanged(desk, letter)
    machine_translation.queue_translation(desk.session, desk.actor, letter, desk.newsletter.language)
    return Done(letter_address(desk, letter), "")
