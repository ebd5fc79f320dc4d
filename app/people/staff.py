"""Managing the staff of a desk: invitations, roles, removal and deactivation. A desk never loses its last admin."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

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
from ..mail.mail_templates import render_mail
from ..mail.mail_values import AccountMail
from ..mail.message import Sender
from ..mail.models import OutboxMail
from ..text.clean import single_line
from . import api_tokens, directory, factors, identities, sessions, sign_in
from .colleagues import Colleague, load
from .models import BrowserSession, Expert, Factor, Membership, Person, SignIn
from .sessions import require_fresh_proof

INVITATION = "invitation "  # begins the `once_key` of invitation mails, before the membership's id and the time


class LastAdmin(DomainError):
    """The change would leave a newsletter's desk without anybody who manages its people."""

    code = "conflict.last_admin"

    def __init__(self, newsletter_id: int) -> None:
        super().__init__(f"newsletter {newsletter_id}")
        self.newsletter_id = newsletter_id


class BadInvitation(DomainError):
    """The invitation has invalid fields: `fields` lists those of "name", "email" and "role" that are."""

    code = "invalid.invitation"

    def __init__(self, fields: list[str]) -> None:
        super().__init__(", ".join(fields))
        self.fields = fields


class PersonIsExpert(DomainError):
    """The invited person is an expert in the directory. At the desk they could read readers' letters."""

    code = "conflict.person_is_expert"

    def __init__(self, expert: Expert) -> None:
        super().__init__(expert.public_id)
        self.public_id, self.name = expert.public_id, expert.name


class AlreadyAtDesk(DomainError):
    """Somebody with this address works at the desk, or is invited to it, already."""

    code = "conflict.person_is_at_the_desk"


def invite(
    session: Session, actor: Staff, newsroom: str, name: str, email: str, role: str, expert_public_id: str = ""
) -> Colleague:
    """Mail a person an invitation to this desk. They become a member when they use it.

    `newsroom` is the name of the desk in the mail. If the person is an expert in the directory, the caller must confirm
    this with their `expert_public_id`. Raises `BadInvitation`, `AlreadyAtDesk`, `PersonIsExpert`, `PermissionDenied`
    and `NotFresh`.
    """
    require_fresh_proof(session, actor, "people")
    name = single_line(name)[:200]
    is_invalid = {"name": not name, "email": not _is_address(email), "role": role not in ROLES}
    if invalid_fields := [field for field in is_invalid if is_invalid[field]]:
        raise BadInvitation(invalid_fields)
    # All desks share the table of people. The actor is a visitor, so that this desk's trail doesn't reveal whether the
    # person was in the table already.
    person = directory.add_person(session, Visitor(actor.person_id), name, email)
    if load(session, actor, person.public_id):
        raise AlreadyAtDesk
    expert = directory.expert_of(session, person.id)
    if expert is not None and expert.public_id != expert_public_id:
        raise PersonIsExpert(expert)
    membership = Membership(person_id=person.id, newsletter_id=actor.newsletter_id, role=role, invited_as=name)
    session.add(membership)
    audit.record(session, actor, "membership.invite", membership, new=role, facts={"person": person.id})
    colleague = Colleague(person, membership)
    _mail_invitation(session, actor, colleague, newsroom)
    return colleague


def _is_address(email: str) -> bool:
    try:
        return bool(directory.checked_address(email))
    except directory.BadAddress:
        return False


def invite_again(session: Session, actor: Staff, colleague: Colleague, newsroom: str) -> None:
    """Mail a new link in place of the old one.

    Raises `VersionConflict` if the invitation was used, and `PermissionDenied`.
    """
    _revoke_links(session, actor, colleague)
    _record(session, actor, "membership.invite_again", colleague)
    _mail_invitation(session, actor, colleague, newsroom)


def withdraw(session: Session, actor: Staff, colleague: Colleague) -> None:
    """Withdraw an invitation, and erase the person's address if they never had another role in the installation.

    Raises `VersionConflict`, `PermissionDenied` and `NotFresh`.
    """
    require_fresh_proof(session, actor, "people")
    _revoke_links(session, actor, colleague)
    _record(session, actor, "membership.withdraw", colleague, old_value=colleague.membership.role)
    session.delete(colleague.membership)
    session.flush()
    if not _has_history(session, colleague.person):
        forget(session, colleague.person)


def forget(session: Session, person: Person) -> None:
    """Erase the address and provider account of a person who has no role anywhere."""
    person.email_sealed = person.email_mac = person.key_no = None
    person.erased_at = now(session)
    identities.forget(session, person)
    session.flush()
    erasures.note(session, "person", [person.public_id])


def _has_history(session: Session, person: Person) -> bool:
    """Return whether this person has or had any role in the installation."""
    rows = [select(model.id).filter_by(person_id=person.id) for model in (Membership, Expert, BrowserSession)]
    events = select(audit.Event.id).where(audit.Event.actor.in_((f"staff:{person.id}", f"person:{person.id}")))
    return any(session.scalar(query.limit(1)) is not None for query in (*rows, events))


