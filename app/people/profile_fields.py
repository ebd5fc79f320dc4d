"""Declare the fields of experts, at their columns in `models`. A new field is a column there and a migration."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import MappedColumn

from ..core.fields import Field, field_column
from ..text.translation import N_


@dataclass(frozen=True, kw_only=True)
class ProfileField(Field):
    """A field of experts.

    `own` is its label on the expert's own page, which leaves out fields without one. The directory searches fields that
    are `is_found_by`. Fields that are `beside_name` are printed in brackets after the name. `file_heads.toml` has the
    names of its column in files.
    """

    own: str = ""
    own_help: str = ""
    is_found_by: bool = False
    beside_name: bool = False


def profile_field(
    label: str, help: str = "", kind: str = "line", length: int = 0, *, default: Any, column: Any = None, **row: Any
) -> MappedColumn[Any]:
    """Return the column of a field. `column` are further options of it, such as `server_default`."""
    return field_column(
        ProfileField(label=label, help=help, kind=kind, **row), length, default=default, **(column or {})
    )


def profile_line(label: str, help: str = "", length: int = 200, **row: Any) -> MappedColumn[Any]:
    return profile_field(label, help, "line", length, default="", **row)


NAME = ProfileField(
    label=N_("Name"),
    longest=200,
    needed=True,
    own=N_("Your name, as it should stand in print"),
    own_help=N_("If you change it, the desk checks once more that it is you."),
)


def merge_values(field: ProfileField, kept_value: Any, other_value: Any) -> Any:
    """Return the value of a field for an expert who was in the directory twice.

    Lists are joined, and of two dates the later one counts. A tick stays as with the kept expert, since only they
    agreed to it. Of other fields the kept value counts, unless it is empty.
    """
    match field.kind:
        case "words" | "languages":
            return list(dict.fromkeys([*kept_value, *other_value]))
        case "date":
            return max((day for day in (kept_value, other_value) if day), default=None)
        case "tick":
            return kept_value
    return kept_value or other_value
