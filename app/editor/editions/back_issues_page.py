"""Import of back issues: files are parsed, their Q&As shown with doubts to correct, and the selected ones imported.

Between upload and import the files are stored sealed, for the person who uploaded them, for at most an hour.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

from flask import redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from ...back_issues import bundle
from ...back_issues.bundle import MAX_UNPACKED_BYTES
from ...back_issues.issue_files import UnreadableIssue
from ...back_issues.printed_names import PrintedExpert
from ...back_issues.printed_qa import PrintedQA, PrintedVoice
from ...back_issues.reading_issues import read_issues
from ...back_issues.source_marks import MarkedText, mark_source
from ...core.domain_errors import MissingPrecondition, TooLong, VersionConflict
from ...people import uploads
from ...people.models import Expert, Person, Upload
from ...web.error_sentences import format_error
from ...web.setup import or_404
from ...workflows.back_issues import import_issues, undo_import
from ..form_fields import allow_upload, parse_day, parse_number
from ..frame import RequestContext, announce, editor, page, read_context, rerender, run_in_transaction

# By code of `UnreadableIssue`.
UNREADABLE = {
    "empty": _l("There is nothing in this file."),
    "large": _l("These files are larger than %(mb)d MB together. Choose fewer, or use the command."),
    "pdf": _l("This is a PDF, in which a question can’t be told from its answer safely. Export HTML, text or mail."),
    "archive": _l("This is a packed file. Unpack it and choose the files inside."),
    "office": _l("This is a document of a word processor. Save it as HTML or text."),
    "binary": _l("This is a program, a picture or the like, and no text."),
    "encoding": _l("The encoding of this file isn’t known. Save it as UTF-8."),
    "mail": _l("This mail can’t be read."),
}
# By kind of a part of a Q&A, the labels of the legend of `source`.
PARTS = {
    "headline": _l("headline"),
    "question": _l("question"),
    "asker": _l("who asked"),
    "expert": _l("who answered"),
    "answer": _l("answer"),
}
# By code of a doubt of `PrintedQA`: what the file doesn't say.
DOUBTS = {
    "date": _l("Nothing says the day of the edition."),
    "reader": _l("Nothing says that a reader asked this."),
    "question": _l("Nothing marks where the question begins and ends."),
    "expert": _l("Nobody is named as the one who answers."),
    "end": _l("Nothing marks where the answer ends."),
}
NO_TEXT = _l("Write both a question and an answer, or untick it.")


def format_unreadable(error: UnreadableIssue) -> str:
    return str(UNREADABLE[error.code]) % {"mb": MAX_UNPACKED_BYTES // 1024 // 1024}


# The form's fields for a Q&A, and for each of its answers.
QA_FIELDS = ("day", "section", "headline", "question", "askers")
ANSWER_FIELDS = ("name", "credit_line", "relation", "answer")


@dataclass(frozen=True)
class ImportedItem:
    """A Q&A of the uploaded files."""

    number: int  # its number among all Q&As of the files
    file: str
    qa: PrintedQA  # as it was found
    values: dict[str, str]  # the values of its fields, by their names in the form
    ticked: bool

    @property
    def source(self) -> list[list[MarkedText]]:
        """The paragraphs of the file around it, with its parts marked."""
        return mark_source(self.qa)

    def name(self, field: str, answer_index: int | None = None) -> str:
        """Return the form name of a field of the Q&A, or with `answer_index` of one of its answers."""
        if answer_index is None:
            return f"{field}-{self.number}"
        return f"{field}-{self.number}-{answer_index}"


def build_row(number: int, file: str, qa: PrintedQA, form_data: Mapping[str, str] | None = None) -> ImportedItem:
    """Return a Q&A as the form shows it: as it was found, or with `form_data` as it was submitted."""
    values = {f"{field}-{number}": text for field, text in _get_qa_values(qa).items()}
    for index, voice in enumerate(qa.voices):
        values |= {f"{field}-{number}-{index}": text for field, text in _get_answer_values(voice).items()}
    if form_data is None:
        return ImportedItem(number, file, qa, values, ticked=True)
    submitted = {name: form_data.get(name, text).replace("\r\n", "\n") for name, text in values.items()}
    # The checkboxes "this is the expert of that name in the directory".
    submitted |= {name: "1" for name in form_data if name.startswith(f"expert-{number}-")}
    return ImportedItem(number, file, qa, submitted, ticked=f"take-{number}" in form_data)


def _get_qa_values(qa: PrintedQA) -> dict[str, str]:
    day = qa.day.isoformat() if qa.day else ""
    return dict(zip(QA_FIELDS, (day, qa.section, qa.headline, qa.question, "\n".join(qa.askers)), strict=True))


def _get_answer_values(voice: PrintedVoice) -> dict[str, str]:
    expert = voice.expert
    return dict(
        zip(ANSWER_FIELDS, (expert.name, expert.credit_line, expert.relation, "\n\n".join(voice.answer)), strict=True)
    )


def build_corrected_qa(row: ImportedItem) -> PrintedQA:
    """Return the Q&A with the values of the form."""
    day, section, headline, question, askers = (row.values[row.name(field)].strip() for field in QA_FIELDS)
    return replace(
        row.qa,
        day=_parse_optional_day(day),
        section=section,
        headline=headline,
        question=question,
        askers=tuple(line.strip() for line in askers.splitlines() if line.strip()),
        voices=tuple(_build_corrected_answer(row, index) for index in range(len(row.qa.voices))),
    )


def _parse_optional_day(text: str) -> date | None:
    return parse_day(text) if text else None


def _build_corrected_answer(row: ImportedItem, index: int) -> PrintedVoice:
    name, credit_line, relation, answer = (row.values[row.name(field, index)].strip() for field in ANSWER_FIELDS)
    paragraphs = tuple(part.strip() for part in answer.split("\n\n") if part.strip())
    return PrintedVoice(PrintedExpert(name, credit_line, relation), paragraphs)


def find_experts_by_name(session: Session, names: Sequence[str]) -> dict[str, Expert]:
    """Return the experts with these names, by name. Names that several experts share are left out."""
    query = select(Expert).join(Person, Person.id == Expert.person_id)
    query = query.where(Person.name.in_({name for name in names if name}), Expert.merged_into_id.is_(None))
    experts_by_name: dict[str, list[Expert]] = {}
    for expert in session.scalars(query.order_by(Expert.id)):
        experts_by_name.setdefault(expert.name, []).append(expert)
    return {name: experts[0] for name, experts in experts_by_name.items() if len(experts) == 1}


BACK_ISSUES_RULE = "/<slug>/archive/back-issues"
ACT = "edition"
PAGE_SIZE = 10  # Q&As on one page
Faults = dict[str, str]  # by form name of a field

for endpoint in ("back_issues_look", "back_issues_import"):
    allow_upload(endpoint, MAX_UNPACKED_BYTES, lambda: format_unreadable(UnreadableIssue("large")))


@editor.restricted_page(BACK_ISSUES_RULE, permission=ACT)
def back_issues(slug: str) -> str:
    with read_context(slug) as desk:
        return _render_form(desk)


def _render_form(desk: RequestContext, faults: list[tuple[str, str]] | None = None) -> str:
    return page(
        desk,
        "editor/editions/back_issues.html",
        "archive",
        faults=faults or [],
        mb=MAX_UNPACKED_BYTES // 1024 // 1024,
        imports=undo_import.list_imports(desk.session, desk.newsletter.id)[:PAGE_SIZE],
    )


@editor.action(BACK_ISSUES_RULE, permission=ACT)
def back_issues_look(slug: str) -> Response | tuple[str, int]:
    """Store the uploaded files and redirect to their report. Reject the form if none of them can be read."""
    files = [(file.filename or _("a file"), file.read()) for file in request.files.getlist("files") if file.filename]
    if not files:
        return rerender(slug, 422, _render_form, [("", _("Choose a file."))])
    faults = [(name, error) for name, data in files if (error := _find_read_error(name, data))]
    if len(faults) == len(files):
        return rerender(slug, 422, _render_form, faults)
    packed = bundle.pack(files)
    file_id = run_in_transaction(slug, lambda desk: uploads.keep(desk.session, desk.actor, packed, ACT).public_id)
    return redirect(url_for("editor.back_issues_report", slug=slug, file_id=file_id), code=303)


def _find_read_error(name: str, data: bytes) -> str:
    """Return why a file can't be read, or ""."""
    try:
        next(read_issues(name, data), None)
    except UnreadableIssue as error:
        return format_unreadable(error)
    return ""


