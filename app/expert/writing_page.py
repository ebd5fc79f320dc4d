"""The page on which an expert writes: drafts saved while they type, a preview as printed, and submitting.

Each browser tab with the page saves a draft of its own, so that tabs never overwrite each other's text.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from flask import jsonify, request
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from ..answers import writing
from ..core.domain_errors import InvalidTransition, MissingPrecondition, VersionConflict
from ..db.session import now
from ..editions.items import format_lead_in
from ..text.clean import clean, word_count
from ..web import errors
from ..web.draft_counts import get_known_counts, get_submitted_count
from ..web.error_sentences import format_error
from ..web.formatting import clock_time
from ..web.setup import limit_requests
from .access import AssignmentContext, assignment_route, read_context, render_page, run_in_transaction, to_assignment

OVER = errors.ErrorMessage(
    _l("No answer is needed any more"),
    _l("The question is settled, or somebody else has it. What you wrote was not passed on."),
    errors.PAGES[409].todo,
)


@dataclass(frozen=True)
class AnswerForm:
    """One of the expert's texts, as the form shows it.

    - `answer`, `ties`, `credit_line`, `own_words`: its fields (see `AnswerContent`);
    - `tab`, `next_count`: the draft that this page saves, and the number of its next save;
    - `source`: the tab from whose draft the text comes; not `tab` if this page continues another tab's draft;
    - `known_counts`: the counts of the drafts that the page shows or has shown, by tab.
    """

    answer: str
    ties: str
    credit_line: str
    own_words: bool
    tab: str
    next_count: int
    source: str
    known_counts: Mapping[str, int] = field(default_factory=dict)
    saved_at: datetime | None = None
    was_sent: bool = False

    @property
    def body(self) -> str:
        return self.answer

    @property
    def count(self) -> int:
        """The number of the last save."""
        return self.next_count - 1

    @property
    def knows(self) -> str:
        """The value of the form's field `knows` (see `draft_counts.get_known_counts`)."""
        return json.dumps(dict(self.known_counts))


def new_tab() -> str:
    return secrets.token_hex(4)


def find_unseen_drafts(
    context: AssignmentContext, body: str, draft_kind: str = "answer"
) -> list[writing.DraftSnapshot]:
    """Return the drafts with other texts, by the expert's other tabs, that the submitted page hasn't shown."""
    drafts = writing.list_snapshots(context.session, context.task.assignment, draft_kind)
    return writing.unseen_drafts(drafts, request.form.get("tab", ""), get_known_counts(), body)


def list_sheets(context: AssignmentContext) -> list[AnswerForm]:
    """Return the expert's texts for this assignment, newest first: the draft of each tab, and the submitted text."""
    assignment = context.task.assignment
    drafts = writing.drafts_of(context.session, assignment)
    submitted = writing.submitted_text(context.session, context.task.answer) if context.task.answer else None
    own_words = bool(submitted and submitted.own_words)
    sheets = [
        AnswerForm(
            answer=draft.body,
            ties=draft.ties,
            credit_line=assignment.credit_line if draft.credit_line is None else draft.credit_line,
            own_words=own_words,
            tab=draft.tab,
            next_count=draft.count + 1,
            source=draft.tab,
            known_counts=draft.known_counts,
            saved_at=draft.saved_at,
        )
        for draft in drafts
    ]
    if submitted:
        tab = writing.tab_of_text(submitted)
        sheets.append(
            AnswerForm(
                answer=submitted.body,
                ties=submitted.ties,
                credit_line=assignment.credit_line,
                own_words=own_words,
                tab=tab,
                next_count=submitted.number + 1,
                source=tab,
                known_counts=writing.counts_before(submitted, drafts),
                saved_at=submitted.written_at,
                was_sent=True,
            )
        )
    return sorted(sheets, key=lambda sheet: sheet.saved_at or now(context.session), reverse=True)


