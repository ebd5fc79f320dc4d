"""Labels of outgoing mails, and mails as lines on the desk's pages. These never show the address of a reader."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext

from ..db.session import now
from ..mail import queries
from ..mail.kinds import KINDS
from ..mail.lifecycle import MAIL
from ..mail.models import OutboxMail
from ..people.directory import names_of
from ..people.staff import invited_by
from ..questions.queries import QuestionSummary as AskedOf
from ..questions.queries import list_summaries as list_named
from ..web.formatting import age, ago, clock_time, day, zone
from ..workflows.undo import is_undone
from .conflict import token_of
from .frame import RequestContext

STATES = {
    "failed": ("late", _l("Failed")),
    "held": ("wait", _l("Held")),
    "queued": ("new", _l("On its way")),
    "sent": ("good", _l("Sent")),
    "expired": ("none", _l("Too late to send")),
    "discarded": ("none", _l("Discarded")),
}
ACTS = ("release", "retry", "discard")  # moves that have a button
NEAR = 100  # below this, the time left is shown in seconds
ON_TIME = timedelta(minutes=2)  # the worker gets to every due mail within this time

Named = tuple[dict[int, str], dict[int, AskedOf], dict[int, str]]


def kind_label(kind: str) -> str:
    """Return the label of a kind of mail, or the key itself if the kind no longer exists."""
    row = KINDS.get(kind)
    return _(row.name) if row and row.name else kind


def load_mail_names(desk: RequestContext, mails: Sequence[OutboxMail]) -> Named:
    """Return the names for several mails.

    Recipients are by person id, questions by id, and people invited to the desk by mail id.
    """
    people = names_of(desk.session, [mail.person_id for mail in mails if mail.person_id])
    keys = [mail.question_id for mail in mails if mail.question_id]
    questions = {one.id: one for one in list_named(desk.session, keys)} if keys else {}
    return people, questions, invited_by(desk.session, mails)


def format_mail_line(desk: RequestContext, mail: OutboxMail, names: Named) -> dict[str, Any]:
    """Return the line of a mail: status, recipient, subject and buttons. It never contains an address."""
    people, questions, invited = names
    question = questions.get(mail.question_id or 0)
    ended = mail.sent_at or mail.ended_at or (mail.state_at if mail.is_held else None)
    if mail.letter_id:
        recipient = _("A reader")
    else:
        recipient = people.get(mail.person_id or 0) or invited.get(mail.id) or _nameless(mail)
    question_params: dict[str, Any] = {
        "slug": desk.newsletter.slug,
        "public_id": question.public_id if question else "",
    }
    return {
        "id": mail.public_id,
        "version": mail.version,
        "seen": token_of(mail),
        "mark": "wait" if _waits_for_server(mail) else STATES[str(mail.state)][0],
        "stands": format_mail_status(mail, now(desk.session)),
        "to": recipient,
        "kind": kind_label(mail.kind),
        "because": question.title if question else "",
        "about": url_for("editor.question", **question_params) if question else "",
        "said": format_server_reply(mail),
        "attempts": mail.attempts,
        "time": ended or mail.due_at,
        "when": age(ended) if ended else _time(mail.due_at, now(desk.session)),
        "acts": [act for act in MAIL.list_allowed_actions(desk.actor, mail) if act in ACTS],
        "undoes": is_undone(mail),
    }


def _nameless(mail: OutboxMail) -> str:
    """Return the label of a recipient without a stored name."""
    return _("A translator") if mail.kind.startswith("translator.") else _("Somebody")


def format_mail_status(mail: OutboxMail, current_time: datetime) -> str:
    """Return the status of a mail in words; for a mail that waits also how long it can still be stopped."""
    if _waits_for_server(mail):
        return ngettext("Tried once", "Tried %(num)s times", mail.attempts)
    if mail.is_queued and mail.due_at > current_time:
        seconds = round((mail.due_at - current_time).total_seconds())
        time = _("%(num)s s", num=seconds) if seconds < NEAR else ago(mail.due_at)
        return _("Goes out in %(time)s", time=time)
    if mail.is_failed and mail.bounced_at:
        return _("Came back")
    return str(STATES[str(mail.state)][1])


def format_server_reply(mail: OutboxMail) -> str:
    """Return the last reply of the other server, or its bounce if it returned the mail later."""
    if mail.is_failed and mail.bounced_at:
        return _("came back: %(words)s", words=mail.said)
    return mail.said or ""


def about_to_leave(desk: RequestContext, question_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Return the lines of at most ten mails to experts about these questions that can still be stopped."""
    mails = queries.list_stoppable_mails(desk.session, question_ids, 10)
    names = load_mail_names(desk, mails)
    return [format_mail_line(desk, mail, names) for mail in mails]


def _waits_for_server(mail: OutboxMail) -> bool:
    return mail.is_queued and bool(mail.said)


def _time(due_at: datetime, current_time: datetime) -> str:
    """Return when a mail goes out: the hour if today, otherwise the day; if it is due, "now" or how late it is."""
    if due_at <= current_time:
        return _("now") if current_time - due_at < ON_TIME else _("%(time)s late", time=age(due_at))
    is_today = due_at.astimezone(zone()).date() == current_time.astimezone(zone()).date()
    return clock_time(due_at) if is_today else day(due_at, "short")