@editor.restricted_page(f"{BACK_ISSUES_RULE}/<file_id>", permission=ACT)
def back_issues_report(slug: str, file_id: str) -> str | Response:
    with read_context(slug) as desk:
        upload = uploads.load(desk.session, desk.actor, file_id, ACT)
        if upload is None:
            announce(_("Those files aren’t kept any more. Choose them again."))
            return redirect(url_for("editor.back_issues", slug=slug), code=302)
        return _render_report(desk, upload)


def _get_upload(desk: RequestContext, file_id: str) -> Upload:
    return or_404(uploads.load(desk.session, desk.actor, file_id, ACT))


class ParsedUpload(NamedTuple):
    """The contents of the files of an upload.

    - qas: the Q&As with the names of their files.
    - empty_files: the files in which none was found.
    - unreadable_files: each with the reason.
    """

    qas: list[tuple[str, PrintedQA]]
    empty_files: list[str]
    unreadable_files: list[tuple[str, str]]
    edition_count: int


def _parse_upload(desk: RequestContext, upload: Upload) -> ParsedUpload:
    """Parse the files of an upload again."""
    parsed = ParsedUpload([], [], [], 0)
    for name, data in bundle.unpack(uploads.bytes_of(desk.session, upload)):
        try:
            issues = list(read_issues(name, data))
        except UnreadableIssue as error:
            parsed.unreadable_files.append((name, format_unreadable(error)))
            continue
        qas = [(name, qa) for issue in issues for qa in issue.qas()]
        if not qas:
            parsed.empty_files.append(name)
        parsed = parsed._replace(edition_count=parsed.edition_count + len(issues), qas=parsed.qas + qas)
    return parsed


