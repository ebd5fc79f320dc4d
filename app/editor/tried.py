"""A form on a question's page that lacked something: it comes back open, with what was typed and the error at its field."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flask import request
from flask_babel import lazy_gettext as _l

from ..lifecycle import Missing

# What a verb misses: the field that it is typed in, and what to do about it.
FIELDS = {
    "due date to come": ("due_at", _l("Give a time that is still to come")),
    "how": ("how", _l("Say what you did to check it")),
    "name": ("how", _l("There is no name to check")),
    "note": ("note", _l("Write the note first")),
    "reason": ("reason", _l("Choose why")),
    "why": ("why", _l("Say why in a few words")),
    "what is wrong": ("reply", _l("Write down what is wrong")),
}


@dataclass(frozen=True)
class Tried:
    """The form that was sent: `action` is its address, `at` the field that `fault` is about."""

    action: str = ""
    form: Mapping[str, str] = field(default_factory=dict)
    at: str = ""
    fault: str = ""

    def value(self, action: str, name: str, otherwise: str = "") -> str:
        """What the form at `action` shows in a field."""
        return self.form.get(name, otherwise) if action == self.action else otherwise

    def error(self, action: str, name: str) -> str:
        return self.fault if (action, name) == (self.action, self.at) else ""


def tried(missing: Missing) -> Tried:
    """The form of this request, which could not be taken. Raises `missing` again where no field could mend it."""
    if missing.fact not in FIELDS:
        raise missing
    at, fault = FIELDS[missing.fact]
    return Tried(request.path, request.form, at, str(fault))
