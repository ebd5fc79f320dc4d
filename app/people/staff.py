"""Staff of a desk: invite, change roles, remove, deactivate, disable everywhere. A desk never loses its last admin."""

from collections.abc import Iterable, Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from .. import audit
from ..audit import erasures
from ..core.actors import Actor, Staff, Visitor
from ..core.domain_errors import DomainError, InvalidField, VersionConflict
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

INVITATION = "invitation "  # prefix of the mails' `once_key`, followed by the membership's id


class LastAdmin(DomainError):
    """Raised if nobody else could manage the people of a newsletter's desk."""

    code = "conflict.last_admin"

    def __init__(self, newsletter_id: int) -> None:
        super().__init__(f"newsletter {newsletter_id}")
        self.newsletter_id = newsletter_id


class BadInvitation(DomainError):
    """Raised for an invitation with wrong fields; `fields` lists all of name, email and role that are wrong."""

    code = "invalid.invitation"

    def __init__(self, fields: list[str]) -> None:
        super().__init__(", ".join(fields))
        self.fields = fields


class AnExpert(DomainError):
    """Raised if the invited person is an expert in the directory: at the desk they could read readers' letters."""

    code = "conflict.person_is_expert"

    def __init__(self, expert: Expert) -> None:
        super().__init__(expert.public_id)
        self.public_id, self.name = expert.public_id, expert.name


class AlreadyHere(DomainError):
    """Raised if the address is at the desk, or invited to it, already."""

    code = "conflict.person_is_at_the_desk"


def invite(
    session: Session, actor: Staff, newsroom: str, name: str, email: str, role: str, expert_public_id: str = ""
) -> Colleague:
    """Mail somebody an invitation to this desk. They become a member when they use it.

    `newsroom` is what the mail calls the desk; `expert_public_id` confirms that the person is known to be that expert.
    Raises `BadInvitation`, `AlreadyHere`, `AnExpert`, `PermissionDenied` and `NotFresh`.
    """
    require_fresh_proof(session, actor, "people")
    name = single_line(name)[:200]
    wrong = {"name": not name, "email": not _is_address(email), "role": role not in ROLES}
    if any(wrong.values()):
        raise BadInvitation([field for field, is_wrong in wrong.items() if is_wrong])
    # All desks share the address book: this desk's trail must not reveal whether somebody was in it already.
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
    """Mail a new link, which replaces the old one.

    Raises `VersionConflict` if the invitation was used, and `PermissionDenied`.
    """
    _take_back_links(session, actor, colleague)
    _record(session, actor, "membership.invite_again", colleague)
    _mail_invitation(session, actor, colleague, newsroom)


def withdraw(session: Session, actor: Staff, colleague: Colleague) -> None:
    """Withdraw an invitation, and erase the address of somebody who has no other role in the installation.

    Raises `VersionConflict`, `PermissionDenied` and `NotFresh`.
    """
    require_fresh_proof(session, actor, "people")
    _take_back_links(session, actor, colleague)
    _record(session, actor, "membership.withdraw", colleague, old_value=colleague.membership.role)
    session.delete(colleague.membership)
    session.flush()
    if not _has_history(session, colleague.person):
        forget(session, colleague.person)


def forget(session: Session, person: Person) -> None:
    """Erase the address of somebody who has no role anywhere: no link lets them in any more."""
    person.email_sealed = person.email_mac = person.key_no = None
    person.erased_at = now(session)
    identities.forget(session, person)
    session.flush()
    erasures.note(session, "person", [person.public_id])


def _has_history(session: Session, person: Person) -> bool:
    """Return whether this person has or had any role in the installation."""
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
    # Without the person, whose name may be from another desk: here the mail goes to the name that this desk typed.
    once = f"{_mails_of(colleague)}{now(session).isoformat()}"
    outbox.put(session, message, newsletter_id=actor.newsletter_id, once_key=once)


def _mails_of(colleague: Colleague) -> str:
    """Return the prefix of the `once_key` of the mails of one invitation."""
    return f"{INVITATION}{colleague.membership.id} "


def invited_by(session: Session, mails: Iterable[OutboxMail]) -> dict[int, str]:
    """Return the names of the people whom these mails invite to a desk, by mail id, in at most one query."""
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
    """Delete the links of an unused invitation, and recall the mails that carry them.

    Raises `VersionConflict` and `PermissionDenied`.
    """
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
            continue  # its link doesn't work any more


def set_role(session: Session, actor: Staff, colleague: Colleague, role: str, old_role: str) -> None:
    """Give a colleague another role; `old_role` is the one that the admin saw.

    Raises `VersionConflict`, `InvalidField`, `LastAdmin`, `PermissionDenied` and `NotFresh`.
    """
    require_fresh_proof(session, actor, "people")
    if role not in ROLES:
        raise InvalidField("role_unknown", "role")
    keep_an_admin(session, colleague, becomes=role)
    if colleague.membership.role != old_role:
        raise VersionConflict(f"the role is {colleague.membership.role}, not {old_role}")
    if role != old_role:
        colleague.membership.role = role
        _record(session, actor, "membership.set", colleague, old_value=old_role, new_value=role)


