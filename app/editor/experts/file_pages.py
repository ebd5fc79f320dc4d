"""The directory as a CSV file: an import that is checked row by row first, and a complete export.

The rows that are right are imported together; the others come back as a file that says why. Between check and import
the file is stored sealed, for the person who uploaded it, for at most an hour. Uploading it twice instead could import
another file than the one that was checked.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

from flask import Response, abort, redirect, request, stream_with_context, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from werkzeug.wrappers import Response as BaseResponse

from ...core.domain_errors import VersionConflict
from ...core.fields import FieldError
from ...people import directory_import, spreadsheet, uploads
from ...people.expert_file import (
    FIELDS,
    REQUIRED_COLUMNS,
    Fault,
    begin_export,
    columns_by_header,
    export_headers,
    export_rows,
    list_headers,
)
from ...people.models import Upload
from ...people.spreadsheet import ENCODINGS, MOST_BYTES, MOST_ROWS, Spreadsheet, UnreadableSpreadsheet
from ...web.setup import db, or_404
from ..form_fields import allow_upload, field_labels, format_fault
from ..frame import RequestContext, announce, editor, page, read_context, rerender, run_in_transaction
from ..uploaded_files import (
    MAX_MEGABYTES,
    MORE_CELLS,
    csv_headers,
    csv_response,
    format_unreadable_table,
    get_encoding,
    read_uploaded_file,
)
from .directory_page import get_search_params

# By code of `UnreadableSpreadsheet`: what the other imports of files don't say.
UNREADABLE = {
    "empty": _l("There is nothing in this file. Choose a CSV file with column headings and a row for each expert."),
    "columns": _l("No column is called “name”, so nobody can be found in it. The column headings are: %(heads)s."),
    "twice": _l("Two columns say the same: %(column)s. Leave one of them."),
}
# By code of an `expert_file.Fault`. Its other codes are those of `FieldError`.
FAULTS = {
    "missing": _l("Nobody is named here."),
    "twice": _l("Row %(row)d is about the same expert already."),
    "unknown": _l("Nobody in the directory has this number. Leave the cell empty for somebody new."),
    "of another": _l("This address is %(name)s’s, and the number is somebody else’s."),
    "changed": _l("They have another address already. Change it on their page, so that their links go to the new one."),
    "of the desk": _l("This is the address of somebody at the desk. Add them by hand, if they answer questions too."),
    "several": _l("%(count)d experts have this name. Say which by an address or the number of an export."),
    "more cells": MORE_CELLS,
}
FILES_RULE = "/<slug>/experts/files"
PAGE_SIZE = 100  # rows of the report


def format_unreadable(error: UnreadableSpreadsheet) -> str:
    """Return the sentence for a file that can't be read as a table."""
    if column := error.values.get("column"):
        error = UnreadableSpreadsheet(error.code, column=field_labels(FIELDS).get(column, column))
    return format_unreadable_table(error, UNREADABLE, MOST_ROWS)


def format_row_fault(fault: Fault) -> str:
    """Return the sentence for a fault, after its column if it has one: "E-mail address: this isn't ..."."""
    column, code, values = fault
    sentence = str(FAULTS[code]) % values if code in FAULTS else format_fault(FieldError(code, **values))
    return _("%(column)s: %(fault)s", column=field_labels(FIELDS)[column], fault=sentence) if column else sentence


def write_wrong_rows(sheet: Spreadsheet, plan: directory_import.ImportPlan) -> bytes:
    """Return the wrong rows of a file in its own format, with a column that says why."""
    notes = {line.number: " ".join(map(format_row_fault, line.faults)) for line in plan.lines if line.faults}
    return spreadsheet.write_with_notes(sheet, notes)


allow_upload("expert_file", MOST_BYTES, lambda: format_unreadable(UnreadableSpreadsheet("large")))


@editor.restricted_page(FILES_RULE, permission="whole directory")
def expert_files(slug: str) -> str:
    with read_context(slug) as desk:
        return _render_file_form(desk)


def _render_file_form(desk: RequestContext, fault: str = "") -> str:
    columns = [(label, list_headers(column)[0]) for column, label in field_labels(FIELDS).items()]
    limits = {"mb": MAX_MEGABYTES, "rows": MOST_ROWS}
    return page(
        desk,
        "editor/experts/files.html",
        "experts",
        columns=columns,
        limits=limits,
        search_params=get_search_params(),
        fault=fault,
    )


@editor.action(FILES_RULE, permission="whole directory")
def expert_file(slug: str) -> BaseResponse | tuple[str, int]:
    """Store an uploaded file and redirect to its report. Reject a file that no choice of encoding makes readable."""
    data = read_uploaded_file()
    try:
        spreadsheet.read(data, columns_by_header(), REQUIRED_COLUMNS)
    except UnreadableSpreadsheet as error:
        if error.code not in ("encoding", "columns") or not data:
            return rerender(slug, 422, _render_file_form, format_unreadable(error))
    file_id = run_in_transaction(slug, lambda desk: uploads.keep(desk.session, desk.actor, data).public_id)
    return redirect(url_for("editor.expert_report", slug=slug, file_id=file_id), code=303)


@editor.restricted_page(f"{FILES_RULE}/<file_id>", permission="whole directory")
def expert_report(slug: str, file_id: str) -> str | BaseResponse:
    with read_context(slug) as desk:
        upload = uploads.load(desk.session, desk.actor, file_id)
        if upload is None:
            announce(_("That file isn’t kept any more. Choose it again."))
            return redirect(url_for("editor.expert_files", slug=slug), code=302)
        return _render_report(desk, upload)


