"""The mails that assignments and answers cause. Values go in, a mail stands in the outbox of the same transaction."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Unpack

from sqlalchemy.orm import Session

from ..core.actors import Actor, Staff
from ..core.permissions import may
from ..db.session import absolute_url, now
from ..mail import outbox
from ..mail import queries as mail_queries
from ..mail.mail_templates import write
from ..mail.mail_values import AssignmentMail, DeskMail
from ..mail.models import OutboxMail
from ..mail.reply_address import address_for
from ..newsletters import mail_texts
from ..newsletters.desk_mails import sender, to_colleague
from ..newsletters.models import Newsletter
from ..people import directory, links
from ..programs.telling import queue_deliveries
from ..questions import queries as questions
from ..questions.firewall import must_be_clear
from .models import Assignment


def title_of(session: Session, assignment: Assignment) -> str:
    """Return what a mail to the expert calls the question, in words that an editor has cleared."""
    text = questions.cleared_text(session, assignment.question_id)
    return (text.headline or text.body or "") if text else ""


def assignment_link(session: Session, assignment: Assignment) -> str:
    """A fresh address of the assignment's page: only hashes of the older ones are kept, so none can be sent twice."""
    return absolute_url(session, f"/a/{links.new_link(session, assignment_id=assignment.id)}")


def delivery_options(
    session: Session, actor: Actor, newsletter: Newsletter, kind: str, not_before: datetime | None = None
) -> outbox.Posting:
    """Return how a mail to somebody outside leaves, as `outbox.put` takes it: held for an editor, or at what time.

    Held are the kinds that the newsletter holds, and what an assistant causes. What the desk causes can be undone for a
    while; what experts, readers and the calendar cause goes at once, but never before `not_before`.
    """
    by_desk = isinstance(actor, Staff)
    pause = timedelta(seconds=newsletter.undo_seconds if by_desk else 0)
    return {
        "hold": kind in newsletter.held_kinds or by_desk and not may(actor, "release mails"),
        "due_at": max(now(session) + pause, not_before or now(session)),
    }


def send_to_expert(
    session: Session,
    actor: Actor,
    assignment: Assignment,
    kind: str,
    values: AssignmentMail,
    **posting: Unpack[outbox.Posting],
) -> OutboxMail | None:
    """Write to the assignment's expert; one without an address is reached another way, by the desk. `due_at` delays it.

    All mails about one assignment are one thread, and a reply to any of them is known by its address to be about it. A
    mail that doesn't say what it calls the question calls it as an editor has cleared. Raises `Leaking` (see
    `firewall`) where what was typed holds something of the askers that the actor has not looked at.
    """
    if values.typed:
        must_be_clear(session, actor, assignment.question, values.typed)
    person = assignment.expert.person
    to = directory.email_of(session, person)
    if to is None:
        return None
    if values.headline is None:
        values = replace(values, headline=title_of(session, assignment))
    newsletter = session.get_one(Newsletter, assignment.newsletter_id)
    own = mail_texts.get_custom_texts(session, newsletter, kind)
    letter = write(kind, sender(session, newsletter), to, person.name, values, own)
    first = mail_queries.first_to_expert(session, assignment.id)
    if first is not None:
        letter = replace(letter, in_reply_to=first, references=(first,))
    if newsletter.inbox:
        token = links.new_reply_token(session, assignment_id=assignment.id)
        letter = replace(letter, reply_to=address_for(newsletter.inbox, token))
    posting.update({"newsletter_id": newsletter.id, "question_id": assignment.question_id})
    posting.update({"assignment_id": assignment.id, "person_id": person.id})
    posting.update(delivery_options(session, actor, newsletter, kind, posting.get("due_at")))
    return outbox.put(session, letter, **posting)


def send_to_editors(
    session: Session, newsletter: Newsletter, kind: str, values: DeskMail, **posting: Unpack[outbox.Posting]
) -> None:
    """Tell each of the newsletter's editors something at once, in their own language."""
    for person in directory.desk_of(session, newsletter.id):
        to_colleague(session, newsletter, person, kind, values, **posting)


def notify_desk(session: Session, assignment: Assignment, event: str, message: str = "") -> None:
    """Tell the newsletter's editors at once what an expert did, and the desk's chat that something was; `message` is
    the expert's own word on it.
    """
    newsletter, question = session.get_one(Newsletter, assignment.newsletter_id), assignment.question
    about = DeskMail(
        who=assignment.expert.name,
        headline=question.title,
        said=message,
        link=absolute_url(session, f"/desk/{newsletter.slug}/questions/{question.public_id}"),
    )
    send_to_editors(
        session, newsletter, f"desk.{event}", about, question_id=assignment.question_id, assignment_id=assignment.id
    )
    queue_deliveries(session, newsletter.id, f"desk.{event}")
