"""Bulk actions on letters: the selected ones of a page, and whole crowds of a flood."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial

from flask import redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from werkzeug.wrappers import Response

from ...audit import collect_events
from ...core.domain_errors import InvalidTransition, VersionConflict
from ...letters import crowds, filing, queries
from ...letters.models import Letter
from ...questions import actions as questions
from ...questions.models import Question
from ...questions.queries import lead_of
from ...web.setup import or_404
from ...workflows.letters.endings import end_letter
from ..bulk import (
    BulkAction,
    BulkActionError,
    BulkForm,
    BulkResult,
    SelectedRows,
    collect_rows,
    get_selected_topic,
    lock_unchanged,
    parse_selected_rows,
)
from ..frame import RequestContext, announce, editor, run_in_transaction
from ..letter_labels import FILED, ONLY_HELD
from ..undo_press import get_undo_token
from .letter_list import FILING_KINDS, LETTERS
from .letter_pages import question_url, require_reader_letter, shelve


def _load(desk: RequestContext, public_id: str) -> Letter | None:
    return queries.load(desk.session, desk.actor, public_id)


def _for_reader_letters(fn: Callable[[RequestContext, Letter], object]) -> Callable[[RequestContext, Letter], object]:
    """Wrap an action so that it raises the errors of `require_reader_letter`."""
    return lambda desk, letter: fn(desk, require_reader_letter(desk, letter))


def _file(kind: str, desk: RequestContext, letter: Letter) -> None:
    filing.file(desk.session, desk.actor, letter, kind)


def _end(desk: RequestContext, letter: Letter) -> None:
    end_letter(desk.session, desk.actor, letter, request.form.get("reason", ""))


def _add_topic(desk: RequestContext, letter: Letter) -> None:
    """Put the letter's question under the selected topic. A letter without a question gets one."""
    topic = get_selected_topic(desk)
    question = _get_question(desk, letter)
    if question is None:
        question = questions.open_question(desk.session, desk.actor, [letter])
    questions.add_topic(desk.session, desk.actor, question, topic.id)


def _get_question(desk: RequestContext, letter: Letter) -> Question | None:
    """Return the question that a letter is filed to, or the one into which that was merged; None if it has none."""
    if not letter.is_filed or letter.question_id is None:
        return None
    return lead_of(desk.session, desk.session.get_one(Question, letter.question_id))


def _make_one_question(desk: RequestContext, selected_rows: SelectedRows) -> tuple[BulkResult, str]:
    """Make one question of the selected letters, or join them to the oldest question that some of them are filed to.

    Letters that are filed to another question are refused. Return the result, and the address of the question, or ""
    if no letter was joined.
    """

    def load_letter(public_id: str, version: int) -> Letter:
        return require_reader_letter(desk, lock_unchanged(desk, _load(desk, public_id), version))

    outcome, letters = collect_rows(selected_rows, load_letter)
    questions_by_letter = {letter.id: _get_question(desk, letter) for letter in letters}
    existing_questions = [question for question in questions_by_letter.values() if question]
    target = min(existing_questions, key=lambda question: question.id, default=None)
    joining_letters = [letter for letter in letters if questions_by_letter[letter.id] is None]
    joining_letters.sort(key=lambda letter: letter.id)
    other_letters = [letter for letter in letters if questions_by_letter[letter.id] not in (None, target)]
    reason = _("it belongs to another question: merge the two in the list of questions")
    outcome.refused += [(letter.public_id, BulkActionError(reason)) for letter in other_letters]
    if target is not None and not target.takes_letters:
        reason = _("the question that it would join has ended, or ran")
        outcome.refused += [(letter.public_id, BulkActionError(reason)) for letter in joining_letters]
        joining_letters = []
    with collect_events(desk.session) as events:
        if target is not None and joining_letters:
            questions.join(desk.session, desk.actor, target, joining_letters)
        elif joining_letters:
            target = questions.open_question(desk.session, desk.actor, joining_letters)
        outcome.done, outcome.undo_tokens = len(joining_letters), [get_undo_token(events)]
    result_url = question_url(desk, or_404(target)) if joining_letters else ""
    return outcome, result_url


