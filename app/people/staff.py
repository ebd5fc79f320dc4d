"""Staff: invite, change a role, remove, deactivate at a desk, disable everywhere; never without an admin."""

from collections.abc import Iterable, Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from .. import audit
from ..audit import erasures
from ..core.actors import Actor, Staff, Visitor
from ..core.domain_errors import DomainError, MissingPrecondition, VersionConflict
from ..core.permissions import ROLES, roles_for
from ..core.state_machine import must
from ..db.session import absolute_url, lock_row, now
from ..mail import outbox
from ..mail.mail_templates import write
from ..mail.mail_values import AccountMail
from ..mail.message import Sender
from ..mail.models import OutboxMail
from ..text.clean import single_line
from . import colleagues, directory, factors, identities, sessions, sign_in
from .colleagues import Colleague, load
from .models import BrowserSession, Expert, Factor, Membership, Person, SignIn
from .sessions import require_fresh_proof

INVITATION = "invitation "  # what the keys of such mails begin with, before that of the membership


class LastAdmin(DomainError):
    """Nobody else could manage the people of a newsletter's desk."""

    def __init__(self, newsletter_id: int) -> None:
        super().__init__(f"newsletter {newsletter_id}")
        self.newsletter_id = newsletter_id


class BadInvitation(DomainError):
    """Something in an invitation can't be taken; `fields` are all of name, email and role that are wrong."""

    def __init__(self, fields: list[str]) -> None:
        super().__init__(", ".join(fields))
        self.fields = fields


class AnExpert(DomainError):
    """Raised where the invited person stands in the directory as an `expert`: at the desk they could read what readers
    wrote.
    """

    def __init__(self, expert: Expert) -> None:
        super().__init__(expert.public_id)
        self.public_id, self.name = expert.public_id, expert.name


class AlreadyHere(DomainError):
    """This address is at the desk, or invited to it, already."""


def invite(
    session: Session, actor: Staff, newsroom: str, name: str, email: str, role: str, expert_public_id: str = ""
) -> Colleague:
    """Mail somebody a way to this desk; they have a place at it once they have used it.

    `newsroom` is what the mail calls the desk; `expert_public_id` is the public key of the expert that they are known
    to be. Raises `BadInvitation`, `AlreadyHere`, `AnExpert`, `NotFresh`.
    """
    require_fresh_proof(session, actor, "people")
    name = single_line(name)[:200]
    wrong = {"name": not name, "email": not _is_address(email), "role": role not in ROLES}
    if any(wrong.values()):
        raise BadInvitation([field for field, is_wrong in wrong.items() if is_wrong])
    # The address book is the house's: at this desk's trail nobody may read whether somebody stood in it already.
    person = directory.add_person(session, Visitor(actor.person_id), name, email)
    if load(session, actor, person.public_id):
        raise AlreadyHere
    expert = directory.expert_of(session, person.id)
    if expert is not None and expert.public_id != expert_public_id:
        raise AnExpert(expert)
    membership = Membership(person_id=person.id, newsletter_id=actor.newsletter_id, role=role, invited_as=name)
    session.add(membership)
    audit.record(session, actor, "membership.invite", membership, new=role, facts={"person": person.id})
    one = Colleague(person, membership)
    _mail_invitation(session, actor, one, newsroom)
    return one


def _is_address(email: str) -> bool:
    try:
        return bool(directory.checked_address(email))
    except directory.BadAddress:
        return False


def invite_again(session: Session, actor: Staff, colleague: Colleague, newsroom: str) -> None:
    """Mail a new link; the one before it opens nothing any more. Raises `VersionConflict` where the invitation was
    used."""
    _take_back_links(session, actor, colleague)
    _record(session, actor, "membership.invite_again", colleague)
    _mail_invitation(session, actor, colleague, newsroom)


def withdraw(session: Session, actor: Staff, colleague: Colleague) -> None:
    """Take an invitation back. Whoever has no other place in the house is forgotten with it. Raises `VersionConflict`,
    `NotFresh`.
    """
    require_fresh_proof(session, actor, "people")
    _take_back_links(session, actor, colleague)
    _record(session, actor, "membership.withdraw", colleague, old_value=colleague.membership.role)
    session.delete(colleague.membership)
    session.flush()
    if not _has_history(session, colleague.person):
        forget(session, colleague.person)


def forget(session: Session, person: Person) -> None:
    """Erase the address of somebody who has no place in the house: no link leads them in any more."""
    person.email_sealed = person.email_mac = person.key_no = None
    person.erased_at = now(session)
    identities.forget(session, person)
    session.flush()
    erasures.note(session, "person", [person.public_id])


