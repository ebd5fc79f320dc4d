"""Forms that were rejected: shown again with what was typed and the error at its field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flask import request
from flask_babel import lazy_gettext as _l

from ..answers.schedule import DueTooLate
from ..core.domain_errors import DomainError, MissingPrecondition, TooLong
from ..questions.source_protection import LeakDetected
from ..web.error_sentences import format_error
from ..web.formatting import moment

MAILED_FIELDS = ("letter", "note", "sentence", "why")  # fields whose text is mailed to an expert
# The field of a form that an error is about, by its code.
FIELD_BY_CODE = {
    "invalid.date_not_in_future": "by",
    "invalid.due_at_after_edition": "due_at",
    "invalid.due_at_not_in_future": "due_at",
    "invalid.later_on_not_in_future": "later_on",
    "invalid.reason_unknown": "reason",
    "leak.contact_details": "looked",
    "leak.private_details": "looked",
    "leak.reader_words": "letter",
    "precondition.no_email_address": "letter",
    "precondition.no_name_to_verify": "how",
    "required.note": "note",
    "required.own_words_reason": "own",
    "required.reason": "why",
    "required.reply": "reply",
    "required.sentence": "sentence",
    "required.text": "letter",
    "required.verification_note": "how",
    "required.withdrawal_reason": "sentence",
    "too_long.own_words_reason": "own",
    "too_long.text": "letter",
    "too_long.topic": "more",
    "too_long.verification_note": "how",
}
# Messages that are more specific than the sentences of `web/error_sentences.py`.
SENTENCES = {
    "invalid.due_at_after_edition": _l("Give a time until %(moment)s: later it can’t be checked before the cut-off"),
    "invalid.due_at_not_in_future": _l("Give a time that is still to come"),
    "invalid.reason_unknown": _l("Choose why"),
    "required.note": _l("Write the note first"),
    "required.own_words_reason": _l("Reword the reader’s own phrases, or write why they may go out unchanged"),
    "required.reply": _l("Write down what is wrong"),
    "required.text": _l("Write the letter first"),
    "required.verification_note": _l("Say what you did to check it"),
}


def format_form_error(error: DomainError) -> str:
    """Return the message for the field of the form that an error is about."""
    sentence = str(SENTENCES.get(error.code) or format_error(error))
    return sentence % {"moment": moment(error.latest_due_at)} if isinstance(error, DueTooLate) else sentence


@dataclass(frozen=True)
class RejectedForm:
    """A form that was rejected; empty if none was."""

    action: str = ""  # the address that the form posts to
    form: Mapping[str, str] = field(default_factory=dict)  # the submitted values
    field_name: str = ""  # the field that `fault` is about
    fault: str = ""
    passages: Sequence[str] = ()  # readers' own words found in the text

    def value(self, action: str, name: str, otherwise: str = "") -> str:
        """Return a field of the form at `action`: the submitted text if this form was rejected, or else `otherwise`."""
        return self.form.get(name, otherwise) if action == self.action else otherwise

    def error(self, action: str, name: str) -> str:
        return self.fault if (action, name) == (self.action, self.field_name) else ""


def build_rejected_form(error: MissingPrecondition | TooLong) -> RejectedForm:
    """Return this request's form with its fault. Raises `error` again if it is about no field of a form."""
    default_field = error.field if isinstance(error, TooLong) else ""
    field_name = FIELD_BY_CODE.get(error.code, default_field)
    if not field_name:
        raise error
    passages: Sequence[str] = ()
    if isinstance(error, LeakDetected):
        passages = error.passages
        field_name = next((mailed_field for mailed_field in MAILED_FIELDS if mailed_field in request.form), field_name)
    return RejectedForm(request.path, request.form, field_name, format_form_error(error), passages)
