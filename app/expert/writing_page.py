"""The sheet to write on: drafts that are kept while one types, a look at it in print, and Send."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import jsonify, request
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from ..answers import editing, writing
from ..answers.models import Draft
from ..editions.block_data import lead_in
from ..lifecycle import Missing
from ..questions.queries import letters_of
from ..text import word_count
from ..web import limiter
from .access import Visit, at, change, page, to_assignment, visit


@dataclass(frozen=True)
class Sheet:
    """The text on the page to write on. `tab` and `count` name this page's draft, `source` what the text came from."""

    answer: str
    ties: str
    credit_line: str
    own_words: bool
    tab: str
    count: int
    source: str
    saved_at: datetime | None = None


def new_tab() -> str:
    return secrets.token_hex(4)


def sheet_of(found: Visit, tab: str | None = None) -> Sheet:
    """The newest draft, or the one of `tab`, to go on with; else what was sent before, else nothing."""
    row = found.task.assignment
    drafts = writing.drafts_of(found.session, row)
    draft = next((one for one in drafts if one.tab == tab), drafts[0] if drafts else None)
    sent = editing.submitted_text(found.session, found.task.answer) if found.task.answer else None
    own_words = bool(sent and sent.own_words)
    if draft:
        # Only the page that saved it goes on in its row; any other page starts one of its own.
        mine = draft.tab == tab
        return Sheet(
            answer=draft.body,
            ties=draft.ties,
            credit_line=row.credit_line if draft.credit_line is None else draft.credit_line,
            own_words=own_words,
            tab=draft.tab if mine else new_tab(),
            count=draft.count + 1 if mine else 0,
            source=draft.tab,
            saved_at=draft.saved_at,
        )
    body, ties, source = (sent.body, sent.ties, f"version {sent.number}") if sent else ("", "", "")
    return Sheet(body, ties, row.credit_line, own_words, new_tab(), 0, source)


def sheet_from(form: MultiDict[str, str], credit_line: str) -> Sheet:
    """Return what was just typed, for a page that shows it again."""
    tab = form.get("tab", "") or new_tab()
    return Sheet(
        answer=form.get("answer", ""),
        ties=form.get("ties", ""),
        credit_line=form.get("credit_line", credit_line),
        own_words="own_words" in form,
        tab=tab,
        count=form.get("count", 0, int) + 1,
        source=tab,
    )


def answer_page(
    found: Visit, sheet: Sheet | None = None, status: int = 200, errors: dict[str, str] | None = None, **values: Any
) -> Response:
    task = found.task
    sheet = sheet or sheet_of(found, request.args.get("tab"))
    return page(
        found,
        "answer",
        status,
        sheet=sheet,
        written=word_count(sheet.answer),
        drafts=[draft for draft in writing.drafts_of(found.session, task.assignment) if draft.body.strip()],
        lead_in=lead_in(found.session, task.newsletter, task.assignment, task.text.language),
        readers=len(letters_of(found.session, task.assignment.question)),
        runs_at=found.runs_at,
        check_until=found.edition.cutoff_at if found.edition else None,
        errors=errors or {},
        **values,
    )


@at("/draft", "POST")
@limiter.limit("90 per minute")
def draft(**way: str) -> Response:
    """Keep what is being typed. A script gets told what is kept, a form gets its page again."""
    form = request.form
    tab, count = form.get("tab", ""), form.get("count", 0, int)
    part = "reply" if "reply" in form else "answer"
    written = writing.Written(form.get(part, ""), form.get("ties", ""), credit_line=_corrected())

    def save(found: Visit) -> Draft:
        return writing.save_draft(found.session, found.actor, found.task.assignment, tab, written, count, part)

    kept = change(way, save)
    if request.accept_mimetypes.best == "application/json":
        return jsonify(saved_at=kept.saved_at.isoformat(), kept=kept.count == count)
    return to_assignment(way, tab=kept.tab, _anchor=part)


@at("/preview", "POST")
def preview(**way: str) -> Response:
    """The text as it would run, above the sheet with everything that was typed. Changes nothing."""
    with visit(way) as found:
        if found.task.stage != "answer":
            return to_assignment(way)
        sheet = sheet_from(request.form, found.task.assignment.credit_line)
        return answer_page(found, sheet, block=found.as_it_would_run(sheet.answer, sheet.credit_line))


@at("/send", "POST")
def send(**way: str) -> Response:
    form = request.form
    written = writing.Written(form.get("answer", ""), form.get("ties", ""), "own_words" in form, _corrected())
    try:
        change(way, lambda found: writing.submit(found.session, found.actor, found.task.assignment, written))
    except Missing:
        with visit(way) as found:
            sheet = sheet_from(form, found.task.assignment.credit_line)
            return answer_page(found, sheet, 400, errors={"text": _("There is no text yet.")})
    return to_assignment(way)


def _corrected() -> str | None:
    """The credit line if it was changed here: what the desk set meanwhile is not undone by a page that was open."""
    typed, shown = request.form.get("credit_line"), request.form.get("credit_was")
    return None if typed is None or typed == shown else typed
