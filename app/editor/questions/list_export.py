"""The lists of letters and of questions as CSV files, with the filters and the search of the page."""

from collections.abc import Iterator
from typing import Any

from flask import Response, stream_with_context
from werkzeug.wrappers import Response as BaseResponse

from ...workflows.transfer import export_archive
from ...workflows.transfer.export_records import BATCH_SIZE, RecordBuilder
from ...workflows.transfer.record_kinds import LETTERS as LETTER_RECORDS
from ...workflows.transfer.record_kinds import QUESTIONS as QUESTION_RECORDS
from ...workflows.transfer.record_kinds import RecordKind
from ..filtered_list import ListDefinition
from ..frame import editor, read_context, run_in_transaction
from ..letters.letter_list import LETTERS
from .question_list import QUESTIONS


@editor.action("/<slug>/letters/csv", permission="export")
def export_letters(slug: str) -> BaseResponse:
    """Return the letters of the list, without their writers' addresses and names."""
    return _send_list(slug, LETTERS, LETTER_RECORDS)


@editor.action("/<slug>/questions/csv", permission="export")
def export_questions(slug: str) -> BaseResponse:
    return _send_list(slug, QUESTIONS, QUESTION_RECORDS)


def _send_list(slug: str, definition: ListDefinition[Any], kind: RecordKind) -> BaseResponse:
    """Record the export, and return all rows of the list that the form names, in its order."""
    with read_context(slug) as desk:
        definition.parse_submitted(desk)  # aborts with 404 on an unknown filter, before anything is recorded
    event = f"newsletter.export_{kind.name}"
    run_in_transaction(slug, lambda desk: export_archive.begin_table_export(desk.session, desk.actor, event))

    def records() -> Iterator[dict[str, Any]]:
        with read_context(slug) as desk:
            filtered_list, _before = definition.parse_submitted(desk)
            builder = RecordBuilder(desk.session, desk.newsletter.id, with_contacts=False)
            for rows in filtered_list.iter_batches(BATCH_SIZE):
                yield from builder.build_records(kind, rows)

    lines = export_archive.stream_table(kind, records())
    headers = {
        "Content-Disposition": f'attachment; filename="{slug}-{kind.name}.csv"',
        "X-Content-Type-Options": "nosniff",
    }
    return Response(stream_with_context(lines), mimetype="text/csv", headers=headers)
