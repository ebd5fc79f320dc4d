"""The page on which an expert writes: drafts saved while they type, a preview in print, and sending."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask import jsonify, request
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from ..answers import editing, writing
from ..answers.models import Draft
from ..core.domain_errors import InvalidTransition, MissingPrecondition, VersionConflict
from ..db.session import now
from ..editions.items import format_lead_in
from ..text.clean import clean, word_count
from ..web import errors
from ..web.draft_counts import get_known_counts, get_submitted_count
from ..web.error_sentences import format_error
from ..web.formatting import clock_time
from ..web.setup import limiter
from .access import Visit, assignment_route, change, page, to_assignment, visit

OVER = errors.ErrorMessage(
    _l("No answer needed any more"),
    _l("The question is settled, or somebody else has it. What you wrote was not passed on."),
    errors.PAGES[409].todo,
)


@dataclass(frozen=True)
class Sheet:
    """A text in the form.

    `tab` and `count` identify the draft of this page, and `source` the tab from which the text comes. `knows` has the
    count of each draft when the page was opened, as JSON by tab.
    """

    answer: str
    ties: str
    credit_line: str
    own_words: bool
    tab: str
    count: int
    source: str
    knows: str = "{}"
    saved_at: datetime | None = None
    was_sent: bool = False


def new_tab() -> str:
    return secrets.token_hex(4)


def draft_counts_json(drafts: Sequence[Draft]) -> str:
    """Return the counts of all drafts by tab as JSON, for the field `knows` of a page."""
    return json.dumps({draft.tab: draft.count for draft in drafts})


def find_unseen_drafts(context: Visit, body: str, draft_kind: str = "answer") -> list[writing.DraftSnapshot]:
    """Return the drafts that other pages of this expert saved and that the submitting page can't have known."""
    tab = request.form.get("tab", "")
    others = writing.list_drafts_of_other_tabs(context.session, context.task.assignment, draft_kind, tab)
    return writing.unseen_drafts(others, tab, get_known_counts(), body)


def sheets_of(context: Visit) -> list[Sheet]:
    """Return all the expert's texts for this assignment, newest first: the drafts by tab and the submitted one."""
    assignment = context.task.assignment
    drafts = writing.drafts_of(context.session, assignment)
    submitted = editing.submitted_text(context.session, context.task.answer) if context.task.answer else None
    own_words = bool(submitted and submitted.own_words)
    knows = draft_counts_json(drafts)
    sheets = [
        Sheet(
            answer=draft.body,
            ties=draft.ties,
            credit_line=assignment.credit_line if draft.credit_line is None else draft.credit_line,
            own_words=own_words,
            tab=draft.tab,
            count=draft.count + 1,
            source=draft.tab,
            knows=knows,
            saved_at=draft.saved_at,
        )
        for draft in drafts
    ]
    if submitted:
        tab = f"version {submitted.number}"  # it has no tab, but the pages need a name for it
        sheets.append(
            Sheet(
                answer=submitted.body,
                ties=submitted.ties,
                credit_line=assignment.credit_line,
                own_words=own_words,
                tab=tab,
                count=0,
                source=tab,
                knows=knows,
                saved_at=submitted.written_at,
                was_sent=True,
            )
        )
    return sorted(sheets, key=lambda sheet: sheet.saved_at or now(context.session), reverse=True)


def sheet_of(context: Visit, sheets: Sequence[Sheet], tab: str | None) -> Sheet:
    """Return the newest text, or the one of `tab`. A page that didn't save it continues it in a draft of its own."""
    blank_sheet = Sheet(
        answer="", ties="", credit_line=context.task.assignment.credit_line, own_words=False, tab="", count=0, source=""
    )
    newest_sheet = sheets[0] if sheets else blank_sheet
    sheet = next((sheet for sheet in sheets if sheet.source == tab), newest_sheet)
    if sheet.tab == tab and not sheet.was_sent:
        return sheet
    return replace(sheet, tab=new_tab(), count=0)


def other_texts(sheets: Sequence[Sheet], *shown: str) -> list[Sheet]:
    """Return the texts that differ from those already shown, each once."""
    # Sheets are sorted newest first. Of those with the same text the newest is kept, as the last one wins.
    sheets_by_text = {clean(sheet.answer): sheet for sheet in reversed(sheets)}
    shown_texts = {"", *map(clean, shown)}
    return [sheet for text, sheet in reversed(sheets_by_text.items()) if text not in shown_texts]


def sheet_from(form: MultiDict[str, str], credit_line: str) -> Sheet:
    """Return the submitted text, for a page that shows it again."""
    tab = form.get("tab", "") or new_tab()
    return Sheet(
        answer=form.get("answer", ""),
        ties=form.get("ties", ""),
        credit_line=form.get("credit_line", credit_line),
        own_words="own_words" in form,
        tab=tab,
        count=get_submitted_count() + 1,
        source=tab,
        knows=json.dumps(get_known_counts()),
    )