def choose_sheet(context: AssignmentContext, sheets: Sequence[AnswerForm], tab: str | None) -> AnswerForm:
    """Return the text of `tab`, or else the newest text.

    Unless it is the draft of `tab` itself, the page continues it in a new draft, and knows this one only: the other
    texts are folded away on the page.
    """
    blank_sheet = AnswerForm(
        answer="",
        ties="",
        credit_line=context.task.assignment.credit_line,
        own_words=False,
        tab="",
        next_count=0,
        source="",
    )
    newest_sheet = sheets[0] if sheets else blank_sheet
    sheet = next((sheet for sheet in sheets if sheet.source == tab), newest_sheet)
    if sheet.tab == tab and not sheet.was_sent:
        return sheet
    return continue_sheet(sheet)


def continue_sheet(sheet: AnswerForm) -> AnswerForm:
    """Return a form that continues a shown text in a new draft."""
    known_counts = {sheet.tab: sheet.count} if sheet.tab else {}
    return replace(sheet, tab=new_tab(), next_count=0, known_counts=known_counts)


def list_other_sheets(sheets: Sequence[AnswerForm], *shown: str) -> list[AnswerForm]:
    """Return the sheets whose texts differ from those already shown: of several with the same text, only the newest.

    The text that was written last comes first.
    """
    # The sheets come newest first. From the oldest on, each replaces an older one with the same text, at its place.
    sheets_by_text = {clean(sheet.answer): sheet for sheet in reversed(sheets)}
    shown_texts = {"", *map(clean, shown)}
    return [sheet for text, sheet in reversed(sheets_by_text.items()) if text not in shown_texts]


def build_submitted_sheet(form: MultiDict[str, str], credit_line: str) -> AnswerForm:
    """Return a sheet with the submitted text, for a page that shows it again."""
    tab = form.get("tab", "") or new_tab()
    return AnswerForm(
        answer=form.get("answer", ""),
        ties=form.get("ties", ""),
        credit_line=form.get("credit_line", credit_line),
        own_words="own_words" in form,
        tab=tab,
        next_count=get_submitted_count() + 1,
        source=tab,
        known_counts=get_known_counts(),
    )


def answer_page(
    context: AssignmentContext,
    sheet: AnswerForm | None = None,
    status: int = 200,
    errors: dict[str, str] | None = None,
    **values: Any,
) -> Response:
    """Render the page with `sheet` in the form, by default the one that `choose_sheet` picks for ?tab=."""
    task = context.task
    sheets = list_sheets(context)
    sheet = sheet or choose_sheet(context, sheets, request.args.get("tab"))
    unseen_sheets = writing.unseen_drafts(sheets, sheet.tab, sheet.known_counts, sheet.answer)
    return render_page(
        context,
        "answer",
        status,
        sheet=sheet,
        word_count=word_count(sheet.answer),
        other_sheets=list_other_sheets(sheets, sheet.answer),
        unseen_tabs=[unseen_sheet.tab for unseen_sheet in unseen_sheets],
        lead_in=format_lead_in(context.session, task.newsletter, task.assignment, task.text.language),
        asker_sentence=task.assignment.question.asker_sentence,
        runs_at=context.runs_at,
        check_until=context.schedule.check_until,
        errors=errors or {},
        **values,
    )


def _read_submission() -> writing.AnswerContent:
    form = request.form
    body = form.get("reply", form.get("answer", ""))
    return writing.AnswerContent(
        body, form.get("ties", ""), "own_words" in form, _changed_credit_line(), get_known_counts()
    )


def save_submitted_draft(context: AssignmentContext) -> writing.DraftSnapshot:
    """Save the submitted text as the draft of its tab."""
    form = request.form
    tab, count = form.get("tab", ""), get_submitted_count()
    draft_kind = "reply" if "reply" in form else "answer"
    return writing.save_draft(
        context.session, context.actor, context.task.assignment, tab, _read_submission(), count, draft_kind
    )


