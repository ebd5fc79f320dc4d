"""Browser sessions: finding and ending them, and whether somebody proved their identity recently."""

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, delete, exists, func, not_, or_, select, update
from sqlalchemy.orm import Session, aliased

from .. import audit
from ..core.actors import Actor, Staff
from ..core.domain_errors import DomainError
from ..core.state_machine import must
from ..crypto.seal import new_token
from ..db.session import get_keyring, now
from ..settings.sign_in_rules import SignInRules
from .models import BrowserSession, Factor, Membership, Person

VISIT_INTERVAL = timedelta(minutes=5)  # visits are stored at most this often
EXPERT_SESSION_LIFE = timedelta(days=30)
PROOF_LIFE = timedelta(minutes=10)  # how long a proof of identity counts as fresh


class SessionLimits(NamedTuple):
    """The longest time that a session lasts without a visit (`idle`), and in all (`total`)."""

    idle: timedelta
    total: timedelta


class AuthenticatedSession(NamedTuple):
    """A session and its person. With `lacks_second_factor`, it opens no page of the desk yet."""

    person: Person
    browser_session: BrowserSession
    lacks_second_factor: bool


def get_limits(session: Session, door: str) -> SessionLimits:
    """Return the limits of sessions at a door, "desk" or "expert".

    Visits of experts aren't stored, so their sessions have no idle limit; their cookie ends with the browser.
    """
    if door == "desk":
        rules: SignInRules = session.info["sign_in"]
        return SessionLimits(rules.idle_limit, rules.total_limit)
    return SessionLimits(EXPERT_SESSION_LIFE, EXPERT_SESSION_LIFE)


def is_live_condition(session: Session) -> ColumnElement[bool]:
    """Return the SQL condition for a session that has neither ended nor been idle for too long."""
    last_visit_at = func.coalesce(BrowserSession.seen_at, BrowserSession.began_at)
    idle_since = now(session) - get_limits(session, "desk").idle
    is_idle = and_(BrowserSession.door == "desk", last_visit_at <= idle_since)
    return and_(BrowserSession.ends_at > now(session), not_(is_idle))


def _lacks_second_factor_condition(session: Session) -> ColumnElement[bool]:
    """Return the SQL condition for a desk session without a second factor, whose person has one or must have one."""
    has_factor = exists().where(Factor.person_id == Person.id, Factor.kind != "recovery")
    rules: SignInRules = session.info["sign_in"]
    is_required: ColumnElement[bool] = Membership.role.in_(rules.second_factor_roles)
    if rules.second_factor_if_shared:
        is_required = or_(is_required, _is_shared_condition())
    must_have_factor = exists(
        select(Membership.id)
        .where(Membership.person_id == Person.id, Membership.disabled_at.is_(None), is_required)
        .correlate(Person)
    )
    return and_(BrowserSession.door == "desk", BrowserSession.second_at.is_(None), or_(has_factor, must_have_factor))


def _is_shared_condition() -> ColumnElement[bool]:
    """Return the SQL condition for a membership whose desk somebody else can open too."""
    other, colleague = aliased(Membership), aliased(Person)
    return exists(
        select(other.id)
        .join(colleague, colleague.id == other.person_id)
        .where(
            other.newsletter_id == Membership.newsletter_id,
            other.person_id != Membership.person_id,
            _can_open_desk(other, colleague),
        )
        .correlate(Membership)
    )


def has_shared_desk(session: Session) -> bool:
    """Return whether more than one person can open some desk."""
    query = select(Membership.id).join(Person, Person.id == Membership.person_id)
    query = query.where(_can_open_desk(Membership, Person), _is_shared_condition())
    return session.scalar(query.limit(1)) is not None


def _can_open_desk(membership: type[Membership], person: type[Person]) -> ColumnElement[bool]:
    return and_(membership.joined_at.is_not(None), membership.disabled_at.is_(None), person.disabled_at.is_(None))


