"""The lists of letters and of questions as CSV files, with the filters and the search of the page."""

from collections.abc import Iterable, Iterator
from itertools import chain, groupby, islice
from typing import Any

from flask import Response, stream_with_context
from werkzeug.wrappers import Response as BaseResponse

from ...letters.blurred_time import keeps_only_day
from ...letters.models import Letter
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
    run_in_transaction(slug, lambda desk: export_archive.begin_table_export(desk.session, desk.actor, kind))

    def records() -> Iterator[dict[str, Any]]:
        with read_context(slug) as desk:
            filtered_list, _before = definition.parse_submitted(desk)
            builder = RecordBuilder(desk.session, desk.newsletter.id, with_contacts=False)
            rows = chain.from_iterable(filtered_list.iter_batches(BATCH_SIZE))
            ordered_rows = _hide_order_of_day(rows) if kind is LETTER_RECORDS else rows
            while batch := list(islice(ordered_rows, BATCH_SIZE)):
                yield from builder.build_records(kind, batch)

    lines = export_archive.stream_table(kind, records())
    headers = {
        "Content-Disposition": f'attachment; filename="{slug}-{kind.name}.csv"',
        "X-Content-Type-Options": "nosniff",
    }
    return Response(stream_with_context(lines), mimetype="text/csv", headers=headers)


def _hide_order_of_day(letters: Iterable[Letter]) -> Iterator[Letter]:
    """Yield the letters of each day that say no more than their day in a random order, before the others.

    At the desk that order is mixed in the night after. A file that was taken before would keep it.
    """

    def get_key(letter: Letter) -> tuple[bool, str]:
        # Letters with a time keep the order of the list, since sorting is stable.
        return (False, letter.public_id) if keeps_only_day(letter.received_at) else (True, "")

    for _day, of_day in groupby(letters, key=lambda letter: letter.received_at.date()):
        yield from sorted(of_day, key=get_key)
