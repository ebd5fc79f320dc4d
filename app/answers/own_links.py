"""The links of an expert to the pages of their questions, or of a translator, mailed once more.

Anybody can request them by typing an address. So earlier links stay open, the page answers the same whether the address
is known or not, and the mails are as far apart as those to sign in.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from ..core.actors import Actor
from ..db.session import lock_row, now
from ..mail import outbox
from ..mail.mail_templates import render_mail
from ..mail.mail_values import LinksMail, PageLink
from ..mail.message import short
from ..mail.models import OutboxMail
from ..newsletters.desk_mails import sender
from ..newsletters.models import Newsletter
from ..people import directory
from ..people.models import Expert
from ..people.sign_in import MAIL_WINDOW, get_next_due_at
from . import expert_mails, translators, unsent_mails
from .models import Assignment

MAX_LINKS = 20  # in one mail, the newest ones
KIND = "expert.links"


def list_open_assignments(session: Session, expert: Expert) -> list[Assignment]:
    """Return the assignments whose pages an expert may need now, newest first.

    An invitation that an editor still holds gives them no page yet.
    """
    has_page = Assignment.was_asked & ~unsent_mails.IS_INVITATION_HELD
    query = select(Assignment).where(Assignment.expert_id == expert.id, has_page)
    return list(session.scalars(query.order_by(Assignment.id.desc()).limit(MAX_LINKS)))


def send_links(
    session: Session,
    actor: Actor,
    expert: Expert,
    assignments: Sequence[Assignment],
    *,
    old_ended: bool = False,
    not_before: datetime | None = None,
) -> None:
    """Mail the expert a new link to each assignment, in one mail for each newsletter.

    With `old_ended`, the mail says that earlier links open nothing any more. Nothing is sent before `not_before`, nor
    to an expert without an address.
    """
    address = directory.email_of(session, expert.person)
    if address is None:
        return
    by_newsletter: dict[int, list[Assignment]] = defaultdict(list)
    for assignment in assignments:
        by_newsletter[assignment.newsletter_id].append(assignment)
    for newsletter_id, of_newsletter in by_newsletter.items():
        newsletter = session.get_one(Newsletter, newsletter_id)
        pages = [
            PageLink(
                short(expert_mails.title_of(session, assignment)), expert_mails.assignment_link(session, assignment)
            )
            for assignment in of_newsletter
        ]
        values = LinksMail(pages=pages, old_ended=old_ended)
        message = render_mail(KIND, sender(session, newsletter), address, expert.name, values)
        posting = expert_mails.delivery_options(session, actor, newsletter, KIND, not_before)
        posting["newsletter_id"] = newsletter.id
        posting["person_id"] = expert.person_id
        posting["address_no"] = expert.person.address_no
        outbox.put(session, message, **posting)


def request_links(session: Session, actor: Actor, email: str) -> None:
    """Mail the links of an address to it: of an expert to open questions, and of translators to their texts.

    The caller isn't told whether anything is sent, so that the page can't reveal whom the desk asks. Rows are locked so
    that each of several concurrent requests sees the mail of the first. Raises `BadAddress`.
    """
    address = directory.checked_address(email)
    person = directory.by_email(session, address)
    expert = directory.expert_of(session, person.id) if person else None
    if expert is not None and (assignments := list_open_assignments(session, expert)):
        lock_row(session, expert.person)
        due_at = _find_due_time(session, OutboxMail.person_id == expert.person_id, OutboxMail.kind == KIND)
        if due_at is not None:
            send_links(session, actor, expert, assignments, not_before=due_at)
    for translator in translators.find_open_by_address(session, address):
        if lock_row(session, translator).email_sealed is None:  # their work ended meanwhile
            continue
        due_at = _find_due_time(
            session,
            OutboxMail.question_id == translator.question_id,
            OutboxMail.once_key.startswith(translators.links_key_prefix(translator)),
        )
        if due_at is not None:
            translators.send_link_again(session, actor, translator, due_at)


def _find_due_time(session: Session, *are_links: ColumnElement[bool]) -> datetime | None:
    """Return when the next mail with these links can be sent, or None if one is waiting to be sent."""
    current_time = now(session)
    recent = select(func.count(), func.max(OutboxMail.due_at)).where(
        *are_links, OutboxMail.due_at > current_time - MAIL_WINDOW, ~OutboxMail.is_discarded
    )
    mail_count, last_due_at = session.execute(recent).one()
    if last_due_at is not None and last_due_at > current_time:
        return None
    return get_next_due_at(session, mail_count, last_due_at)
