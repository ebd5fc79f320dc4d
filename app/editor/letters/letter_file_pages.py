"""Letters from a CSV file of a form service: the choice of its columns, a preview of its rows, and their import.

The right rows become letters; the others come back as a file that says why. Between check and import the file is stored
sealed, for the person who uploaded it, for at most an hour.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from flask import abort, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy.exc import IntegrityError
from werkzeug.wrappers import Response

from ...db.session import now
from ...letters import letter_import
from ...letters.file_days import DAY_FIRST, MONTH_FIRST
from ...letters.letter_file import COLUMNS, MAX_LETTERS, FileChoices, FileLetter, choose, read_letters_sheet
from ...letters.letter_import import LINE_KINDS, LetterPlan
from ...people import spreadsheet, uploads
from ...people.models import Upload
from ...people.spreadsheet import ENCODINGS, MOST_BYTES, Spreadsheet, UnreadableSpreadsheet
from ...web.formatting import zone
from ...web.setup import or_404
from ..form_fields import allow_upload, parse_number
from ..frame import RequestContext, announce, editor, page, read_context, rerender, run_in_transaction
from ..letter_labels import FAULTS
from ..uploaded_files import (
    MAX_MEGABYTES,
    MORE_CELLS,
    csv_response,
    format_unreadable_table,
    get_encoding,
    read_uploaded_file,
)

# By code of `UnreadableSpreadsheet`: what the other imports of files don't say.
UNREADABLE = {
    "empty": _l("There is nothing in this file. Choose a CSV file with column headings and a row for each letter."),
    "wide": _l("There are more than %(columns)d columns in this file. Leave only those that you need."),
}
# By field and code of a `letter_file.RowFault`. Its other codes are those of a letter that is written down.
ROW_FAULTS = FAULTS | {
    ("", "more cells"): MORE_CELLS,
    ("body", "empty"): _l("There is no question"),
    ("day", "unreadable"): _l("This day can’t be read: write it like 2026-07-01"),
    ("day", "future"): _l("This day is in the future"),
}
FIELD_LABELS = {"body": _l("Question"), "background": _l("Background"), "day": _l("Day"), "email": _l("E-mail address")}
COLUMN_LABELS = {
    "question": _l("The question"),
    "background": _l("Background, for the desk only"),
    "day": _l("When they asked"),
    "email": _l("Their address"),
    "language": _l("Language"),
}
ORDER_LABELS = {DAY_FIRST: _l("day, month, year"), MONTH_FIRST: _l("month, day, year")}
FILES_RULE = "/<slug>/letters/files"
ACT = "take letters"
PAGE_SIZE = 100  # rows of the report


def format_unreadable(error: UnreadableSpreadsheet) -> str:
    """Return the sentence for a file that can't be read as a table."""
    return format_unreadable_table(error, UNREADABLE, MAX_LETTERS)


def format_row_faults(letter: FileLetter) -> list[str]:
    """Return a sentence for each fault of a row, after its field if it has one: "Question: it is too long"."""
    sentences = [(field, str(ROW_FAULTS[field, code])) for field, code in letter.faults]
    return [
        _("%(column)s: %(fault)s", column=FIELD_LABELS[field], fault=sentence) if field else sentence
        for field, sentence in sentences
    ]


allow_upload("letters_file", MOST_BYTES, lambda: format_unreadable(UnreadableSpreadsheet("large")))


@editor.restricted_page(FILES_RULE, permission=ACT)
def letters_files(slug: str) -> str:
    with read_context(slug) as desk:
        return _render_file_form(desk)


def _render_file_form(desk: RequestContext, fault: str = "") -> str:
    limits = {"mb": MAX_MEGABYTES, "rows": MAX_LETTERS}
    return page(desk, "editor/letters/files.html", "letters", limits=limits, fault=fault)


