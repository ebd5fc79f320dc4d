"""Sign-in of the desk's people with an account at the newsroom's OpenID Connect provider (`oidc`).

It gives nobody a role: an admin has invited them before. The first time, a verified address leads to its person, and
the account is bound to them. From then on the account alone decides, whatever its address.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Actor
from ..db.session import get_keyring, lock_row, now
from . import sign_in
from .directory import BadAddress, by_email, checked_address
from .models import BrowserSession, Identity, Membership, Person
from .oidc import Vouched


@dataclass(frozen=True)
class CameIn:
    """The token of the new session, or why there is none: "unverified", "unknown" or "another account"."""

    token: str = ""
    why: str = ""


def come_in(session: Session, actor: Actor, vouched: Vouched, second: frozenset[str], browser_name: str) -> CameIn:
    """Sign in the person for whom the provider vouches.

    `second` are the methods that count as a second factor; `browser_name` names the browser, such as "Firefox on
    Linux".
    """
    person = _find_bound_person(session, vouched)
    if person is None:
        if not vouched.is_verified:
            return CameIn(why="unverified")
        person = _of_address(session, vouched.email)
    place = sign_in.place_of(session, person, "desk") if person else None
    if person is None or not isinstance(place, Membership):
        return CameIn(why="unknown")
    if not _bind(session, actor, lock_row(session, person), vouched):
        return CameIn(why="another account")
    invited = place.id if place.joined_at is None else None
    token, began = sign_in.begin(session, actor, person.id, "desk", browser_name, membership_id=invited)
    _note_proofs(session, began, vouched, second)
    return CameIn(token)


def _find_bound_person(session: Session, vouched: Vouched) -> Person | None:
    bound = select(Person).join(Identity, Identity.person_id == Person.id)
    return session.scalar(
        bound.where(Identity.subject_mac.in_(get_keyring(session).macs("identities.subject", _name(vouched))))
    )


def _name(vouched: Vouched) -> str:
    return f"{vouched.issuer} {vouched.subject}"


def _of_address(session: Session, email: str) -> Person | None:
    try:
        return by_email(session, checked_address(email))
    except BadAddress:
        return None


def _bind(session: Session, actor: Actor, person: Person, vouched: Vouched) -> bool:
    """Bind an account to somebody who has none. Return whether the account is theirs."""
    ring = get_keyring(session)
    mine = session.scalar(select(Identity).filter_by(person_id=person.id))
    if mine is not None:
        fits = mine.subject_mac in ring.macs("identities.subject", _name(vouched))
        if not fits:
            _record(session, actor, "identity.refuse", person)
        return fits
    mac = ring.mac("identities.subject", _name(vouched))
    session.add(Identity(person_id=person.id, subject_mac=mac, bound_at=now(session)))
    _record(session, actor, "identity.bind", person)
    return True


def _record(session: Session, actor: Actor, action: str, person: Person) -> None:
    """Record it at each desk of theirs, whose admins should know."""
    for place in session.scalars(select(Membership).filter_by(person_id=person.id).order_by(Membership.newsletter_id)):
        audit.record(session, actor, action, place, facts={"person": person.id})


def _note_proofs(session: Session, began: BrowserSession, vouched: Vouched, second: frozenset[str]) -> None:
    """Store what was proved at the provider, and when.

    An existing session at the provider proves nothing now, so the proof is as old as the provider says, or missing.
    """
    at = now(session)
    if vouched.methods & second:
        began.second_at = at
    since = vouched.signed_in_at
    began.stepped_up_at = min(datetime.fromtimestamp(since, UTC), at) if since else None


def has_identity(session: Session, person_id: int) -> bool:
    return session.scalar(select(Identity.id).filter_by(person_id=person_id)) is not None


def release(session: Session, actor: Actor, person: Person) -> None:
    """Unbind somebody's account at the provider: the next account with their address is bound instead."""
    audit.record(session, actor, "identity.release", person, facts={"person": person.id})
    forget(session, person)


def forget(session: Session, person: Person) -> None:
    session.execute(delete(Identity).where(Identity.person_id == person.id))