def _mail_invitation(session: Session, actor: Staff, colleague: Colleague, newsroom: str) -> None:
    path = sign_in.invite(
        session, Visitor(actor.person_id), colleague.person, "desk", membership_id=colleague.membership.id
    )
    values = AccountMail(link=absolute_url(session, path), days=sign_in.INVITATION_LIFE.days)
    to = directory.email_of(session, colleague.person) or ""
    message = render_mail("staff.invitation", Sender(newsroom), to, colleague.name, values)
    # The mail's row doesn't refer to the person, since their name may come from another desk. This desk must see only
    # the name that it typed (see `list_invited_names`).
    once_key = f"{_once_key_prefix(colleague)}{now(session).isoformat()}"
    outbox.put(session, message, newsletter_id=actor.newsletter_id, once_key=once_key)


def _once_key_prefix(colleague: Colleague) -> str:
    """Return the beginning of the `once_key` of all mails of one invitation."""
    return f"{INVITATION}{colleague.membership.id} "


def list_invited_names(session: Session, mails: Iterable[OutboxMail]) -> dict[int, str]:
    """Return the names of the people whom these mails invite to a desk, by mail id, in at most one query."""
    membership_ids = {}
    for mail in mails:
        if mail.once_key and mail.once_key.startswith(INVITATION):
            membership_id, _space, _sent_at = mail.once_key.removeprefix(INVITATION).partition(" ")
            membership_ids[mail.id] = int(membership_id)
    if not membership_ids:
        return {}
    query = (
        select(Membership.id, func.coalesce(Membership.invited_as, Person.name))
        .join(Person, Person.id == Membership.person_id)
        .where(Membership.id.in_(membership_ids.values()))
    )
    names = {row[0]: row[1] for row in session.execute(query)}
    return {mail_id: names[key] for mail_id, key in membership_ids.items() if key in names}


def _revoke_links(session: Session, actor: Staff, colleague: Colleague) -> None:
    """Delete the links of an unused invitation, and recall the mails that carry them.

    Raises `VersionConflict` and `PermissionDenied`.
    """
    must(actor, "people")
    if colleague.membership.joined_at is not None:
        raise VersionConflict("the invitation was used")
    session.execute(delete(SignIn).where(SignIn.membership_id == colleague.membership.id))
    is_of_invitation = OutboxMail.once_key.startswith(_once_key_prefix(colleague), autoescape=True)
    for mail in session.scalars(select(OutboxMail).where(is_of_invitation, OutboxMail.waits)):
        try:
            outbox.recall(session, actor, mail)
        except outbox.OnItsWay:
            continue  # the mail does no harm, as its link doesn't work any more


def set_role(session: Session, actor: Staff, colleague: Colleague, role: str, old_role: str) -> None:
    """Give a colleague another role. `old_role` is the one that the admin saw.

    Raises `VersionConflict`, `InvalidField`, `LastAdmin`, `PermissionDenied` and `NotFresh`.
    """
    require_fresh_proof(session, actor, "people")
    if role not in ROLES:
        raise InvalidField("role_unknown", "role")
    require_other_admin(session, colleague, new_role=role)
    if colleague.membership.role != old_role:
        raise VersionConflict(f"the role is {colleague.membership.role}, not {old_role}")
    if role != old_role:
        colleague.membership.role = role
        _record(session, actor, "membership.set", colleague, old_value=old_role, new_value=role)


def remove(session: Session, actor: Staff, colleague: Colleague) -> None:
    """Remove a colleague from this desk. What they did stays recorded under their name.

    Raises `LastAdmin`, `PermissionDenied` and `NotFresh`.
    """
    require_fresh_proof(session, actor, "people")
    require_other_admin(session, colleague)
    _record(session, actor, "membership.remove", colleague, old_value=colleague.membership.role)
    session.execute(delete(SignIn).where(SignIn.membership_id == colleague.membership.id))
    api_tokens.delete_tokens_of(session, colleague.membership)
    session.delete(colleague.membership)
    session.flush()
    if not sign_in.may_enter(session, colleague.person, "desk"):
        _sign_out_of_desk(session, actor, colleague.person)


def deactivate(session: Session, actor: Staff, colleague: Colleague) -> None:
    """Shut a colleague out of this desk until they are reactivated, and sign them out immediately.

    Links that they sent to experts and readers continue to work. Raises `VersionConflict`, `LastAdmin`,
    `PermissionDenied` and `NotFresh`.
    """
    require_fresh_proof(session, actor, "people")
    require_other_admin(session, colleague)
    if colleague.status != "here":
        raise VersionConflict(f"already {colleague.status}")
    colleague.membership.disabled_at = now(session)
    api_tokens.delete_tokens_of(session, colleague.membership)
    _record(session, actor, "membership.deactivate", colleague)
    _sign_out_of_desk(session, actor, colleague.person)


