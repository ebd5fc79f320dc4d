"""A form that could not be taken: it comes back open, with what was typed and the error at its field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flask import request
from flask_babel import lazy_gettext as _l

from ..core.domain_errors import MissingPrecondition, TooLong
from ..questions.source_protection import LeakDetected
from .form_fields import too_long

WRITTEN = ("letter", "note", "sentence", "why")  # the fields whose words are mailed to an expert
# What a verb misses: the field that it is typed in, and what to do about it.
FIELDS = {
    "date to come": ("by", _l("Give a day that is still to come")),
    "later date to come": ("later_on", _l("Give a day that is still to come")),
    "due date to come": ("due_at", _l("Give a time that is still to come")),
    "how": ("how", _l("Say what you did to check it")),
    "name": ("how", _l("There is no name to check")),
    "note": ("note", _l("Write the note first")),
    "reason": ("reason", _l("Choose why")),
    "why": ("why", _l("Say why in a few words")),
    "sentence": ("sentence", _l("An expert is behind it: write them a sentence")),
    "reason of pulling": ("sentence", _l("Say why in a few words")),
    "what is wrong": ("reply", _l("Write down what is wrong")),
    "text": ("letter", _l("Write the letter first")),
    "address": ("letter", _l("We have no address of theirs, so no mail goes out")),
    "a second look": (
        "letter",
        _l("Readers’ own words or names stand in it. Look at them, then send it if they may be known."),
    ),
    "a look at what was said besides": (
        "looked",
        _l(
            "Something that a reader told only the desk stands in the wording. "
            "Take it out, or tick that it may be known."
        ),
    ),
    "no contact details": (
        "looked",
        _l("Somebody could be reached by something in it. That never leaves the house: take it out."),
    ),
    "reason for their words": (
        "own",
        _l("Put what is shaded into the desk’s words, or write why it may leave as it stands"),
    ),
}


@dataclass(frozen=True)
class RejectedForm:
    """The form that was sent: `action` is its address, `at` the field that `fault` is about."""

    action: str = ""
    form: Mapping[str, str] = field(default_factory=dict)
    at: str = ""
    fault: str = ""
    passages: Sequence[str] = ()  # readers' words in what was typed

    def value(self, action: str, name: str, otherwise: str = "") -> str:
        """Return what the form at `action` shows in a field."""
        return self.form.get(name, otherwise) if action == self.action else otherwise

    def error(self, action: str, name: str) -> str:
        return self.fault if (action, name) == (self.action, self.at) else ""


def build_rejected_form(missing: MissingPrecondition | TooLong) -> RejectedForm:
    """The form of this request, which could not be taken. Raises `missing` again where no field could mend it."""
    if isinstance(missing, TooLong):
        return RejectedForm(request.path, request.form, missing.field, too_long(missing))
    if missing.fact not in FIELDS:
        raise missing
    at, fault = FIELDS[missing.fact]
    if isinstance(missing, LeakDetected):
        at = next((name for name in WRITTEN if name in request.form), at)
        return RejectedForm(request.path, request.form, at, str(fault), missing.passages)
    return RejectedForm(request.path, request.form, at, str(fault))