@editor.action(FILES_RULE, permission=ACT)
def letters_file(slug: str) -> Response | tuple[str, int]:
    """Store an uploaded file and redirect to its report. Reject a file that no choice of encoding makes readable."""
    data = read_uploaded_file()
    try:
        read_letters_sheet(data)
    except UnreadableSpreadsheet as error:
        if error.code != "encoding" or not data:
            return rerender(slug, 422, _render_file_form, format_unreadable(error))
    file_id = run_in_transaction(slug, lambda desk: uploads.keep(desk.session, desk.actor, data, ACT).public_id)
    return redirect(url_for("editor.letters_report", slug=slug, file_id=file_id), code=303)


@editor.restricted_page(f"{FILES_RULE}/<file_id>", permission=ACT)
def letters_report(slug: str, file_id: str) -> str | Response:
    with read_context(slug) as desk:
        upload = uploads.load(desk.session, desk.actor, file_id, ACT)
        if upload is None:
            announce(_("That file isn’t kept any more. Choose it again."))
            return redirect(url_for("editor.letters_files", slug=slug), code=302)
        return _render_report(desk, upload)


def _get_upload(desk: RequestContext, file_id: str) -> Upload:
    return or_404(uploads.load(desk.session, desk.actor, file_id, ACT))


def _read_choices(sheet: Spreadsheet) -> FileChoices:
    """Return the choices of the query string or the form. Columns are numbered from 1, and 0 is none."""
    columns = {column: parse_number(request.values[column]) - 1 for column in COLUMNS if column in request.values}
    return choose(sheet, columns, request.values.get("order", ""), bool(request.values.get("write")))


def _get_choice_params(choices: FileChoices) -> dict[str, Any]:
    """Return the choices as they stand in addresses and forms."""
    numbers = {column: choices.columns.get(column, -1) + 1 for column in COLUMNS}
    order = {"order": choices.order} if len(choices.orders) > 1 else {}
    return {"as": get_encoding(), **numbers, **order, **({"write": "1"} if choices.keeps_emails else {})}


def _load_plan(desk: RequestContext, upload: Upload) -> tuple[Spreadsheet, FileChoices, LetterPlan]:
    """Read a file in the selected way. Raises `UnreadableSpreadsheet`."""
    sheet = read_letters_sheet(uploads.bytes_of(desk.session, upload), get_encoding())
    choices = _read_choices(sheet)
    today = now(desk.session).astimezone(zone()).date()
    return sheet, choices, letter_import.plan_letters(desk.session, desk.newsletter, sheet, choices, today)


def _render_report(desk: RequestContext, upload: Upload) -> str:
    """Render what an import would do, row by row, or why the file can't be read in the selected encoding."""
    render = partial(
        page,
        desk,
        "editor/letters/file_report.html",
        "letters",
        url_params={"slug": desk.newsletter.slug, "file_id": upload.public_id},
        selected_encoding=get_encoding(),
        encodings=ENCODINGS,
    )
    try:
        sheet, choices, plan = _load_plan(desk, upload)
    except UnreadableSpreadsheet as error:
        return render(fault=format_unreadable(error), plan=None)
    kind = request.args.get("show")
    if kind not in LINE_KINDS:
        kind = next((line_kind for line_kind in LINE_KINDS if plan.counts[line_kind]), "new")
    after = request.args.get("after", 0, int)
    lines = [line for line in plan.lines if line.kind == kind and line.letter.number > after]
    return render(
        sheet=sheet,
        choices=choices,
        choice_params=_get_choice_params(choices),
        columns=_list_column_options(sheet, choices),
        orders=[(order, ORDER_LABELS[order]) for order in choices.orders],
        left_out=[header.strip()[:60] for header in _list_left_out(sheet, choices) if header.strip()],
        plan=plan,
        counts=plan.counts,
        kind=kind,
        rows=lines[:PAGE_SIZE],
        next_row=lines[PAGE_SIZE - 1].letter.number if len(lines) > PAGE_SIZE else None,
        format_row_faults=format_row_faults,
        spam_days=desk.newsletter.spam_days,
    )