def answer_page(
    context: Visit, sheet: Sheet | None = None, status: int = 200, errors: dict[str, str] | None = None, **values: Any
) -> Response:
    task = context.task
    edition = context.edition
    sheets = sheets_of(context)
    sheet = sheet or sheet_of(context, sheets, request.args.get("tab"))
    return page(
        context,
        "answer",
        status,
        sheet=sheet,
        word_count=word_count(sheet.answer),
        other_sheets=other_texts(sheets, sheet.answer),
        lead_in=format_lead_in(context.session, task.newsletter, task.assignment, task.text.language),
        readers=task.readers,
        runs_at=edition.runs_at if edition else None,
        check_until=edition.cutoff_at if edition else None,
        errors=errors or {},
        **values,
    )


def _read_submission() -> writing.AnswerContent:
    form = request.form
    body = form.get("reply", form.get("answer", ""))
    return writing.AnswerContent(body, form.get("ties", ""), "own_words" in form, _changed_credit_line())


def keep(context: Visit) -> writing.DraftSnapshot:
    """Save the submitted text as a draft of its page."""
    form = request.form
    tab, count = form.get("tab", ""), get_submitted_count()
    draft_kind = "reply" if "reply" in form else "answer"
    return writing.save_draft(
        context.session, context.actor, context.task.assignment, tab, _read_submission(), count, draft_kind
    )


@assignment_route("/draft", "POST")
@limiter.limit("90 per minute")
def draft(**view_args: str) -> Response:
    """Save a draft of the form. A script gets its status as JSON, a form is redirected to its page."""

    def save(context: Visit) -> tuple[writing.DraftSnapshot, dict[str, object]]:
        saved = keep(context)
        state = {
            "at": clock_time(saved.saved_at),
            "kept": saved.count == get_submitted_count(),
            "open": writing.accepts_drafts(context.task.assignment, saved.part),
            "beside": bool(find_unseen_drafts(context, saved.body, saved.part)),
        }
        return saved, state

    saved, state = change(view_args, save, few=True)
    if request.accept_mimetypes.best == "application/json":
        return jsonify(state)
    return to_assignment(view_args, tab=saved.tab, said="beside" if state["beside"] else None, _anchor=saved.part)


@assignment_route("/preview", "POST")
def preview(**view_args: str) -> Response:
    """Show the text as it would run above the form with everything that was typed. Stores nothing."""
    with visit(view_args) as context:
        if context.task.stage == "answer":
            sheet = sheet_from(request.form, context.task.assignment.credit_line)
            return answer_page(context, sheet, block=context.as_it_would_run(sheet.answer, sheet.credit_line))
    return _render_conflict(view_args)


@assignment_route("/send", "POST")
def send(**view_args: str) -> Response:
    def submit(context: Visit) -> None:
        assignment = context.task.assignment
        is_open = writing.accepts_drafts(assignment, "answer")
        if is_open and find_unseen_drafts(context, request.form.get("answer", "")):
            raise VersionConflict(f"another page of assignment {assignment.id} has other words")
        writing.submit(context.session, context.actor, assignment, _read_submission())

    try:
        change(view_args, submit)
    except MissingPrecondition as error:
        with visit(view_args) as context:
            sheet = sheet_from(request.form, context.task.assignment.credit_line)
            return answer_page(context, sheet, 400, errors={"text": format_error(error)})
    except (VersionConflict, InvalidTransition):
        return _render_conflict(view_args)
    return to_assignment(view_args)


def _render_conflict(view_args: dict[str, str]) -> Response:
    """Save the submitted text as a draft and show it side by side with the one that its page didn't know."""
    try:
        change(view_args, keep)
    except InvalidTransition:
        return errors.render_error(409, message=OVER)
    with visit(view_args) as context:
        assignment = context.task.assignment
        own_sheet = sheet_from(request.form, assignment.credit_line)
        is_open = writing.accepts_drafts(assignment, "answer")
        if is_open:
            unseen_tabs = {draft.tab for draft in find_unseen_drafts(context, own_sheet.answer)}
            other_sheets = [sheet for sheet in sheets_of(context) if sheet.tab in unseen_tabs]
        else:
            other_sheets = [
                sheet
                for sheet in sheets_of(context)
                if sheet.was_sent and clean(sheet.answer) != clean(own_sheet.answer)
            ]
        if not other_sheets:  # the same text has been submitted
            return to_assignment(view_args)
        own_sheet = replace(own_sheet, knows=draft_counts_json(writing.drafts_of(context.session, assignment)))
        return page(context, "both", 409, own_sheet=own_sheet, other_sheets=other_sheets, is_open=is_open)


def _changed_credit_line() -> str | None:
    """Return the credit line if the expert changed it. Otherwise an open page would undo a change by the desk."""
    credit_line = request.form.get("credit_line")
    is_unchanged = credit_line == request.form.get("credit_was")
    return None if is_unchanged else credit_line
