"""Parts of the imports of CSV files: sentences for unreadable files, the choice of an encoding, and downloads."""

from collections.abc import Mapping
from typing import Any

from flask import Response, request
from flask_babel import lazy_gettext as _l

from ..people.spreadsheet import ENCODINGS, MOST_BYTES, UnreadableSpreadsheet

MAX_MEGABYTES = MOST_BYTES // 1024 // 1024
# By code of `UnreadableSpreadsheet`. Each import adds its own sentences for the other codes.
UNREADABLE = {
    "large": _l("This file is larger than %(mb)d MB. Cut it into several."),
    "rows": _l("There are more than %(rows)s rows in this file. Cut it into several."),
    "workbook": _l(
        "This is a workbook. Save the sheet as CSV (“CSV UTF-8”, where there is a choice) and choose that file."
    ),
    "encoding": _l("This file can’t be read as %(encoding)s. Choose another encoding, or save it as UTF-8."),
    "quotes": _l("Row %(row)d has a misplaced or unclosed quotation mark. Nothing after it can be read."),
}
MORE_CELLS = _l("There are more cells than column headings: perhaps a text with a comma lacks its quotation marks.")


def format_unreadable_table(error: UnreadableSpreadsheet, sentences: Mapping[str, Any], max_rows: int) -> str:
    """Return the sentence for a file that can't be read as a table. `sentences` are those of the import, by code."""
    values: dict[str, Any] = {"mb": MAX_MEGABYTES, "rows": f"{max_rows:,}", **error.values}
    if not values.get("encoding"):
        values["encoding"] = ENCODINGS["utf-8"]
    return str({**UNREADABLE, **sentences}[error.code]) % values


def read_uploaded_file() -> bytes:
    """Return the contents of the submitted file, or nothing."""
    file = request.files.get("file")
    return file.read() if file else b""


def get_encoding() -> str:
    """Return the selected encoding, or "" to guess it."""
    encoding = request.values.get("as", "")
    return encoding if encoding in ENCODINGS else ""


def csv_headers(name: str) -> dict[str, str]:
    """Return the headers of a download."""
    return {"Content-Disposition": f'attachment; filename="{name}"', "X-Content-Type-Options": "nosniff"}


def csv_response(content: bytes, name: str) -> Response:
    return Response(content, mimetype="text/csv", headers=csv_headers(name))