def _token_macs(session: Session, token: str) -> list[bytes]:
    """Return the keyed hashes under which a token may be stored, one for each key."""
    return list(get_keyring(session).macs("sessions.token", token))


def find_session(session: Session, token: str) -> AuthenticatedSession | None:
    """Return the session of a token, or None if it is unknown or over, or its person is disabled."""
    row = session.execute(
        select(Person, BrowserSession, _lacks_second_factor_condition(session))
        .join(BrowserSession, BrowserSession.person_id == Person.id)
        .where(BrowserSession.token_mac.in_(_token_macs(session, token)))
        .where(is_live_condition(session), Person.disabled_at.is_(None))
    ).first()
    if row is None:
        return None
    person, browser_session, lacks_second_factor = row
    return AuthenticatedSession(person, browser_session, bool(lacks_second_factor))


def should_record_visit(current_time: datetime, browser_session: BrowserSession) -> bool:
    """Return whether a request should be stored as a visit: for the desk every few minutes, for experts never."""
    if browser_session.door != "desk":
        return False
    return browser_session.seen_at is None or current_time - browser_session.seen_at >= VISIT_INTERVAL


def record_visit(session: Session, session_id: int) -> None:
    """Store the time of a visit. This is the only write when somebody opens a page."""
    session.execute(update(BrowserSession).where(BrowserSession.id == session_id).values(seen_at=now(session)))


def sessions_of(session: Session, person_id: int) -> list[BrowserSession]:
    """Return the live sessions of a person, the newest first."""
    query = select(BrowserSession).where(BrowserSession.person_id == person_id, is_live_condition(session))
    return list(session.scalars(query.order_by(BrowserSession.id.desc())))


def is_of_token(session: Session, browser_session: BrowserSession, token: str) -> bool:
    return browser_session.token_mac in _token_macs(session, token)


def renew_token(session: Session, browser_session: BrowserSession) -> str:
    """Give a session that opens more from now on a new token: a copy of its cookie from before opens nothing."""
    token = new_token(256)
    browser_session.token_mac = get_keyring(session).mac("sessions.token", token)
    return token


def end_session(session: Session, token: str) -> None:
    session.execute(delete(BrowserSession).where(BrowserSession.token_mac.in_(_token_macs(session, token))))


def end_one(session: Session, actor: Actor, person_id: int, public_id: str) -> None:
    """Sign out one browser of a person, unless its session is over already."""
    query = select(BrowserSession).where(BrowserSession.person_id == person_id, BrowserSession.public_id == public_id)
    if browser_session := session.scalar(query):
        audit.record(session, actor, "session.end", browser_session, facts={"person": person_id})
        session.delete(browser_session)


def end_all(
    session: Session, actor: Actor, person: Person, except_token: str | None = None, door: str | None = None
) -> None:
    """Sign a person out everywhere, or only at one `door`, except in the browser with `except_token`."""
    query = delete(BrowserSession).where(BrowserSession.person_id == person.id)
    if door is not None:
        query = query.where(BrowserSession.door == door)
    if except_token is not None:
        query = query.where(BrowserSession.token_mac.not_in(_token_macs(session, except_token)))
    session.execute(query)
    audit.record(session, actor, "session.end_all", person)


class NotFresh(DomainError):
    """Raised if somebody proved their identity too long ago for this act."""

    code = "sign_in.proof_expired"


def has_fresh_proof(session: Session, actor: Staff) -> bool:
    """Return whether the actor proved their identity less than PROOF_LIFE ago."""
    # The difference is absolute: a proof that was stored while the clock was ahead must not stay fresh for longer.
    return actor.proved_at is not None and abs(now(session) - actor.proved_at) < PROOF_LIFE


def require_fresh_proof(session: Session, actor: Staff, act: str) -> None:
    """Require permission for the act, and a fresh proof of identity.

    Raises `PermissionDenied` and `NotFresh`.
    """
    must(actor, act)
    if not has_fresh_proof(session, actor):
        raise NotFresh(actor.ref)