def _has_history(session: Session, person: Person) -> bool:
    """Return whether this person has any place in the house, or had one and left."""
    places = (select(table.id).filter_by(person_id=person.id) for table in (Membership, Expert, BrowserSession))
    left = select(audit.Event.id).where(audit.Event.actor.in_((f"staff:{person.id}", f"person:{person.id}")))
    return any(session.scalar(query.limit(1)) is not None for query in (*places, left))


def _mail_invitation(session: Session, actor: Staff, colleague: Colleague, newsroom: str) -> None:
    way = sign_in.invite(
        session, Visitor(actor.person_id), colleague.person, "desk", membership_id=colleague.membership.id
    )
    about = AccountMail(link=absolute_url(session, way), days=sign_in.INVITATION_LIFE.days)
    to = directory.email_of(session, colleague.person) or ""
    message = write("staff.invitation", Sender(newsroom), to, colleague.name, about)
    # Without the person, whose name may be another desk's: here the mail is to whom this desk invited.
    once = f"{_mails_of(colleague)}{now(session).isoformat()}"
    outbox.put(session, message, newsletter_id=actor.newsletter_id, once_key=once)


def _mails_of(colleague: Colleague) -> str:
    """Return what the keys of the mails of one invitation begin with."""
    return f"{INVITATION}{colleague.membership.id} "


def invited_by(session: Session, mails: Iterable[OutboxMail]) -> dict[int, str]:
    """The names of those whom mails invite to a desk, by the keys of the mails, in one query at most."""
    keys = {
        mail.id: int(key.removeprefix(INVITATION).partition(" ")[0])
        for mail in mails
        if (key := mail.once_key or "").startswith(INVITATION)
    }
    if not keys:
        return {}
    query = select(Membership.id, func.coalesce(Membership.invited_as, Person.name))
    rows = session.execute(
        query.join(Person, Person.id == Membership.person_id).where(Membership.id.in_(keys.values()))
    )
    names = {row[0]: row[1] for row in rows}
    return {mail: names[key] for mail, key in keys.items() if key in names}


def _take_back_links(session: Session, actor: Staff, colleague: Colleague) -> None:
    """End the links of an invitation that wasn't used, and stop the mails that would carry them. Raises
    `VersionConflict`."""
    must(actor, "people")
    if colleague.membership.joined_at is not None:
        raise VersionConflict("the invitation was used")
    session.execute(delete(SignIn).where(SignIn.membership_id == colleague.membership.id))
    mails = OutboxMail.once_key.startswith(_mails_of(colleague), autoescape=True)
    waiting = select(OutboxMail).where(mails, OutboxMail.waits)
    for mail in session.scalars(waiting):
        try:
            outbox.recall(session, actor, mail)
        except outbox.OnItsWay:
            continue  # what it carries opens nothing any more


def set_role(session: Session, actor: Staff, colleague: Colleague, role: str, old_role: str) -> None:
    """Give a colleague another role; `old_role` is the one that the admin saw. Raises `VersionConflict`, `LastAdmin`,
    `NotFresh`."""
    require_fresh_proof(session, actor, "people")
    if role not in ROLES:
        raise MissingPrecondition("role")
    keep_an_admin(session, colleague, becomes=role)
    if colleague.membership.role != old_role:
        raise VersionConflict(f"the role is {colleague.membership.role}, not {old_role}")
    if role != old_role:
        colleague.membership.role = role
        _record(session, actor, "membership.set", colleague, old_value=old_role, new_value=role)


def remove(session: Session, actor: Staff, colleague: Colleague) -> None:
    """Take a colleague from this desk; what they did stays in their name. Raises `LastAdmin`, `NotFresh`."""
    require_fresh_proof(session, actor, "people")
    keep_an_admin(session, colleague)
    _record(session, actor, "membership.remove", colleague, old_value=colleague.membership.role)
    session.execute(delete(SignIn).where(SignIn.membership_id == colleague.membership.id))
    session.delete(colleague.membership)
    session.flush()
    if not sign_in.may_enter(session, colleague.person, "desk"):
        _sign_out_of_desk(session, actor, colleague.person)


def deactivate(session: Session, actor: Staff, colleague: Colleague) -> None:
    """Shut a colleague out of this desk until they are let back in, and sign them out everywhere at once.

    Links that experts and readers were sent have nothing to do with it and go on working. Raises `LastAdmin`,
    `NotFresh`.
    """
    require_fresh_proof(session, actor, "people")
    keep_an_admin(session, colleague)
    if colleague.stands != "here":
        raise VersionConflict(f"already {colleague.stands}")
    colleague.membership.disabled_at = now(session)
    _record(session, actor, "membership.deactivate", colleague)
    _sign_out_of_desk(session, actor, colleague.person)


