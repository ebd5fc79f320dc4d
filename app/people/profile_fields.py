"""Declares the fields of experts, at their columns in `models`: a new one is a column there and its migration."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import MappedColumn

from ..core.fields import Field, field_column
from ..text.translation import N_


@dataclass(frozen=True, kw_only=True)
class ProfileField(Field):
    """A field of experts. Their own page calls it `own`, and leaves out what has no name there; what somebody
    `is_found_by` is among the words that the directory is searched for; what belongs `beside_name` is printed in
    brackets after it. What its column is called in files stands in `file_heads.toml`.
    """

    own: str = ""
    own_help: str = ""
    is_found_by: bool = False
    beside_name: bool = False


def profile_field(
    label: str, help: str = "", kind: str = "line", length: int = 0, *, default: Any, column: Any = None, **row: Any
) -> MappedColumn[Any]:
    """Return the column of a field; `column` are further options of it, such as `server_default` of one that came
    later.
    """
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
    """Return a field of somebody who was in the directory twice: all that was listed, the later day, a tick as it was
    with the one who is kept, since only they agreed to it, and else what the one who is kept lacks from the other.
    """
    match field.kind:
        case "words" | "languages":
            return list(dict.fromkeys([*kept_value, *other_value]))
        case "date":
            return max((day for day in (kept_value, other_value) if day), default=None)
        case "tick":
            return kept_value
    return kept_value or other_value
