"""Another address for an expert: waiting mail follows, old links end, and the old address is told.

Whoever reads an expert's mail can answer in their name. So the change asks for a fresh proof of who makes it, it ends
the check of the expert's identity unless it says how the new address was checked, and the old address hears of it,
though not the new one. The address with which somebody signs in to a desk can't be changed here.
"""

from dataclasses import replace
from datetime import datetime
from functools import partial

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Staff
from ..core.domain_errors import DomainError, InvalidTransition, MissingPrecondition, VersionConflict
from ..db.session import lock_row, now
from ..mail import outbox
from ..mail.kinds import KINDS
from ..mail.mail_templates import render_mail
from ..mail.mail_values import AddressMail
from ..mail.message import Message, replace_text
from ..mail.models import OutboxMail
from ..mail.secret_links import replace_page_tokens
from ..newsletters.desk_mails import sender
from ..newsletters.models import Newsletter
from ..people import directory, links
from ..people.contact_status import status_of
from ..people.models import BrowserSession, Expert, Membership, Person, SignIn
from ..people.sessions import require_fresh_proof
from . import own_links
from .models import Assignment


class AddressTaken(DomainError):
    """Somebody else has this address."""

    code, field = "conflict.address_taken", "email"


def change_address(
    session: Session, actor: Staff, expert: Expert, email: str, verification_note: str = "", shown_no: int | None = None
) -> None:
    """Change an expert's address, or give them their first one.

    `verification_note` says how somebody checked that it is theirs; without it, their identity has to be checked again.
    `shown_no` is the `address_no` that the form showed.

    Raises `PermissionDenied`, `NotFresh`, `BadAddress`, `AddressTaken`, `VersionConflict`, `TooLong`,
    `InvalidTransition` if they were deleted or merged, `MissingPrecondition` if they are also a member of a desk, and
    `OnItsWay` while a mail to the old address is being sent.
    """
    require_fresh_proof(session, actor, "whole directory")
    address = directory.checked_address(email)
    person = lock_row(session, lock_row(session, expert).person)
    if shown_no is not None and person.address_no != shown_no:
        raise VersionConflict(f"the address of expert {expert.id} was changed")
    if expert.erased_at or expert.merged_into_id:
        raise InvalidTransition("expert", "change the address of", "gone")
    if session.scalar(select(Membership.id).filter_by(person_id=person.id).limit(1)) is not None:
        raise MissingPrecondition("expert_works_at_desk")
    old_address = directory.email_of(session, person)
    if address == old_address:
        return
    _require_free(session, expert, address)
    is_old_dead = status_of(session, expert).is_dead
    if old_address and not is_old_dead:
        _tell_old_address(session, actor, expert, old_address)
    directory.set_email(session, person, address)
    person.address_no += 1
    expert.verified_at = expert.verified_by_id = expert.verified_how = None
    session.flush()
    _end_sign_ins(session, actor, person)
    linked_ids = _move_mails(session, actor, expert, address)
    audit.record(session, actor, "expert.address", expert, facts={"whose": expert.public_id})
    if verification_note.strip():
        directory.verify_expert(session, actor, expert, verification_note)
    if old_address:
        stranded = [row for row in own_links.list_open_assignments(session, expert) if row.id not in linked_ids]
        own_links.send_links(session, actor, expert, stranded, old_ended=True)


def _require_free(session: Session, expert: Expert, address: str) -> None:
    """Raise `AddressTaken` if somebody else has the address. One of an expert merged into this one is taken over."""
    other = directory.by_email(session, address)
    if other is None or other.id == expert.person_id:
        return
    other_expert = session.scalar(select(Expert).filter_by(person_id=other.id))
    if other_expert is None or other_expert.merged_into_id != expert.id:
        raise AddressTaken(address)
    other.email_sealed = other.email_mac = other.key_no = None
    session.flush()  # before the address is set again, as addresses are unique


def _tell_old_address(session: Session, actor: Staff, expert: Expert, old_address: str) -> None:
    """Mail the old address that it is out of use. The desk can't hold this mail."""
    newsletter = session.get_one(Newsletter, actor.newsletter_id)
    kind = "expert.address_changed"
    message = render_mail(kind, sender(session, newsletter), old_address, expert.name, AddressMail())
    outbox.put(
        session, message, newsletter_id=newsletter.id, person_id=expert.person_id, address_no=expert.person.address_no
    )


def _end_sign_ins(session: Session, actor: Staff, person: Person) -> None:
    """End the sign-in links of an expert and the browsers that were signed in by the old address."""
    for model in (SignIn, BrowserSession):
        session.execute(delete(model).where(model.person_id == person.id))
    waiting = select(OutboxMail).where(
        OutboxMail.person_id == person.id, OutboxMail.kind.in_(("sign_in", own_links.KIND))
    )
    for mail in session.scalars(waiting.where(OutboxMail.waits)).all():
        outbox.recall(session, actor, mail)


def _move_mails(session: Session, actor: Staff, expert: Expert, address: str) -> set[int]:
    """Let the mails about the expert's assignments that haven't arrived go to `address`, and end the old links.

    A mail that waits goes on waiting. Of the mails about an assignment that failed, the newest that asks for something
    is held, for an editor to send it again. Return the ids of the assignments to which such a mail has a new link.
    """
    assignments = select(Assignment.id).where(Assignment.expert_id == expert.id)
    query = select(OutboxMail).where(OutboxMail.assignment_id.in_(assignments), OutboxMail.kind.startswith("expert."))
    mails = session.scalars(query.where(~OutboxMail.is_settled).order_by(OutboxMail.id.desc())).all()
    ended_at = now(session)
    links.revoke_pages(session, assignments)
    linked_ids: set[int] = set()
    asking_ids: set[int] = set()
    for mail in mails:
        assignment_id = mail.assignment_id or 0
        renewed_tokens: list[str] = []
        change = partial(_readdress, session, assignment_id, address, ended_at, renewed_tokens)
        if not outbox.readdress(session, mail, change):
            continue
        if mail.has_stopped and not mail.is_held and _asks(mail) and assignment_id not in asking_ids and renewed_tokens:
            outbox.hold_again(session, actor, mail)
        if mail.waits:
            mail.address_no = expert.person.address_no
            linked_ids |= {assignment_id} if renewed_tokens else set()
            asking_ids |= {assignment_id} if _asks(mail) else set()
    session.flush()
    return linked_ids


def _asks(mail: OutboxMail) -> bool:
    """Return whether a mail asks the expert for something, and is more than a reminder of it."""
    kind = KINDS[mail.kind]
    return kind.purpose == "ask" and not kind.automatic


def _readdress(
    session: Session, assignment_id: int, address: str, ended_at: datetime, renewed_tokens: list[str], message: Message
) -> Message:
    """Return the message with another address, and a new link in place of one that was open until `ended_at`."""

    def renew(token: str) -> str:
        link = links.find_any(session, token, "page")
        if link is None or link.revoked_at is None or link.revoked_at < ended_at:
            return token
        renewed_tokens.append(links.new_link(session, assignment_id=assignment_id))
        return renewed_tokens[-1]

    text = replace_page_tokens(message.text, renew)
    return replace(replace_text(message, message.subject, text), to=address)
