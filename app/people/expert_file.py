"""The directory of experts as a CSV file: its columns, parsing the rows of an import, and the rows of an export."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Staff
from ..core.fields import FieldError, format_value, parse
from ..db.ids import CROCKFORD
from ..text.translation import N_
from ..text.word_tables import word_tables
from . import expert_search
from .directory import checked_address, email_of
from .models import PROFILE, Expert, Person
from .name_forms import fold
from .profile_fields import ProfileField
from .sessions import require_fresh_proof

# The columns, in the order of an export.
FIELDS: dict[str, ProfileField] = {
    "number": ProfileField(label=N_("Number")),
    "name": PROFILE["name"],
    "email": ProfileField(label=N_("E-mail address"), kind="email", check=checked_address),
    **PROFILE,
}
# In other programs' files, a name may be in these two columns instead.
NAME_PARTS = ("given", "family")
# A file must have all columns of one of these lists.
REQUIRED_COLUMNS = (("name",), NAME_PARTS, ("number",), ("email",))
NUMBER = re.compile(f"[{CROCKFORD}]{{12}}")  # a public id
BATCH_SIZE = 1_000  # experts read per query


class Fault(NamedTuple):
    """A fault of a row: the column, or "" for the whole row, a code, and the values of its message."""

    column: str
    code: str
    values: dict[str, Any]


def list_headers(column: str) -> list[str]:
    """Return the headers that a column may have in a file, our own first."""
    headers: list[str] = word_tables(__file__, "file_heads").get(column, [column.replace("_", " ")])
    return headers


@cache
def columns_by_header() -> dict[str, str]:
    """Return the columns by all their headers, folded."""
    return {fold(header): column for column in (*FIELDS, *NAME_PARTS) for header in list_headers(column)}


def parse_row(cells: Mapping[str, str]) -> tuple[dict[str, Any], list[Fault]]:
    """Return the values of a row by column, without empty cells, and the faults of invalid cells."""
    cells = dict(cells)
    given = cells.pop("given", "").strip()
    family = cells.pop("family", "").strip()
    name = cells.pop("name", "").strip()
    # If a file has a column for the family name, "name" may be the full name or, as in Russian files, the given name.
    is_full_name = bool(name) and fold(family) in fold(name)
    cells["name"] = name if is_full_name else f"{name or given} {family}"
    values: dict[str, Any] = {}
    number = cells.pop("number", "").strip().upper()
    if NUMBER.fullmatch(number):  # otherwise it is a number of another program
        values["number"] = number
    faults: list[Fault] = []
    for column, text in cells.items():
        if not text.strip():
            continue
        try:
            values[column] = parse(FIELDS[column], text)
        except FieldError as error:
            code = "address" if column == "email" else error.key
            faults.append(Fault(column, code, error.values))
    return {column: value for column, value in values.items() if value not in ("", [], None)}, faults


def export_headers() -> tuple[str, ...]:
    return (*(list_headers(column)[0] for column in FIELDS), "checked on", "how it was checked")


def export_rows(session: Session) -> Iterator[tuple[str, ...]]:
    """Yield a row for each expert in the directory, by name."""
    for batch in expert_search.directory().iter_batches(session, BATCH_SIZE):
        yield from (_export_row(session, expert) for expert in batch)


def _export_row(session: Session, expert: Expert) -> tuple[str, ...]:
    values = {name: format_value(field, getattr(expert, name)) for name, field in PROFILE.items()}
    values |= {"number": expert.public_id, "email": email_of(session, expert.person) or ""}
    for name, value in values.items():
        if isinstance(value, bool):
            values[name] = "yes" if value else "no"
    checked_on = expert.verified_at.date().isoformat() if expert.verified_at else ""
    return (*(values[name] for name in FIELDS), checked_on, expert.verified_how or "")


def begin_export(session: Session, actor: Staff) -> None:
    """Record who exports the directory, since it contains all addresses. Raises `PermissionDenied` and `NotFresh`."""
    require_fresh_proof(session, actor, "whole directory")
    audit.record(session, actor, "person.export", session.get_one(Person, actor.person_id))
