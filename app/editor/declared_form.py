"""Forms of the desk whose fields are declared at their columns: what was typed, what is stored, and both in words."""

from collections.abc import Mapping
from typing import Any

from flask import request
from flask_babel import gettext as _

from ..core.fields import FAULTS, Field, FieldError, format_value


def fault_words(fault: Any) -> str:
    """Return as a sentence what is wrong with what was typed; what is a sentence already, as it is."""
    return _(FAULTS[fault.code]) % fault.values if isinstance(fault, FieldError) else str(fault)


def labels(fields: Mapping[str, Field]) -> dict[str, str]:
    return {name: _(field.label) for name, field in fields.items()}


def get_stored_values(fields: Mapping[str, Field], row: Any) -> dict[str, Any]:
    """Return a row's fields as their form holds them: a text, a tick, or the ticked of several."""
    return {name: format_value(field, getattr(row, name)) for name, field in fields.items()}


def get_submitted_values(fields: Mapping[str, Field]) -> dict[str, Any]:
    """Return what was sent, in the same form."""
    sent: dict[str, Any] = {}
    for name, field in fields.items():
        if field.kind == "tick":
            sent[name] = name in request.form
        elif field.kind == "ticks":
            sent[name] = [value for value, *_words in field.options if value in request.form.getlist(name)]
        else:
            sent[name] = request.form.get(name, "").replace("\r\n", "\n")
    return sent


def options(fields: Mapping[str, Field]) -> dict[str, list[tuple[str, ...]]]:
    """Return what can be chosen by field, each with its words."""
    return {
        name: [(value, *map(_, words)) for value, *words in field.options]
        for name, field in fields.items()
        if field.kind == "choice"
    }
