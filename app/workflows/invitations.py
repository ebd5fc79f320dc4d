"""Inviting experts, with the dates that follow from the edition: for the reply, the text, the quote check and print."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from ..answers import assigning
from ..answers.models import Assignment
from ..core.actors import Actor, Clock
from ..db.session import absolute_url, now
from ..editions.calendar import default_due_at, default_reply_by
from ..editions.items import format_lead_in
from ..editions.models import Edition
from ..editions.queries import list_editions_taking_answers, run_of, takes_answers
from ..mail.mail_templates import render_mail
from ..mail.message import Message
from ..newsletters import mail_texts
from ..newsletters.desk_mails import sender
from ..newsletters.models import Newsletter
from ..people.directory import email_of

TIME_WITHOUT_EDITION = timedelta(days=14)  # until the assumed cut-off, for a text that isn't for an edition yet


def edition_asked_for(session: Session, assignment: Assignment) -> Edition | None:
    """Return the edition for which an invitation would be sent now.

    This is the intended edition if it takes answers, or else the next edition that does. Return None if no edition was
    intended, or none takes answers.
    """
    intended = run_of(session, assignment)
    if intended is None or takes_answers(session, intended):
        return intended
    editions = list_editions_taking_answers(session, assignment.newsletter_id, 1)
    return editions[0] if editions else None


def dates_for(session: Session, newsletter: Newsletter, assignment: Assignment) -> tuple[datetime, datetime]:
    """Return the default dates of an invitation: until when to accept or decline, and when the text is due."""
    edition = edition_asked_for(session, assignment)
    cutoff_at = edition.cutoff_at if edition else now(session) + TIME_WITHOUT_EDITION
    due_at = default_due_at(cutoff_at, newsletter.zone, now(session))
    return default_reply_by(now(session), due_at, newsletter.zone), due_at


def invite(
    session: Session,
    actor: Actor,
    assignment: Assignment,
    *,
    reply_by: datetime | None = None,
    due_at: datetime | None = None,
    others_to_invite: int = 0,
    once_key: str | None = None,
) -> None:
    """Invite an expert, for the edition of `edition_asked_for`. Dates that are None get their defaults.

    `others_to_invite` is the number of other experts asked at the same time. Raises as `assigning.invite` does.
    """
    edition = edition_asked_for(session, assignment)
    if edition is not run_of(session, assignment):
        assignment.for_edition_id = edition.id if edition else None
        session.flush()
    terms = _build_terms(session, assignment, reply_by, due_at)
    assigning.invite(session, actor, assignment, terms, others_to_invite, once_key)


def invite_all(session: Session, actor: Actor, assignments: Sequence[Assignment]) -> None:
    """Invite several experts to one question. Each mail says how many others are asked."""
    for number, assignment in enumerate(assignments, 1):
        # The experts invited before are counted by `assigning.invite`.
        invite(session, actor, assignment, others_to_invite=len(assignments) - number)


def invite_next(session: Session, assignment: Assignment, once_key: str) -> None:
    """Invite the next expert on the ladder, on behalf of the clock. `once_key` prevents a second mail."""
    invite(session, Clock(), assignment, once_key=once_key)


def preview(
    session: Session,
    assignment: Assignment,
    *,
    reply_by: datetime | None = None,
    due_at: datetime | None = None,
    others_to_invite: int = 0,
) -> Message:
    """Render the invitation as it would be mailed now, with the beginning of its link only.

    `others_to_invite` is the number of other experts asked at the same time.
    """
    newsletter = session.get_one(Newsletter, assignment.newsletter_id)
    terms = _build_terms(session, assignment, reply_by, due_at)
    values = assigning.invitation_values(session, assignment, terms, absolute_url(session, "/a/…"), others_to_invite)
    person = assignment.expert.person
    to = email_of(session, person) or ""
    custom_texts = mail_texts.get_custom_texts(session, newsletter, "expert.invitation")
    return render_mail("expert.invitation", sender(session, newsletter), to, person.name, values, custom_texts)


def _build_terms(
    session: Session, assignment: Assignment, reply_by: datetime | None, due_at: datetime | None
) -> assigning.Terms:
    """Return the dates and the lead-in for an invitation. Dates that the editor didn't set get their defaults."""
    newsletter = session.get_one(Newsletter, assignment.newsletter_id)
    edition = edition_asked_for(session, assignment)
    default_reply_time, default_due_time = dates_for(session, newsletter, assignment)
    language = assignment.question.text.language if assignment.question.text else newsletter.language
    return assigning.Terms(
        reply_by=reply_by or default_reply_time,
        due_at=due_at or default_due_time,
        runs_on=edition.runs_at if edition else None,
        check_until=edition.cutoff_at if edition else None,
        lead_in=format_lead_in(session, newsletter, assignment, language),
    )
