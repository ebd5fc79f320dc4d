"""Labels of outgoing mails, and mails as lines on the desk's pages. The lines never contain an address."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy import select

from ..db.session import now
from ..mail import queries
from ..mail.kinds import KINDS
from ..mail.lifecycle import MAIL
from ..mail.models import OutboxMail
from ..people.contact_status import ContactStatus, statuses_of
from ..people.directory import names_of
from ..people.models import Expert
from ..people.staff import list_invited_names
from ..questions.queries import QuestionSummary, list_summaries
from ..web.formatting import age, ago, clock_time, day, zone
from ..workflows.undo import is_undone_by_discarding
from .conflict import version_token_of
from .frame import RequestContext


class MailStateLook(NamedTuple):
    """The label and mark of a state of mails."""

    mark: str  # the tone of the mark: "late", "wait", "new", "good" or "none"
    label: Any


STATES = {
    "failed": MailStateLook("late", _l("Failed")),
    "held": MailStateLook("wait", _l("Held")),
    "queued": MailStateLook("new", _l("On its way")),
    "sent": MailStateLook("good", _l("Sent")),
    "expired": MailStateLook("none", _l("Too late to send")),
    "discarded": MailStateLook("none", _l("Discarded")),
}
BUTTONS = ("release", "retry", "discard")  # moves that have a button
MAX_SHOWN_SECONDS = 100  # a longer time is shown in minutes or hours
ON_TIME = timedelta(minutes=2)  # a mail that has been due for longer is shown as late
MAX_STOPPABLE_MAILS = 10  # on the page of a question


class MailNames(NamedTuple):
    """The names that the lines of several mails need."""

    recipients: dict[int, str]  # by person id
    questions: dict[int, QuestionSummary]  # by question id
    invited_people: dict[int, str]  # people invited to the desk, by mail id
    experts: dict[int, Expert]  # by person id
    contacts: dict[int, ContactStatus]  # by expert id


def kind_label(kind: str) -> str:
    """Return the label of a kind of mail, or the key itself if the kind no longer exists."""
    row = KINDS.get(kind)
    return _(row.name) if row and row.name else kind


def load_mail_names(desk: RequestContext, mails: Sequence[OutboxMail], *, with_contacts: bool = False) -> MailNames:
    """Load the names for the lines of these mails; `with_contacts` also how their experts can be reached."""
    recipients = names_of(desk.session, [mail.person_id for mail in mails if mail.person_id])
    experts = _load_experts(desk, [mail for mail in mails if not mail.is_settled]) if with_contacts else {}
    question_ids = [mail.question_id for mail in mails if mail.question_id]
    summaries = list_summaries(desk.session, question_ids) if question_ids else []
    questions = {question.id: question for question in summaries}
    contacts = statuses_of(desk.session, list(experts.values()))
    return MailNames(recipients, questions, list_invited_names(desk.session, mails), experts, contacts)


def _load_experts(desk: RequestContext, mails: Sequence[OutboxMail]) -> dict[int, Expert]:
    """Return the experts to whom these mails go, by person id."""
    person_ids = {mail.person_id for mail in mails if mail.person_id and mail.kind.startswith("expert.")}
    if not person_ids:
        return {}
    experts = desk.session.scalars(select(Expert).where(Expert.person_id.in_(person_ids), Expert.is_listed()))
    return {expert.person_id: expert for expert in experts}


def format_mail_line(desk: RequestContext, mail: OutboxMail, names: MailNames) -> dict[str, Any]:
    """Return the template values of a mail in a list: status, recipient, subject and buttons, never an address."""
    slug = desk.newsletter.slug
    question = names.questions.get(mail.question_id or 0)
    question_url = url_for("editor.question", slug=slug, public_id=question.public_id) if question else ""
    expert = names.experts.get(mail.person_id or 0)
    last_event_at = mail.sent_at or mail.ended_at or (mail.state_at if mail.is_held else None)
    return {
        "id": mail.public_id,
        "version": mail.version,
        "seen": version_token_of(mail),
        "mark": "wait" if _waits_for_server(mail) else STATES[str(mail.state)].mark,
        "stands": format_mail_status(mail, now(desk.session)),
        "to": _get_recipient(mail, names),
        "expert": expert,
        "contact": names.contacts[expert.id] if expert else None,
        "kind": kind_label(mail.kind),
        "because": question.title if question else "",
        "about": question_url,
        "said": format_server_reply(mail),
        "attempts": mail.attempts,
        "time": last_event_at or mail.due_at,
        "when": age(last_event_at) if last_event_at else _format_due_time(mail.due_at, now(desk.session)),
        "buttons": [move for move in MAIL.list_allowed_actions(desk.actor, mail) if move in BUTTONS],
        "undoes": is_undone_by_discarding(mail),
    }


def _get_recipient(mail: OutboxMail, names: MailNames) -> str:
    if mail.letter_id:
        return _("A reader")
    name = names.recipients.get(mail.person_id or 0) or names.invited_people.get(mail.id)
    if name:
        return name
    return _("A translator") if mail.kind.startswith("translator.") else _("Somebody")


def format_mail_status(mail: OutboxMail, current_time: datetime) -> str:
    """Return the status of a mail in words, e.g. how long a queued mail can still be stopped."""
    if _waits_for_server(mail):
        return ngettext("Tried once", "Tried %(num)s times", mail.attempts)
    if mail.is_queued and mail.due_at > current_time:
        seconds = round((mail.due_at - current_time).total_seconds())
        time_left = _("%(num)s s", num=seconds) if seconds < MAX_SHOWN_SECONDS else ago(mail.due_at)
        return _("Goes out in %(time)s", time=time_left)
    if mail.is_failed and mail.bounced_at:
        return _("Came back")
    return str(STATES[str(mail.state)].label)


def format_server_reply(mail: OutboxMail) -> str:
    """Return the last reply of a server (`OutboxMail.said`). If the mail bounced, say that it came back."""
    if mail.is_failed and mail.bounced_at:
        return _("came back: %(words)s", words=mail.said)
    return mail.said or ""


def list_stoppable_lines(desk: RequestContext, question_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Return the lines of mails to experts about these questions that can still be stopped."""
    mails = queries.list_stoppable_mails(desk.session, question_ids, MAX_STOPPABLE_MAILS)
    names = load_mail_names(desk, mails)
    return [format_mail_line(desk, mail, names) for mail in mails]


def _waits_for_server(mail: OutboxMail) -> bool:
    """Return whether a server has refused the mail for now, so that it is tried again."""
    return mail.is_queued and bool(mail.said)


def _format_due_time(due_at: datetime, current_time: datetime) -> str:
    """Return when a mail goes out: the hour if today, otherwise the day; if it is due, "now" or how late it is."""
    if due_at <= current_time:
        return _("now") if current_time - due_at < ON_TIME else _("%(time)s late", time=age(due_at))
    is_today = due_at.astimezone(zone()).date() == current_time.astimezone(zone()).date()
    return clock_time(due_at) if is_today else day(due_at, "short")


def format_notified_experts(names: Sequence[str]) -> str:
    """Return a sentence with the names of the experts whom a change of dates is told."""
    return _("Their own dates move along, and they are told by mail: %(names)s.", names=", ".join(names))
