"""The directory as a file: its columns, the values of a row in an import, and all rows of an export."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

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

# In the order of an export. A name may also come in two columns.
FIELDS: dict[str, ProfileField] = {
    "number": ProfileField(label=N_("Number")),
    "name": PROFILE["name"],
    "email": ProfileField(label=N_("E-mail address"), kind="email", check=checked_address),
    **PROFILE,
}
PARTS_OF_NAME = ("given", "family")
NEEDED = (("name",), PARTS_OF_NAME, ("number",), ("email",))
NUMBER = re.compile(f"[{CROCKFORD}]{{12}}")  # a public id
BATCH = 1_000  # experts read per query

Fault = tuple[str, str, dict[str, Any]]  # the column, a code, and the values of its sentence


def heads_of(column: str) -> list[str]:
    """Return the names that a column has in files, our own first."""
    heads: list[str] = word_tables(__file__, "file_heads").get(column, [column.replace("_", " ")])
    return heads


@cache
def known_heads() -> dict[str, str]:
    """Return the column of each known head, by the folded head."""
    return {fold(head): column for column in (*FIELDS, *PARTS_OF_NAME) for head in heads_of(column)}


def values_of(cells: Mapping[str, str]) -> tuple[dict[str, Any], list[Fault]]:
    """Return the values of a row without its empty cells, and the faults of the cells that can't be read."""
    cells = dict(cells)
    given, family, name = (cells.pop(column, "").strip() for column in (*PARTS_OF_NAME, "name"))
    # If there is a column for the family name, "name" may be the full name or, as in Russian files, the given name.
    is_full_name = bool(name) and fold(family) in fold(name)
    cells["name"] = name if is_full_name else f"{name or given} {family}"
    values: dict[str, Any] = {}
    number = cells.pop("number", "").strip().upper()
    if NUMBER.fullmatch(number):  # any other number is of another program
        values["number"] = number
    faults: list[Fault] = []
    for column, text in cells.items():
        if not text.strip():
            continue
        try:
            values[column] = parse(FIELDS[column], text)
        except FieldError as error:
            code = "address" if column == "email" else error.key
            faults.append((column, code, error.values))
    return {column: value for column, value in values.items() if value not in ("", [], None)}, faults


def heads() -> tuple[str, ...]:
    return (*(heads_of(column)[0] for column in FIELDS), "checked on", "how it was checked")


def rows(session: Session) -> Iterator[tuple[str, ...]]:
    """Yield a row for each expert in the order of names, without merged ones."""
    for batch in expert_search.directory().iter_batches(session, BATCH):
        yield from (_row(session, expert) for expert in batch)


def _row(session: Session, expert: Expert) -> tuple[str, ...]:
    profile = {name: format_value(field, getattr(expert, name)) for name, field in PROFILE.items()}
    profile |= {"number": expert.public_id, "email": email_of(session, expert.person) or ""}
    checked = expert.verified_at.date().isoformat() if expert.verified_at else ""
    cells = ({True: "yes", False: "no"}.get(profile[name], profile[name]) for name in FIELDS)
    return (*cells, checked, expert.verified_how or "")


def begin_export(session: Session, actor: Staff) -> None:
    """Record who exports the directory, as it holds all addresses. Raises `PermissionDenied` and `NotFresh`."""
    require_fresh_proof(session, actor, "whole directory")
    audit.record(session, actor, "person.export", session.get_one(Person, actor.person_id))
