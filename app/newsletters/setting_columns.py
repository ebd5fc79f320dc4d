"""Columns that are settings of a newsletter, each with a `NewsletterSetting`: its label, help and checks."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import MappedColumn

from ..core.fields import Field, field_column


@dataclass(frozen=True, kw_only=True)
class NewsletterSetting(Field):
    """The declaration of a setting. `act` is the permission needed to change it."""

    act: str = "settings"


def setting(page: str, label: str, help: str, kind: str, length: int = 0, **more: Any) -> MappedColumn[Any]:
    """Return the column of a setting on a page of the settings.

    `kind` is a kind of field in `core.fields`. `more` has further attributes of the `NewsletterSetting`, and options of
    the column.
    """
    field_options = {name: more.pop(name) for name in ("low", "high", "check", "options") if name in more}
    declaration = NewsletterSetting(part=page, label=label, help=help, kind=kind, **field_options)
    return field_column(declaration, length, **more)


def line(
    page: str, label: str, help: str = "", length: int = 200, kind: str = "line", **more: Any
) -> MappedColumn[Any]:
    """Return the column of a setting of one line."""
    return setting(page, label, help, kind, length, **more)


def number(page: str, label: str, help: str, low: int, high: int, default: int, **more: Any) -> MappedColumn[Any]:
    """Return the column of a number from `low` to `high`."""
    return setting(page, label, help, "number", low=low, high=high, default=default, **more)
