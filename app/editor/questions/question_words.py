"""Words and clocks of a question's page: versions, checks, the checklist, deadlines as lines."""

from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from ...answers.models import AnswerText, Check
from ...web.formatting import ago, moment
from ..frame import editor
from .question_status import Place

CHECKLIST = {
    "facts": _l("Facts: names, numbers and dates are right"),
    "sources": _l("Sources: what is claimed can be traced"),
    "ties": _l("Ties: the expert’s stake is said, or there is none"),
    "consent": _l("Consent: nobody is named who didn’t agree"),
    "recognisability": _l("Nobody who asked can be recognised"),
    "legal": _l("Nothing in it breaks the law"),
}
APPROVAL_FAULTS = {
    "checklist": _l("Go through the whole list first: each line is ticked or it can’t run."),
    "verified": _l("The expert isn’t verified yet: note an independent check first."),
    "check": _l("The expert hasn’t passed this text. Send it for the check, or write down why it runs without."),
    "reason": _l("The reason is too long: 400 characters are the most."),
    "approved text, credit": _l("There is no text or no credit line yet."),
}
REASONS = {
    "no time": _l("No time now"),
    "not my field": _l("Not their field"),
    "conflict of interest": _l("A conflict of interest"),
    "other": _l("Another reason"),
}
CHECKS = {
    "fine": _l("It is right, said %(ago)s ago"),
    "approved": _l("Approved, %(ago)s ago"),
    "silent": _l("Silence past the date, so it runs"),
    "wrong": _l("Something is wrong, said %(ago)s ago"),
    "recalled": _l("Taken back by the desk, %(ago)s ago"),
}

# What `recognise` calls what it marks.
MARKS = {"name": _l("A name"), "place": _l("A place"), "date": _l("A date"), "number": _l("A number")}
MARKS |= {"link": _l("A link"), "email": _l("An address"), "handle": _l("An account’s name")}
MARKS |= {"relation": _l("Somebody close")}


@dataclass(frozen=True)
class Dial:
    """A deadline as a line; `run` and `due` are shares of its length."""

    heading: str
    words: str
    run: float = 0
    due: float = 1
    ended: bool = False


@editor.app_template_global()
def version_words(text: AnswerText, name: str) -> str:
    """Return whose version it is, and from when."""
    who = _("the desk") if text.kind == "edited" else name
    if text.kind == "submitted" and text.by.startswith("staff"):
        who = _("%(name)s, taken down by the desk", name=name)
    return _("Version %(number)d, %(who)s, %(moment)s", number=text.number, who=who, moment=moment(text.written_at))


@editor.app_template_global()
def length_words(word_count: int, target: int, slot_length: int) -> str:
    """Return how long a text is against the length that the expert was asked for and that of a usual slot."""
    said = ngettext("%(num)d word", "%(num)d words", word_count)
    if target == slot_length:
        return _("%(said)s for a slot of %(wanted)d.", said=said, wanted=target)
    return _(
        "%(said)s; %(wanted)d were asked for, a usual slot has %(usual)d.", said=said, wanted=target, usual=slot_length
    )


@editor.app_template_global()
def check_words(status: Place, text_id: int | None) -> str:
    """Return how the newest check stands, and whether it was of the text that is there now."""
    check = status.check
    if check is None:
        return ""
    said = outcome_words(check)
    if check.outcome is None or check.text_id == text_id:
        return said
    return _("%(said)s; the text has changed since", said=said)


@editor.app_template_global()
def outcome_words(check: Check) -> str:
    """Return how one check of several ended, or until when it is open."""
    if check.outcome is None:
        return _("Open until %(moment)s", moment=moment(check.due_at))
    return str(CHECKS[check.outcome]) % {"ago": ago(check.ended_at or check.asked_at)}


def clocks(status: Place, current_time: datetime) -> list[Dial]:
    """The clock that runs, or where the text is here the one that ran."""
    one = status.assignment
    if one.invited_at is None or one.reply_by is None or one.due_at is None:
        return []
    text = _("To send the text")
    if one.is_invited:
        answer = _dial(_("To say yes or no"), one.invited_at, one.reply_by, current_time)
        return [answer, Dial(text, _("Starts with the yes; due %(moment)s", moment=moment(one.due_at)))]
    if one.received_at and one.has_text:
        words = _("Sent %(sent)s, due %(due)s", sent=moment(one.received_at), due=moment(one.due_at))
        return [_dial(text, one.invited_at, one.due_at, one.received_at, words)]
    return [_dial(text, one.invited_at, one.due_at, current_time)]


def _dial(heading: str, start: datetime, deadline: datetime, end: datetime, ended_text: str = "") -> Dial:
    span, passed = (deadline - start).total_seconds(), (end - start).total_seconds()
    whole = max(span, passed, 1)
    words = (
        _("Was up %(moment)s", moment=moment(deadline))
        if passed > span
        else _("Until %(moment)s", moment=moment(deadline))
    )
    return Dial(heading, ended_text or words, max(passed, 0) / whole, max(span, 0) / whole, bool(ended_text))
