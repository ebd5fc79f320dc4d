"""Sentences on the faults of a file of experts: of the whole file, or of a cell."""

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from ...core.fields import FieldError
from ...people.expert_file import FIELDS, Fault
from ...people.spreadsheet import ENCODINGS, MOST_BYTES, MOST_ROWS, Unreadable
from ..declared_form import fault_words, labels

UNREADABLE = {
    "empty": _l("There is nothing in this file. Choose a CSV file with a line of heads and a row for each expert."),
    "large": _l("This file is larger than %(mb)d MB. Cut it into several."),
    "rows": _l("There are more than %(rows)s rows in this file. Cut it into several."),
    "workbook": _l(
        "This is a workbook. Save the sheet as CSV (“CSV UTF-8”, where there is a choice) and choose that file."
    ),
    "encoding": _l(
        "The letters of this file can’t be read as %(encoding)s. Choose another encoding, or save it as UTF-8."
    ),
    "quotes": _l(
        "In row %(row)d a quotation mark stands where none may, or one is never closed. Nothing after it can be read."
    ),
    "columns": _l("No column is called “name”, so nobody can be found in it. The heads are: %(heads)s."),
    "twice": _l("Two columns say the same: %(column)s. Leave one of them."),
}

FAULTS = {
    "missing": _l("Nobody is named here."),
    "twice": _l("Row %(row)d is about the same expert already."),
    "unknown": _l("Nobody in the directory has this number. Leave the cell empty for somebody new."),
    "of another": _l("This address is %(name)s’s, and the number is somebody else’s."),
    "of the desk": _l("This is the address of somebody at the desk. Add them by hand, if they answer questions too."),
    "several": _l("%(count)d experts have this name. Say which by an address or the number of an export."),
    "more cells": _l("There are more cells than heads: perhaps a text with a comma lacks its quotation marks."),
}


def unreadable_words(unreadable: Unreadable) -> str:
    values: dict[str, Any] = {"mb": MOST_BYTES // 1024 // 1024, "rows": f"{MOST_ROWS:,}", **unreadable.values}
    if "column" in values:
        values["column"] = labels(FIELDS).get(values["column"], values["column"])
    if not values.get("encoding"):
        values["encoding"] = ENCODINGS["utf-8"]
    return str(UNREADABLE[unreadable.code]) % values


def cell_words(fault: Fault) -> str:
    """Return "E-mail address: this isn't ..."; without a column only what is wrong with the row."""
    column, code, values = fault
    said = str(FAULTS[code]) % values if code in FAULTS else fault_words(FieldError(code, **values))
    return _("%(column)s: %(fault)s", column=labels(FIELDS)[column], fault=said) if column else said