BulkForm(
    checkbox_name="letter",
    load=_load,
    actions={
        "question": BulkAction(
            _l("Make one question of them"),
            _make_one_question,
            shortcut="merge",
            act="word",
            all_at_once=True,
            format_done=lambda number: ngettext(
                "One letter belongs to the question now.", "%(num)s letters belong to one question now.", number
            ),
        ),
        **{
            kind: BulkAction(FILED[kind], _for_reader_letters(partial(_file, kind)), shortcut=kind)
            for kind in FILING_KINDS
        },
        "shelf": BulkAction(_l("Shelve"), _for_reader_letters(shelve), shortcut="shelf", act="word"),
        "end": BulkAction(
            _l("End kindly"), _for_reader_letters(_end), shortcut="end", choose="reason", choose_label=_l("End with")
        ),
        "topic": BulkAction(
            _l("A question each, under this topic"), _for_reader_letters(_add_topic), act="word", choose="topic"
        ),
    },
    get_return_page=LETTERS.get_return_page,
    format_done=lambda number: ngettext("One letter is done.", "%(num)s letters are done.", number),
    empty_message=_l("Nothing was done. Select the letters first."),
    link_label=_l("Go to the question"),
).register("letters", "letters_bulk", "take letters")


@editor.action("/<slug>/letters/crowds", permission="take letters")
def letter_crowds(slug: str) -> Response:
    """File the selected crowds as spam."""

    def file_crowd(desk: RequestContext, first_letter: Letter, shown_standing: int) -> int:
        crowds.sweep(desk.session, desk.actor, first_letter, shown_standing)
        return 1

    filed_count, undo_token = _change_crowds(slug, parse_selected_rows("crowd", crowds.SHOWN_CROWDS), file_crowd)
    message = _("Nothing was done. Select one of the groups below.")
    if filed_count:
        message = ngettext("The crowd is filed as spam.", "%(num)s crowds are filed as spam.", filed_count)
    return _announce_and_redirect(message, undo_token, url_for("editor.letters", slug=slug, state=ONLY_HELD))


@editor.action("/<slug>/letters/crowds/hold", permission="take letters")
def letter_crowds_hold(slug: str) -> Response:
    """Hold the letters of the selected crowd."""

    def hold_crowd(desk: RequestContext, first_letter: Letter, shown_number: int) -> int:
        return crowds.hold(desk.session, desk.actor, first_letter, shown_number)

    held_count, undo_token = _change_crowds(slug, parse_selected_rows("crowd", limit=1), hold_crowd)
    message = _("Nothing was done. More have come: look again.")
    if held_count:
        message = ngettext("One letter is held.", "%(num)s letters are held.", held_count)
    return _announce_and_redirect(message, undo_token, url_for("editor.letters", slug=slug))


def _change_crowds(
    slug: str, selected_crowds: SelectedRows, change: Callable[[RequestContext, Letter, int], int]
) -> tuple[int, str]:
    """Apply `change` to the selected crowds. Return the sum of its results, and an undo token.

    A crowd is selected by its first letter, and by its standing or size as the page showed it. Crowds that have changed
    or grown since are left alone: the page shows them again.
    """

    def fn(desk: RequestContext) -> tuple[int, str]:
        total = 0
        with collect_events(desk.session) as events:
            for public_id, shown_number in selected_crowds:
                first_letter = or_404(queries.load(desk.session, desk.actor, public_id))
                with suppress(InvalidTransition, VersionConflict):
                    total += change(desk, first_letter, shown_number)
            return total, get_undo_token(events)

    return run_in_transaction(slug, fn)


def _announce_and_redirect(message: str, undo_token: str, return_url: str) -> Response:
    announce(message, undo=undo_token, return_url=return_url)
    return redirect(return_url, code=303)
