"""What a file of experts can be wrong in, in words: the whole of it, or a cell."""

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from ...people.spreadsheet import ENCODINGS, MOST_BYTES, MOST_ROWS, Unreadable

COLUMNS = {
    "number": _l("Number"), "name": _l("Name"), "email": _l("E-mail address"), "title": _l("Title"),
    "organisation": _l("Organisation"), "place": _l("Place"), "credit_line": _l("Credit line"),
    "relation": _l("Relation"), "described_as": _l("Described as"), "bio": _l("About them"), "ties": _l("Ties"),
    "topics": _l("Topics"), "languages": _l("Languages"), "at_once": _l("Questions at once"),
    "away_until": _l("Away until"), "on_public_page": _l("On the public page"),
}  # fmt: skip

UNREADABLE = {
    "empty": _l("There is nothing in this file. Choose a CSV file with a line of heads and a row for each expert."),
    "large": _l("This file is larger than %(mb)d MB. Cut it into several."),
    "rows": _l("There are more than %(rows)s rows in this file. Cut it into several."),
    "workbook": _l("This is a workbook. Save the sheet as CSV (“CSV UTF-8”, where there is a choice) and choose that file."),
    "encoding": _l("The letters of this file can’t be read as %(encoding)s. Choose another encoding, or save it as UTF-8."),
    "quotes": _l("In row %(row)d a quotation mark stands where none may, or one is never closed. Nothing after it can be read."),
    "columns": _l("No column is called “name”, so nobody can be found in it. The heads are: %(heads)s."),
    "twice": _l("Two columns say the same: %(column)s. Leave one of them."),
}  # fmt: skip

FAULTS = {
    "missing": _l("Nobody is named here."),
    "address": _l("This isn’t an e-mail address that one can write to."),
    "long": _l("This is too long: %(most)d characters are the most."),
    "many": _l("These are too many: %(most)d are the most."),
    "language": _l("No language has this code or name: %(word)s."),
    "number": _l("Give a number from 1 to 99, or nothing."),
    "date": _l("Write the date like 2026-07-01 or 01.07.2026."),
    "yes or no": _l("Write yes or no."),
    "twice": _l("Row %(row)d is about the same expert already."),
    "unknown": _l("Nobody in the directory has this number. Leave the cell empty for somebody new."),
    "of another": _l("This address is %(name)s’s, and the number is somebody else’s."),
    "of the desk": _l("This is the address of somebody at the desk. Add them by hand, if they answer questions too."),
    "several": _l("%(count)d experts have this name. Say which by an address or the number of an export."),
    "more cells": _l("There are more cells than heads: perhaps a text with a comma lacks its quotation marks."),
}  # fmt: skip


def unreadable_words(unreadable: Unreadable) -> str:
    values: dict[str, Any] = {"mb": MOST_BYTES // 1024 // 1024, "rows": f"{MOST_ROWS:,}", **unreadable.values}
    if "column" in values:
        values["column"] = str(COLUMNS.get(values["column"], values["column"]))
    if not values.get("encoding"):
        values["encoding"] = ENCODINGS["utf-8"]
    return str(UNREADABLE[unreadable.code]) % values


def fault_words(fault: tuple[str, str, dict[str, Any]]) -> str:
    """ "E-mail address: this isn't ..."; without a column only what is wrong with the row."""
    column, code, values = fault
    said = str(FAULTS[code]) % values
    return _("%(column)s: %(fault)s", column=str(COLUMNS[column]), fault=said) if column else said