def reactivate(session: Session, actor: Staff, colleague: Colleague) -> None:
    """Let a deactivated colleague sign in again, by a mail that they request.

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
    """Sign a colleague out in every browser, e.g. on a lost laptop. This is urgent, so it needs no fresh proof."""
    must(actor, "people")
    sessions.end_all(session, actor, colleague.person)


def _sign_out_of_desk(session: Session, actor: Staff, person: Person) -> None:
    """Sign a person out of all desks. If no desk lets them in any more, erase their ways to sign in too."""
    if not sign_in.may_enter(session, person, "desk"):
        session.execute(delete(Factor).where(Factor.person_id == person.id))
        identities.forget(session, person)
    session.execute(delete(SignIn).where(SignIn.person_id == person.id, SignIn.door == "desk"))
    sessions.end_all(session, actor, person, door="desk")


def require_other_admin(session: Session, colleague: Colleague, new_role: str = "") -> None:
    """Raise `LastAdmin` if the desk would have no admin after the colleague gets `new_role` (empty: no role).

    The rows of all admins are locked, always in the same order: if two admins demote each other, the second waits and
    is refused.
    """
    admin_roles = roles_for("people")
    admins = session.scalars(
        select(Membership)
        .join(Person, Person.id == Membership.person_id)
        .where(Membership.newsletter_id == colleague.membership.newsletter_id, Membership.role.in_(admin_roles))
        .where(Membership.at_work(), Person.disabled_at.is_(None))
        .order_by(Membership.id)
        .with_for_update(of=Membership)
    ).all()
    session.refresh(colleague.membership)
    if new_role not in admin_roles and [admin.id for admin in admins] == [colleague.membership.id]:
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
    """Shut a person out of the installation. Return how many browsers were signed out and how many links revoked.

    Raises `LastAdmin` and `VersionConflict`.
    """
    memberships = _list_memberships(session, person)
    for membership in memberships:
        require_other_admin(session, Colleague(person, membership))
    if lock_row(session, person).disabled_at is not None:
        raise VersionConflict("out already")
    browser_count = len(sessions.sessions_of(session, person.id))
    is_theirs = SignIn.person_id == person.id
    is_open = (is_theirs, SignIn.used_at.is_(None), SignIn.ends_at > now(session))
    link_count = session.scalar(select(func.count()).select_from(SignIn).where(*is_open)) or 0
    person.disabled_at = now(session)
    audit.record(session, actor, "person.disable", person)
    for membership in memberships:  # "person.disable" belongs to no desk, so each desk gets an event in its own trail
        audit.record(session, actor, "membership.disable", membership, facts={"person": person.id})
        api_tokens.delete_tokens_of(session, membership)
    session.execute(delete(SignIn).where(is_theirs))
    session.execute(delete(Factor).where(Factor.person_id == person.id))
    identities.forget(session, person)
    sessions.end_all(session, actor, person)
    return browser_count, link_count


def enable_person(session: Session, actor: Actor, person: Person) -> None:
    """Let a disabled person sign in again, by a mail that they request. Desks that deactivated them keep them out.

    Raises `VersionConflict`.
    """
    if lock_row(session, person).disabled_at is None:
        raise VersionConflict("not out")
    person.disabled_at = None
    audit.record(session, actor, "person.enable", person)
    for membership in _list_memberships(session, person):
        audit.record(session, actor, "membership.enable", membership, facts={"person": person.id})


def reset_person(session: Session, actor: Actor, person: Person, link_life: timedelta) -> tuple[str, list[int]]:
    """Remove a person's second factors, sessions and open links. Return the path of a new link, and their desks' IDs.

    The link lets them in once, in any browser. Raises `VersionConflict` if they are disabled or work at no desk.
    """
    is_disabled = lock_row(session, person).disabled_at is not None
    memberships = [membership for membership in _list_memberships(session, person) if membership.disabled_at is None]
    if is_disabled or not memberships:
        raise VersionConflict("disabled" if is_disabled else "at no desk")
    factors.reset(session, actor, person)
    for membership in memberships:  # "factor.reset" belongs to no desk, so each desk gets an event in its own trail
        audit.record(session, actor, "membership.reset_factors", membership, facts={"person": person.id})
    session.execute(delete(SignIn).where(SignIn.person_id == person.id))
    path = sign_in.invite(session, actor, person, "desk", life=link_life)
    return path, [membership.newsletter_id for membership in memberships]


def _list_memberships(session: Session, person: Person) -> Sequence[Membership]:
    """Return a person's memberships that they have joined. A desk that only invited them must learn nothing."""
    query = select(Membership).where(Membership.person_id == person.id, Membership.joined_at.is_not(None))
    return session.scalars(query.order_by(Membership.newsletter_id)).all()