def _list_column_options(sheet: Spreadsheet, choices: FileChoices) -> list[tuple[str, Any, int, list[tuple[int, str]]]]:
    """Return name, label, chosen number and options of the select of each column. The question can't be none."""
    headers = [
        (number, header.strip()[:60] or _("Column %(number)d", number=number))
        for number, header in enumerate(sheet.headers, start=1)
    ]
    none = (0, _("not in the file"))
    return [
        (column, label, choices.columns.get(column, -1) + 1, headers if column == "question" else [none, *headers])
        for column, label in COLUMN_LABELS.items()
    ]


def _list_left_out(sheet: Spreadsheet, choices: FileChoices) -> list[str]:
    read_columns = {index for column, index in choices.columns.items() if column != "email" or choices.keeps_emails}
    return [header for index, header in enumerate(sheet.headers) if index not in read_columns]


@editor.action(f"{FILES_RULE}/<file_id>/import", permission=ACT)
def letters_import(slug: str, file_id: str) -> Response | tuple[str, int]:
    """Store the right rows, in several transactions. If one fails, the rest can be imported by the same press again.

    A file with wrong rows is still kept, so that its report can list them and give them back.
    """
    with read_context(slug) as desk:
        upload = _get_upload(desk, file_id)
        try:
            _sheet, choices, plan = _load_plan(desk, upload)
        except UnreadableSpreadsheet:  # not in the selected encoding
            return _render_report(desk, upload), 422
    new_count = sum(_store_batch(slug, letters) for letters in letter_import.split_letters(plan))

    def finish(desk: RequestContext) -> None:
        letter_import.record_import(desk.session, desk.actor, desk.newsletter, plan, new_count)
        kept = uploads.load(desk.session, desk.actor, file_id, ACT)
        if kept and not plan.counts["wrong"]:
            uploads.drop(desk.session, kept)

    run_in_transaction(slug, finish)
    imported_url = url_for("editor.letters", slug=slug, channel=letter_import.CHANNEL)
    message = ngettext("%(num)s letter is new.", "%(num)s letters are new.", new_count)
    announce(message, href=imported_url, label=_("All letters from files"))
    if plan.counts["wrong"]:
        report_params = {**_get_choice_params(choices), "file_id": file_id, "show": "wrong"}
        return redirect(url_for("editor.letters_report", slug=slug, **report_params), code=303)
    return redirect(url_for("editor.letters", slug=slug), code=303)


def _store_batch(slug: str, letters: Sequence[FileLetter]) -> int:
    def store(desk: RequestContext) -> int:
        return letter_import.store_letters(desk.session, desk.actor, desk.newsletter, letters)

    try:
        return run_in_transaction(slug, store)
    except IntegrityError:  # a colleague has just imported one of them; now it is found
        return run_in_transaction(slug, store)


@editor.restricted_page(f"{FILES_RULE}/<file_id>/wrong.csv", permission=ACT)
def letters_wrong_rows(slug: str, file_id: str) -> Response:
    """Return the wrong rows of the file in its own format, with a column that says why."""
    with read_context(slug) as desk:
        try:
            sheet, _choices, plan = _load_plan(desk, _get_upload(desk, file_id))
        except UnreadableSpreadsheet:  # not in the selected encoding
            abort(404)
        wrong_letters = [line.letter for line in plan.lines if line.kind == "wrong"]
        notes = {letter.number: "; ".join(format_row_faults(letter)) for letter in wrong_letters}
        return csv_response(spreadsheet.write_with_notes(sheet, notes), "letters-wrong.csv")


@editor.action(f"{FILES_RULE}/<file_id>/drop", permission=ACT)
def letters_file_drop(slug: str, file_id: str) -> Response:
    run_in_transaction(slug, lambda desk: uploads.drop(desk.session, _get_upload(desk, file_id)))
    announce(_("The file is gone. Nothing was imported."))
    return redirect(url_for("editor.letters_files", slug=slug), code=303)
