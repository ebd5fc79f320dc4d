"""Sign-in of the desk's people with an account at the newsroom's OpenID Connect provider (`oidc`).

Such a sign-in gives nobody a role: an admin must have invited them before. At the first sign-in, the person is found by
the account's verified address, and the account is bound to them. After that only the account counts, not its address.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Actor
from ..db.session import get_keyring, lock_row, now
from . import sign_in
from .directory import BadAddress, by_email, checked_address
from .models import BrowserSession, Identity, Membership, Person
from .oidc import ProviderAccount


@dataclass(frozen=True)
class SignInResult:
    """The token of the new session, or why there is none: "unverified", "unknown" or "another account"."""

    token: str = ""
    refusal: str = ""


def sign_in_with_account(
    session: Session, actor: Actor, account: ProviderAccount, second_factor_methods: frozenset[str], browser_name: str
) -> SignInResult:
    """Sign in the person who has this account, and accept their invitation if they haven't done so yet.

    A sign-in at the provider by one of the `second_factor_methods` counts as a second factor. `browser_name` is a name
    such as "Firefox on Linux".
    """
    person = _find_bound_person(session, account)
    if person is None:
        if not account.is_verified:
            return SignInResult(refusal="unverified")
        person = _find_by_address(session, account.email)
    membership = sign_in.find_access(session, person, "desk") if person else None
    if person is None or not isinstance(membership, Membership):
        return SignInResult(refusal="unknown")
    if not _bind(session, actor, lock_row(session, person), account, membership):
        return SignInResult(refusal="another account")
    invitation_id = membership.id if membership.joined_at is None else None
    token, browser_session = sign_in.begin(session, actor, person.id, "desk", browser_name, membership_id=invitation_id)
    _record_proofs(session, browser_session, account, second_factor_methods)
    return SignInResult(token)


def _find_bound_person(session: Session, account: ProviderAccount) -> Person | None:
    macs = get_keyring(session).macs("identities.subject", _subject_key(account))
    query = select(Person).join(Identity, Identity.person_id == Person.id)
    return session.scalar(query.where(Identity.subject_mac.in_(macs)))


def _subject_key(account: ProviderAccount) -> str:
    return f"{account.issuer} {account.subject}"


def _find_by_address(session: Session, email: str) -> Person | None:
    try:
        return by_email(session, checked_address(email))
    except BadAddress:
        return None


def _bind(session: Session, actor: Actor, person: Person, account: ProviderAccount, membership: Membership) -> bool:
    """Bind the account to a person who has none yet. Return False if another account is bound to them."""
    ring = get_keyring(session)
    identity = session.scalar(select(Identity).filter_by(person_id=person.id))
    if identity is not None:
        is_same_account = identity.subject_mac in ring.macs("identities.subject", _subject_key(account))
        if not is_same_account:
            _record(session, actor, "identity.refuse", person, membership)
        return is_same_account
    mac = ring.mac("identities.subject", _subject_key(account))
    session.add(Identity(person_id=person.id, subject_mac=mac, bound_at=now(session)))
    _record(session, actor, "identity.bind", person, membership)
    return True


def _record(session: Session, actor: Actor, action: str, person: Person, membership: Membership) -> None:
    """Record the action in the trail of each desk that the person has joined, and of the desk of `membership`.

    Other desks that only invited them must learn nothing.
    """
    is_concerned = or_(Membership.joined_at.is_not(None), Membership.id == membership.id)
    query = select(Membership).where(Membership.person_id == person.id, is_concerned)
    for row in session.scalars(query.order_by(Membership.newsletter_id)):
        audit.record(session, actor, action, row, facts={"person": person.id})


def _record_proofs(
    session: Session, browser_session: BrowserSession, account: ProviderAccount, second_factor_methods: frozenset[str]
) -> None:
    """Store the second factor, and when the person proved their identity at the provider.

    They may have had a session at the provider already. Then their proof is as old as that session. If the provider
    doesn't tell the session's age, there is no proof.
    """
    current_time = now(session)
    if account.methods & second_factor_methods:
        browser_session.second_at = current_time
    if account.signed_in_at:
        proved_at = datetime.fromtimestamp(account.signed_in_at, UTC)
        browser_session.stepped_up_at = min(proved_at, current_time)
    else:
        browser_session.stepped_up_at = None


def has_identity(session: Session, person_id: int) -> bool:
    """Return whether an account at the provider is bound to this person."""
    return session.scalar(select(Identity.id).filter_by(person_id=person_id)) is not None


def release(session: Session, actor: Actor, person: Person) -> None:
    """Unbind a person's account at the provider, so that the next account with their address is bound instead."""
    audit.record(session, actor, "identity.release", person, facts={"person": person.id})
    forget(session, person)


def forget(session: Session, person: Person) -> None:
    """Unbind a person's account, as `release` does, but without an event in the trail."""
    session.execute(delete(Identity).where(Identity.person_id == person.id))