def _get_upload(desk: RequestContext, file_id: str) -> Upload:
    return or_404(uploads.load(desk.session, desk.actor, file_id))


def _load_import_plan(desk: RequestContext, upload: Upload) -> tuple[Spreadsheet, directory_import.ImportPlan]:
    sheet = spreadsheet.read(
        uploads.bytes_of(desk.session, upload), columns_by_header(), REQUIRED_COLUMNS, get_encoding()
    )
    return sheet, directory_import.plan_import(desk.session, sheet)


def _render_report(desk: RequestContext, upload: Upload, fault: str = "") -> str:
    """Render what an import would do, row by row, or why the file can't be read in the selected encoding."""
    render = partial(
        page,
        desk,
        "editor/experts/report.html",
        "experts",
        url_params={"slug": desk.newsletter.slug, "file_id": upload.public_id},
        selected_encoding=get_encoding(),
        encodings=ENCODINGS,
        upload=upload,
    )
    try:
        sheet, plan = _load_import_plan(desk, upload)
    except UnreadableSpreadsheet as error:
        return render(fault=format_unreadable(error), plan=None)
    kind = request.args.get("show")
    if kind not in directory_import.LINE_KINDS:
        kind = next((line_kind for line_kind in directory_import.LINE_KINDS if plan.counts[line_kind]), "new")
    after = request.args.get("after", 0, int)
    lines = [line for line in plan.lines if line.kind == kind and line.number > after]
    return render(
        sheet=sheet,
        plan=plan,
        counts=plan.counts,
        kind=kind,
        rows=lines[:PAGE_SIZE],
        next_row=lines[PAGE_SIZE - 1].number if len(lines) > PAGE_SIZE else None,
        columns=field_labels(FIELDS),
        format_row_fault=format_row_fault,
        fault=fault,
    )


@editor.action(f"{FILES_RULE}/<file_id>/import", permission="whole directory")
def expert_import(slug: str, file_id: str) -> BaseResponse | tuple[str, int]:
    """Import the right rows of the checked file together, unless the directory has changed since the check.

    A file with wrong rows is still kept, so that its report can list them and give them back.
    """
    with read_context(slug) as desk:
        upload = _get_upload(desk, file_id)
        try:
            _sheet, plan = _load_import_plan(desk, upload)
        except UnreadableSpreadsheet:  # not in the selected encoding
            return _render_report(desk, upload), 422
        if plan.digest != request.form.get("digest"):
            return _render_report(desk, upload, _directory_changed_message()), 409

    def fn(desk: RequestContext) -> None:
        directory_import.run_import(desk.session, desk.actor, plan, desk.newsletter.language)
        if not plan.counts["wrong"]:
            uploads.drop(desk.session, _get_upload(desk, file_id))

    try:
        run_in_transaction(slug, fn)
    except VersionConflict:
        return rerender(
            slug, 409, lambda desk: _render_report(desk, _get_upload(desk, file_id), _directory_changed_message())
        )
    new = ngettext("%(num)s expert is new", "%(num)s experts are new", plan.counts["new"])
    changed = ngettext("%(num)s has changed", "%(num)s have changed", plan.counts["changed"])
    announce(_("%(new)s and %(changed)s.", new=new, changed=changed))
    if plan.counts["wrong"]:
        report_params: dict[str, Any] = {"file_id": file_id, "show": "wrong", "as": get_encoding()}
        return redirect(url_for("editor.expert_report", slug=slug, **report_params), code=303)
    return redirect(url_for("editor.experts", slug=slug), code=303)


@editor.restricted_page(f"{FILES_RULE}/<file_id>/wrong.csv", permission="whole directory")
def expert_wrong_rows(slug: str, file_id: str) -> BaseResponse:
    """Return the wrong rows of the file in its own format, with a column that says why."""
    with read_context(slug) as desk:
        try:
            sheet, plan = _load_import_plan(desk, _get_upload(desk, file_id))
        except UnreadableSpreadsheet:  # not in the selected encoding
            abort(404)
        content = write_wrong_rows(sheet, plan)
    return csv_response(content, "experts-wrong.csv")


def _directory_changed_message() -> str:
    return _("The directory has changed since you looked, so nothing was imported. This is how it would be now.")


@editor.action(f"{FILES_RULE}/<file_id>/drop", permission="whole directory")
def expert_file_drop(slug: str, file_id: str) -> BaseResponse:
    run_in_transaction(slug, lambda desk: uploads.drop(desk.session, _get_upload(desk, file_id)))
    announce(_("The file is gone. Nothing was imported."))
    return redirect(url_for("editor.expert_files", slug=slug), code=303)


@editor.action("/<slug>/experts/export", permission="whole directory")
def expert_export(slug: str) -> BaseResponse:
    """Return the whole directory with its e-mail addresses. The trail records each export, so it is a POST."""
    run_in_transaction(slug, lambda desk: begin_export(desk.session, desk.actor))

    def csv_lines() -> Iterator[str]:
        with db.read() as session:
            yield from spreadsheet.write_csv(export_headers(), export_rows(session))

    return Response(stream_with_context(csv_lines()), mimetype="text/csv", headers=csv_headers("experts.csv"))
