"""Browser sessions: who is signed in where, how to end a session, and how recently somebody proved who they are."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, exists, func, not_, or_, select, update
from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Actor, Staff
from ..core.domain_errors import DomainError
from ..core.state_machine import must
from ..db.session import get_keyring, now
from ..settings.sign_in_rules import SignInRules
from .models import BrowserSession, Factor, Membership, Person

SEEN_EVERY = timedelta(minutes=5)
EXPERTS_STAY = timedelta(days=30)
# A person, their session, and whether it is half-way: a second factor is missing.
Who = tuple[Person, BrowserSession, bool]


def stays(session: Session, door: str) -> tuple[timedelta, timedelta]:
    """Return how long a session lasts without a visit, and how long at most.

    Visits of experts aren't stored, so their sessions have no idle limit; their cookie ends with the browser.
    """
    rules: SignInRules = session.info["sign_in"]
    return (rules.idle_limit, rules.total_limit) if door == "desk" else (EXPERTS_STAY, EXPERTS_STAY)


def lives(session: Session) -> ColumnElement[bool]:
    """Return the SQL condition that a session is neither over nor idle for too long."""
    seen = func.coalesce(BrowserSession.seen_at, BrowserSession.began_at)
    has_rested = and_(BrowserSession.door == "desk", seen <= now(session) - stays(session, "desk")[0])
    return and_(BrowserSession.ends_at > now(session), not_(has_rested))


def _is_half(session: Session) -> ColumnElement[bool]:
    """Return the SQL condition that a desk session still needs a second factor, which its person has or must have."""
    mine = (Factor.person_id == Person.id, Factor.kind != "recovery")
    needing = Membership.role.in_(session.info["sign_in"].second_factor_roles)
    at_work = (Membership.person_id == Person.id, Membership.disabled_at.is_(None), needing)
    needs = or_(exists().where(*mine), exists(select(Membership.id).where(*at_work).correlate(Person)))
    return and_(BrowserSession.door == "desk", BrowserSession.second_at.is_(None), needs)


def find_session(session: Session, token: str) -> Who | None:
    """Return the person and the session of a token, and whether a second factor is missing.

    Return None for a session that is unknown or over, or whose person is disabled.
    """
    is_of_token = BrowserSession.token_mac.in_(get_keyring(session).macs("sessions.token", token))
    query = select(Person, BrowserSession, _is_half(session)).join(
        BrowserSession, BrowserSession.person_id == Person.id
    )
    found = session.execute(query.where(is_of_token, lives(session), Person.disabled_at.is_(None))).first()
    return (found[0], found[1], bool(found[2])) if found else None


def is_to_note(current_time: datetime, began: BrowserSession) -> bool:
    """Return whether to store that somebody of the desk was seen. Visits of experts aren't stored."""
    return began.door == "desk" and (began.seen_at is None or current_time - began.seen_at >= SEEN_EVERY)


def note_seen(session: Session, key: int) -> None:
    """Store when a session was last seen: the only write that opening a page may cause."""
    session.execute(update(BrowserSession).where(BrowserSession.id == key).values(seen_at=now(session)))


def sessions_of(session: Session, person_id: int) -> list[BrowserSession]:
    """Return the live sessions of a person, the newest first."""
    query = select(BrowserSession).where(BrowserSession.person_id == person_id, lives(session))
    return list(session.scalars(query.order_by(BrowserSession.id.desc())))


def is_of_token(session: Session, row: BrowserSession, token: str) -> bool:
    return row.token_mac in get_keyring(session).macs("sessions.token", token)


def end_session(session: Session, token: str) -> None:
    session.execute(
        delete(BrowserSession).where(BrowserSession.token_mac.in_(get_keyring(session).macs("sessions.token", token)))
    )


def end_one(session: Session, actor: Actor, person_id: int, public_id: str) -> None:
    """Sign out another browser of this person, unless its session is over already."""
    query = select(BrowserSession).where(BrowserSession.person_id == person_id, BrowserSession.public_id == public_id)
    if row := session.scalar(query):
        audit.record(session, actor, "session.end", row, facts={"person": person_id})
        session.delete(row)


def end_all(session: Session, actor: Actor, person: Person, but: str | None = None, door: str | None = None) -> None:
    """Sign a person out everywhere, or at one `door`, except in the browser with the token `but`."""
    query = delete(BrowserSession).where(BrowserSession.person_id == person.id)
    if door is not None:
        query = query.where(BrowserSession.door == door)
    if but is not None:
        query = query.where(BrowserSession.token_mac.not_in(get_keyring(session).macs("sessions.token", but)))
    session.execute(query)
    audit.record(session, actor, "session.end_all", person)


PROOF_LIFE = timedelta(minutes=10)  # how long a proof of who somebody is counts as fresh


class NotFresh(DomainError):
    """Raised when the last proof of who somebody is was too long ago for this act."""

    code = "sign_in.proof_expired"


def has_fresh_proof(session: Session, actor: Staff) -> bool:
    # The absolute difference: a proof stored by a clock that was ahead must not stay fresh until that time.
    return actor.proved_at is not None and abs(now(session) - actor.proved_at) < PROOF_LIFE


def require_fresh_proof(session: Session, actor: Staff, act: str) -> None:
    """Require the act's permission and a fresh proof of who the actor is.

    Raises `PermissionDenied` and `NotFresh`.
    """
    must(actor, act)
    if not has_fresh_proof(session, actor):
        raise NotFresh(actor.ref)