def remove(session: Session, actor: Staff, colleague: Colleague) -> None:
    """Remove a colleague from this desk; what they did stays under their name.

    Raises `LastAdmin`, `PermissionDenied` and `NotFresh`.
    """
    require_fresh_proof(session, actor, "people")
    keep_an_admin(session, colleague)
    _record(session, actor, "membership.remove", colleague, old_value=colleague.membership.role)
    session.execute(delete(SignIn).where(SignIn.membership_id == colleague.membership.id))
    session.delete(colleague.membership)
    session.flush()
    if not sign_in.may_enter(session, colleague.person, "desk"):
        _sign_out_of_desk(session, actor, colleague.person)


def deactivate(session: Session, actor: Staff, colleague: Colleague) -> None:
    """Shut a colleague out of this desk until they are reactivated, and sign them out immediately.

    Links that were sent to experts and readers go on working. Raises `VersionConflict`, `LastAdmin`, `PermissionDenied`
    and `NotFresh`.
    """
    require_fresh_proof(session, actor, "people")
    keep_an_admin(session, colleague)
    if colleague.status != "here":
        raise VersionConflict(f"already {colleague.status}")
    colleague.membership.disabled_at = now(session)
    _record(session, actor, "membership.deactivate", colleague)
    _sign_out_of_desk(session, actor, colleague.person)


def reactivate(session: Session, actor: Staff, colleague: Colleague) -> None:
    """Let a colleague sign in again, by a mail that they request.

    Raises `VersionConflict`, `PermissionDenied` and `NotFresh`.
    """
    require_fresh_proof(session, actor, "people")
    if colleague.membership.disabled_at is None:
        raise VersionConflict("here already")
    colleague.membership.disabled_at = None
    _record(session, actor, "membership.reactivate", colleague)


def reset_factors(session: Session, actor: Staff, colleague: Colleague) -> None:
    """Remove the second factors of a colleague who has lost them, and sign them out.

    Raises `PermissionDenied` and `NotFresh`.
    """
    require_fresh_proof(session, actor, "people")
    factors.reset(session, actor, colleague.person)


def release_identity(session: Session, actor: Staff, colleague: Colleague) -> None:
    """Unbind the provider account with which a colleague signs in. Raises `PermissionDenied` and `NotFresh`."""
    require_fresh_proof(session, actor, "people")
    identities.release(session, actor, colleague.person)


def sign_out(session: Session, actor: Staff, colleague: Colleague) -> None:
    """Sign a colleague out in every browser. This needs no fresh proof, since a lost laptop can't wait for one."""
    must(actor, "people")
    sessions.end_all(session, actor, colleague.person)


def _sign_out_of_desk(session: Session, actor: Staff, person: Person) -> None:
    """Sign somebody out of the desk. If no desk lets them in any more, erase their second factors too."""
    if not sign_in.may_enter(session, person, "desk"):
        session.execute(delete(Factor).where(Factor.person_id == person.id))
        identities.forget(session, person)
    session.execute(delete(SignIn).where(SignIn.person_id == person.id, SignIn.door == "desk"))
    sessions.end_all(session, actor, person, door="desk")


def keep_an_admin(session: Session, colleague: Colleague, becomes: str = "") -> None:
    """Raise `LastAdmin` if this would leave the desk without an admin.

    All admins' rows are locked in one order: of two admins who demote each other, the second waits and is refused.
    """
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
    """Shut somebody out of the installation. Return how many browsers were signed out, and how many sign-ins were open.

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
    for place in places:  # events of a person belong to no desk, so each desk gets one in its own trail
        audit.record(session, actor, "membership.disable", place, facts={"person": person.id})
    session.execute(delete(SignIn).where(theirs))
    session.execute(delete(Factor).where(Factor.person_id == person.id))
    identities.forget(session, person)
    sessions.end_all(session, actor, person)
    return browsers, ways


def enable_person(session: Session, actor: Actor, person: Person) -> None:
    """Let somebody sign in again, by a mail that they request. Desks that have deactivated them keep them out.

    Raises `VersionConflict`.
    """
    if lock_row(session, person).disabled_at is None:
        raise VersionConflict("not out")
    person.disabled_at = None
    audit.record(session, actor, "person.enable", person)
    for place in _list_memberships(session, person):
        audit.record(session, actor, "membership.enable", place, facts={"person": person.id})


def _list_memberships(session: Session, person: Person) -> Sequence[Membership]:
    """Return the memberships of desks where they have joined; a desk that only invited them learns nothing."""
    query = select(Membership).where(Membership.person_id == person.id, Membership.joined_at.is_not(None))
    return session.scalars(query.order_by(Membership.newsletter_id)).all()