def reactivate(session: Session, actor: Staff, colleague: Colleague) -> None:
    """Let somebody come in again, by a mail that they ask for. Raises `NotFresh`."""
    require_fresh_proof(session, actor, "people")
    if colleague.membership.disabled_at is None:
        raise VersionConflict("here already")
    colleague.membership.disabled_at = None
    _record(session, actor, "membership.reactivate", colleague)


def reset_factors(session: Session, actor: Staff, colleague: Colleague) -> None:
    """Remove the second factors of a colleague who has lost them, and sign them out. Raises `NotFresh`."""
    require_fresh_proof(session, actor, "people")
    factors.reset(session, actor, colleague.person)


def release_identity(session: Session, actor: Staff, colleague: Colleague) -> None:
    """Forget the account at the newsroom's provider by which a colleague comes in. Raises `NotFresh`."""
    require_fresh_proof(session, actor, "people")
    identities.release(session, actor, colleague.person)


def sign_out(session: Session, actor: Staff, colleague: Colleague) -> None:
    """Sign a colleague out in every browser: a lost laptop can't wait for a proof of who asks."""
    must(actor, "people")
    sessions.end_all(session, actor, colleague.person)


def _sign_out_of_desk(session: Session, actor: Staff, person: Person) -> None:
    """Sign somebody out of the desk; whom no desk lets in any more loses their second factors too."""
    if not sign_in.may_enter(session, person, "desk"):
        session.execute(delete(Factor).where(Factor.person_id == person.id))
        identities.forget(session, person)
    session.execute(delete(SignIn).where(SignIn.person_id == person.id, SignIn.door == "desk"))
    sessions.end_all(session, actor, person, door="desk")


def keep_an_admin(session: Session, colleague: Colleague, becomes: str = "") -> None:
    """Raise `LastAdmin` where this would leave the desk without one. All admins' rows are locked, always in one order:
    of two admins who demote each other, the second waits and is refused."""
    managing = roles_for("people")
    admins = session.scalars(
        select(Membership)
        .join(Person, Person.id == Membership.person_id)
        .where(Membership.newsletter_id == colleague.membership.newsletter_id, Membership.role.in_(managing))
        .where(Membership.at_work(), Person.disabled_at.is_(None))
        .order_by(Membership.id)
        .with_for_update(of=Membership)
    ).all()
    session.refresh(colleague.membership)
    if becomes not in managing and [admin.id for admin in admins] == [colleague.membership.id]:
        raise LastAdmin(colleague.membership.newsletter_id)


def _record(
    session: Session,
    actor: Staff,
    action: str,
    colleague: Colleague,
    old_value: str | None = None,
    new_value: str | None = None,
) -> None:
    audit.record(
        session,
        actor,
        action,
        colleague.membership,
        old=old_value,
        new=new_value,
        facts={"person": colleague.person.id},
    )


def disable_person(session: Session, actor: Actor, person: Person) -> tuple[int, int]:
    """Shut somebody out. Gives how many browsers were signed out, and how many ways in were open until now.

    Raises `LastAdmin` and `VersionConflict`.
    """
    places = _list_memberships(session, person)
    for place in places:
        keep_an_admin(session, colleagues.Colleague(person, place))
    if lock_row(session, person).disabled_at is not None:
        raise VersionConflict("out already")
    browsers = len(sessions.sessions_of(session, person.id))
    theirs = SignIn.person_id == person.id
    is_open = (theirs, SignIn.used_at.is_(None), SignIn.ends_at > now(session))
    ways = session.scalar(select(func.count()).select_from(SignIn).where(*is_open)) or 0
    person.disabled_at = now(session)
    audit.record(session, actor, "person.disable", person)
    for place in places:  # what is noted of a person is the house's: each desk reads it in its own trail
        audit.record(session, actor, "membership.disable", place, facts={"person": person.id})
    session.execute(delete(SignIn).where(theirs))
    session.execute(delete(Factor).where(Factor.person_id == person.id))
    identities.forget(session, person)
    sessions.end_all(session, actor, person)
    return browsers, ways


def enable_person(session: Session, actor: Actor, person: Person) -> None:
    """Let somebody come in again, by a mail that they ask for; where a desk alone shut them out, they stay so.

    Raises `VersionConflict`.
    """
    if lock_row(session, person).disabled_at is None:
        raise VersionConflict("not out")
    person.disabled_at = None
    audit.record(session, actor, "person.enable", person)
    for place in _list_memberships(session, person):
        audit.record(session, actor, "membership.enable", place, facts={"person": person.id})


def _list_memberships(session: Session, person: Person) -> Sequence[Membership]:
    """Return where they work; who invited them and hasn't seen them yet learns nothing."""
    query = select(Membership).where(Membership.person_id == person.id, Membership.joined_at.is_not(None))
    return session.scalars(query.order_by(Membership.newsletter_id)).all()
