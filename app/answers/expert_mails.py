"""The mails that assignments and answers cause. Values go in, a mail stands in the outbox of the same transaction."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from ..actors import Actor, Staff
from ..db import address, now
from ..mail import messages, outbox
from ..mail.models import OutboxMail
from ..mail.reply_address import address_for
from ..newsletters.models import Newsletter
from ..people import directory, links
from ..questions import queries as questions
from ..questions.firewall import must_be_clear
from .models import Assignment

# Values of mails to experts that somebody at the desk types for this one mail.
TYPED = ("body", "note", "sentence", "why")


def sender(session: Session, newsletter: Newsletter, language: str | None = None) -> messages.Sender:
    return messages.Sender(
        newsletter=newsletter.name,
        editor=newsletter.editor,
        address=newsletter.address,
        language=language or newsletter.language,
        zone=newsletter.zone,
        year=now(session).astimezone(ZoneInfo(newsletter.zone)).year,
    )


def title_of(session: Session, assignment: Assignment) -> str:
    """What a mail to the expert calls the question, in words that an editor has cleared."""
    text = questions.cleared_text(session, assignment.question_id)
    return (text.headline or text.body or "") if text else ""


def assignment_link(session: Session, assignment: Assignment) -> str:
    """A fresh address of the assignment's page: only hashes of the older ones are kept, so none can be sent twice."""
    return address(session, f"/a/{links.new_link(session, assignment_id=assignment.id)}")


def way_out(
    session: Session, actor: Actor, newsletter: Newsletter, kind: str, not_before: datetime | None = None
) -> dict[str, Any]:
    """How a mail to somebody outside leaves, as `outbox.put` takes it: held for an editor, or at what time.

    Held are the kinds that the newsletter holds, and what an assistant causes. What the desk causes can be undone for a
    while; what experts, readers and the calendar cause goes at once, but never before `not_before`.
    """
    by_desk = isinstance(actor, Staff)
    pause = timedelta(seconds=newsletter.undo_seconds if by_desk else 0)
    return {
        "hold": kind in newsletter.held_kinds or by_desk and "E" not in actor.roles,
        "due_at": max(now(session) + pause, not_before or now(session)),
    }


def to_expert(
    session: Session,
    actor: Actor,
    assignment: Assignment,
    message: Callable[..., messages.Message],
    looked: str | None = "",
    *,
    not_before: datetime | None = None,
    edition_id: int | None = None,
    once_key: str | None = None,
    **values: Any,
) -> OutboxMail | None:
    """Write to the assignment's expert; one without an address is reached another way, by the desk. `not_before` delays it.

    All mails about one assignment are one thread, and a reply to any of them is known by its address to be about it.
    Raises `Leaking` (see `firewall`) where what was typed holds something of the askers that nobody has `looked` at; that
    is None for a sentence of the house's own.
    """
    typed = "\n".join(values[name] for name in TYPED if values.get(name))
    if typed and looked is not None:
        must_be_clear(session, assignment.question, typed, looked)
    person = assignment.expert.person
    to = directory.email_of(session, person)
    if to is None:
        return None
    newsletter = session.get_one(Newsletter, assignment.newsletter_id)
    letter = message(sender(session, newsletter), to=to, name=person.name, **values)
    first = outbox.first_to_expert(session, assignment.id)
    if first is not None:
        letter = replace(letter, in_reply_to=first, references=(first,))
    if newsletter.inbox:
        token = links.new_reply_token(session, assignment_id=assignment.id)
        letter = replace(letter, reply_to=address_for(newsletter.inbox, token))
    return outbox.put(
        session,
        letter,
        newsletter_id=newsletter.id,
        question_id=assignment.question_id,
        assignment_id=assignment.id,
        person_id=person.id,
        edition_id=edition_id,
        once_key=once_key,
        **way_out(session, actor, newsletter, letter.kind, not_before),
    )


def to_desk(session: Session, assignment: Assignment, kind: str, said: str = "") -> None:
    """Tell the newsletter's editors at once what an expert did; `said` is the expert's own word on it."""
    newsletter = session.get_one(Newsletter, assignment.newsletter_id)
    for person in directory.desk_of(session, newsletter.id):
        to = directory.email_of(session, person)
        if to is None:
            continue
        message = messages.desk_notice(
            sender(session, newsletter, person.language),
            to=to,
            name=person.name,
            kind=kind,
            expert=assignment.expert.name,
            headline=assignment.question.title,
            said=said,
            link=address(session, f"/desk/{newsletter.slug}/questions/{assignment.question.public_id}"),
        )
        outbox.put(
            session,
            message,
            newsletter_id=newsletter.id,
            question_id=assignment.question_id,
            assignment_id=assignment.id,
            person_id=person.id,
        )