def _render_report(
    desk: RequestContext, upload: Upload, form_data: Mapping[str, str] | None = None, faults: Faults | None = None
) -> str:
    parsed = _parse_upload(desk, upload)
    qas = parsed.qas
    fingerprints = [qa.fingerprint for _file, qa in qas]
    imported = import_issues.find_imported(desk.session, desk.newsletter.id, fingerprints)
    new_qas = [(number, file, qa) for number, (file, qa) in enumerate(qas) if qa.fingerprint not in imported]
    start = max(parse_number(request.values.get("from", "0")), 0)
    from_start = [(number, file, qa) for number, file, qa in new_qas if number >= start]
    rows = [build_row(number, file, qa, form_data) for number, file, qa in from_start[:PAGE_SIZE]]
    later_numbers = [number for number, _file, _qa in from_start[PAGE_SIZE:]]
    names = [row.values[row.name("name", index)] for row in rows for index in range(len(row.qa.voices))]
    return page(
        desk,
        "editor/editions/back_issues_report.html",
        "archive",
        url_params={"slug": desk.newsletter.slug, "file_id": upload.public_id},
        unreadable_files=parsed.unreadable_files,
        empty_files=parsed.empty_files,
        edition_count=parsed.edition_count,
        known_count=len(qas) - len(new_qas),
        new_count=len(new_qas),
        rows=rows,
        start=start,
        next_start=later_numbers[0] if later_numbers else None,
        people=find_experts_by_name(desk.session, names),
        doubts=DOUBTS,
        parts=PARTS,
        faults=faults or {},
    )


