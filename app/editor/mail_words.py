"""Mails as the desk speaks of them. A reader's address is shown to nobody: the mail is to "a reader"."""

from collections.abc import Sequence
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from ..mail.models import OutboxMail
from ..people.directory import names_of
from ..questions.models import Question
from .frame import Desk

KINDS = {
    "staff.invitation": _l("Invitation to the desk"),
    "expert.invitation": _l("Invitation"),
    "expert.invitation_again": _l("Invitation, with a new link"),
    "expert.returned": _l("Text sent back"),
    "expert.cancelled": _l("No longer needed"),
    "expert.check": _l("Quote check"),
    "expert.published": _l("Thanks, with the link"),
    "expert.dropped": _l("Why it didn’t run"),
    "reader.once": _l("News for a reader, the only mail"),
    "reader.news": _l("News for a reader"),
    "desk.answer": _l("An answer is here"),
    "desk.declined": _l("An expert said no"),
    "desk.objection": _l("An expert objects"),
    "desk.withdrawn": _l("An answer was withdrawn"),
    "desk.fine": _l("An expert agrees"),
    "desk.suggestion": _l("A colleague was suggested"),
    "desk.question_back": _l("An expert asks back"),
}
STATES = {
    "failed": ("late", _l("Failed")),
    "held": ("wait", _l("Held")),
    "queued": ("new", _l("On its way")),
    "sent": ("good", _l("Sent")),
    "discarded": ("none", _l("Discarded")),
    "expired": ("none", _l("Too late to send")),
}


def named(desk: Desk, mails: Sequence[OutboxMail]) -> tuple[dict[int, str], dict[int, str]]:
    """The names of those whom several mails are to, and the headlines they are about, in two queries."""
    people = names_of(desk.session, [mail.person_id for mail in mails if mail.person_id])
    keys = [mail.question_id for mail in mails if mail.question_id]
    rows = desk.session.scalars(select(Question).where(Question.id.in_(keys)))
    return people, {question.id: question.headline or question.wording for question in rows}


def shown(desk: Desk, mail: OutboxMail, names: tuple[dict[int, str], dict[int, str]]) -> dict[str, Any]:
    """A mail as a line: whom it is to and what it is about, and never an address."""
    people, headlines = names
    mark, stands = STATES[str(mail.state)]
    ended = mail.sent_at or mail.ended_at
    return {
        "id": mail.public_id,
        "mark": mark,
        "stands": stands,
        "to": _("A reader") if mail.letter_id else people.get(mail.person_id or 0, _("Somebody")),
        "kind": KINDS.get(mail.kind, mail.kind),
        "because": headlines.get(mail.question_id or 0, ""),
        "said": mail.said,
        "attempts": mail.attempts,
        "time": ended or mail.due_at,
        "due": ended is None,
    }
