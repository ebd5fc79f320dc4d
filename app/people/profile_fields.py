"""Helpers to declare the fields of experts' profiles, each at its column in `models`."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import MappedColumn

from ..core.fields import Field, field_column
from ..text.translation import N_


@dataclass(frozen=True, kw_only=True)
class ProfileField(Field):
    """A field of an expert's profile.

    `own` and `own_help` are its label and help on the expert's own page, which leaves out fields without `own`. The
    directory searches fields with `is_found_by`. Fields with `beside_name` are printed after the name, in brackets.
    `file_heads.toml` lists the headers that the field's column may have in files.
    """

    own: str = ""
    own_help: str = ""
    is_found_by: bool = False
    beside_name: bool = False


def profile_field(
    label: str, help: str = "", kind: str = "line", length: int = 0, *, default: Any, column: Any = None, **row: Any
) -> MappedColumn[Any]:
    """Return a column with its field. `column` are further options of the column, such as `server_default`."""
    return field_column(
        ProfileField(label=label, help=help, kind=kind, **row), length, default=default, **(column or {})
    )


def profile_line(label: str, help: str = "", length: int = 200, **row: Any) -> MappedColumn[Any]:
    return profile_field(label, help, "line", length, default="", **row)


NAME = ProfileField(
    label=N_("Name"),
    longest=200,
    needed=True,
    own=N_("Your name, as it should be printed"),
    own_help=N_("If you change it, the desk checks once more that it is you."),
)


def merge_values(field: ProfileField, kept_value: Any, other_value: Any) -> Any:
    """Return the value of a field after two entries of the same expert are merged.

    Lists are joined. Of two dates, the later one is taken. A tick is taken from the kept entry, since it is a consent
    that was given for this entry. Any other value is taken from the kept entry unless it is empty there.
    """
    match field.kind:
        case "words" | "languages":
            return list(dict.fromkeys([*kept_value, *other_value]))
        case "date":
            return max((day for day in (kept_value, other_value) if day), default=None)
        case "tick":
            return kept_value
    return kept_value or other_value