@assignment_route("/draft", "POST")
@limit_requests("90 per minute")
def draft(**view_args: str) -> Response:
    """Save a draft. Scripts get the result as JSON; forms of browsers without scripts are redirected to the page."""

    def save(context: AssignmentContext) -> tuple[writing.DraftSnapshot, dict[str, object]]:
        saved = save_submitted_draft(context)
        state = {
            "at": clock_time(saved.saved_at),
            "kept": saved.count == get_submitted_count(),
            "open": writing.can_submit(context.task.assignment, saved.part),
            "beside": bool(find_unseen_drafts(context, saved.body, saved.part)),
        }
        return saved, state

    saved, state = run_in_transaction(view_args, save, few_columns=True)
    if request.accept_mimetypes.best == "application/json":
        return jsonify(state)
    return to_assignment(view_args, tab=saved.tab, _anchor=saved.part)


@assignment_route("/preview", "POST")
def preview(**view_args: str) -> Response:
    """Show the text as it would be printed, above the form with the submitted values. Stores nothing."""
    with read_context(view_args) as context:
        if context.task.stage == "answer":
            sheet = build_submitted_sheet(request.form, context.task.assignment.credit_line)
            return answer_page(context, sheet, block=context.preview_text(sheet.answer, sheet.credit_line))
    return _render_conflict(view_args)


@assignment_route("/send", "POST")
def send(**view_args: str) -> Response:
    """Submit the answer. If there are texts of other tabs that this page hasn't shown, show them beside it instead."""

    def submit(context: AssignmentContext) -> None:
        assignment = context.task.assignment
        is_open = writing.can_submit(assignment, "answer")
        if is_open and find_unseen_drafts(context, request.form.get("answer", "")):
            raise VersionConflict(f"another page of assignment {assignment.id} has other words")
        writing.submit(context.session, context.actor, assignment, _read_submission())

    try:
        run_in_transaction(view_args, submit)
    except MissingPrecondition as error:
        with read_context(view_args) as context:
            sheet = build_submitted_sheet(request.form, context.task.assignment.credit_line)
            return answer_page(context, sheet, 400, errors={"text": format_error(error)})
    except (VersionConflict, InvalidTransition):
        return _render_conflict(view_args)
    return to_assignment(view_args)


def _render_conflict(view_args: dict[str, str]) -> Response:
    """Save the submitted text as a draft, and show it side by side with the texts from other pages."""
    try:
        run_in_transaction(view_args, save_submitted_draft)
    except InvalidTransition:
        return errors.render_error(409, message=OVER)
    with read_context(view_args) as context:
        assignment = context.task.assignment
        own_sheet = build_submitted_sheet(request.form, assignment.credit_line)
        is_open = writing.can_submit(assignment, "answer")
        if is_open:
            unseen_tabs = {draft.tab for draft in find_unseen_drafts(context, own_sheet.answer)}
            other_sheets = [sheet for sheet in list_sheets(context) if sheet.tab in unseen_tabs]
        else:
            other_sheets = [
                sheet
                for sheet in list_sheets(context)
                if sheet.was_sent and clean(sheet.answer) != clean(own_sheet.answer)
            ]
        if not other_sheets:  # somebody has already submitted the same text
            return to_assignment(view_args)
        shown_counts = {sheet.tab: sheet.count for sheet in (own_sheet, *other_sheets)}
        known_counts = {**own_sheet.known_counts, **shown_counts}
        own_sheet = replace(own_sheet, known_counts=known_counts)
        other_sheets = [replace(continue_sheet(sheet), known_counts=known_counts) for sheet in other_sheets]
        return render_page(context, "both", 409, own_sheet=own_sheet, other_sheets=other_sheets, is_open=is_open)


def _changed_credit_line() -> str | None:
    """Return the credit line if the expert changed it on this page, else None, so that a change by the desk stays."""
    credit_line = request.form.get("credit_line")
    is_unchanged = credit_line == request.form.get("credit_was")
    return None if is_unchanged else credit_line