@editor.action(f"{BACK_ISSUES_RULE}/<file_id>/import", permission=ACT)
def back_issues_import(slug: str, file_id: str) -> Response | tuple[str, int]:
    """Import the selected Q&As of the page: all of them, or none if one has a fault."""
    form = request.form
    with read_context(slug) as desk:  # parse the files before the write transaction, since it is slow
        rows = list(_iter_selected_rows(desk, file_id))
    try:
        count = run_in_transaction(slug, lambda desk: _import_rows(desk, file_id, rows))
    except RowImportError as error:
        fault = {error.field: error.message}
        return rerender(slug, 422, lambda desk: _render_report(desk, _get_upload(desk, file_id), form, fault))
    if not count:
        fault = {"rows": _("Nothing is ticked.")}
        return rerender(slug, 422, lambda desk: _render_report(desk, _get_upload(desk, file_id), form, fault))
    announce(ngettext("%(num)s Q&A is in the archive.", "%(num)s Q&As are in the archive.", count))
    return redirect(url_for("editor.back_issues_report", slug=slug, file_id=file_id), code=303)


class RowImportError(Exception):
    """A Q&A can't be imported. The page shows the message at a field of the Q&A."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(field)
        self.field = field
        self.message = message


def _iter_selected_rows(desk: RequestContext, file_id: str) -> Iterator[ImportedItem]:
    for number, (file, qa) in enumerate(_parse_upload(desk, _get_upload(desk, file_id)).qas):
        if f"take-{number}" in request.form:
            yield build_row(number, file, qa, request.form)


def _import_rows(desk: RequestContext, file_id: str, rows: Sequence[ImportedItem]) -> int:
    with undo_import.record_import(desk.session, desk.actor, desk.newsletter.id, file_id):
        return sum(_import_row(desk, row) for row in rows)


def _import_row(desk: RequestContext, row: ImportedItem) -> bool:
    """Import a Q&A, and return whether it wasn't in the archive yet."""
    qa = build_corrected_qa(row)
    people = find_experts_by_name(desk.session, [voice.expert.name for voice in qa.voices])
    experts = [
        people.get(voice.expert.name) if row.name("expert", index) in row.values else None
        for index, voice in enumerate(qa.voices)
    ]
    try:
        imported = import_issues.import_qa(
            desk.session, desk.actor, desk.newsletter.id, qa, experts, row.qa.fingerprint
        )
    except import_issues.ImportRejected as error:
        if error.code == "import.no_text":
            raise RowImportError(row.name("question"), str(NO_TEXT)) from error
        raise RowImportError(row.name("day"), format_error(error)) from error
    except TooLong as error:
        field = row.name("headline") if error.field == "headline" else row.name(error.field, 0)
        raise RowImportError(field, format_error(error)) from error
    return imported is not None


@editor.action(f"{BACK_ISSUES_RULE}/<file_id>/drop", permission=ACT)
def back_issues_drop(slug: str, file_id: str) -> Response:
    run_in_transaction(slug, lambda desk: uploads.drop(desk.session, _get_upload(desk, file_id)))
    announce(_("The files are gone. What was imported stays."))
    return redirect(url_for("editor.back_issues", slug=slug), code=303)


@editor.action(f"{BACK_ISSUES_RULE}/undo", permission=ACT)
def back_issues_undo(slug: str) -> Response | tuple[str, int]:
    """Undo an import as a whole, or say why it can't be undone."""
    import_id = request.form.get("import", "")
    try:
        count = run_in_transaction(slug, lambda desk: undo_import.undo_import(desk.session, desk.actor, import_id))
    except MissingPrecondition as error:
        return rerender(slug, 422, _render_form, [("", format_error(error))])
    except VersionConflict:
        message = _("Something of this import was changed, or written about, since. Nothing is undone.")
        return rerender(slug, 422, _render_form, [("", message)])
    announce(ngettext("%(num)s Q&A is out of the archive again.", "%(num)s Q&As are out of the archive again.", count))
    return redirect(url_for("editor.back_issues", slug=slug), code=303)
