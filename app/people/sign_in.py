"""Ways in. A mailed link does nothing when it is opened; a button signs in, and only the browser that asked.

In another browser the mail's code is typed where the way in was asked for: link scanners open every link and run scripts,
and whoever is tricked into opening a stranger's link must not sign the stranger in.
"""

from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from .. import audit
from ..actors import Actor
from ..db import address, keys, now
from ..mail import messages, outbox
from ..seal import new_code, new_token
from ..text import digits
from .directory import BadAddress, by_email, checked_address, email_of
from .models import BrowserSession, Expert, Membership, Person, SignIn

LINK_LIFE = timedelta(minutes=20)
INVITATION_LIFE = timedelta(days=7)
SESSION_LIFE = {"desk": timedelta(days=14), "expert": timedelta(days=30)}
TRIES = 10


def may_enter(session: Session, person: Person, door: str) -> bool:
    table = Membership if door == "desk" else Expert
    return (
        person.disabled_at is None
        and session.scalar(select(table.id).filter_by(person_id=person.id).limit(1)) is not None
    )


def _new_way_in(session: Session, person: Person, door: str, ends_at: datetime) -> tuple[SignIn, str]:
    token = new_token()
    way = SignIn(person_id=person.id, door=door, link_mac=keys(session).mac("sign_ins.link", token), ends_at=ends_at)
    session.add(way)
    return way, token


def ask(session: Session, actor: Actor, email: str, door: str, browser: str, language: str) -> None:
    """Mail a link and a code to the person of this address, bound to the browser that asked.

    An unknown address gets nothing and the caller is told nothing: the page says the same in both cases.
    """
    try:
        person = by_email(session, checked_address(email))
    except BadAddress:
        return
    if person is None or not may_enter(session, person, door):
        return
    ring, code = keys(session), new_code()
    way, token = _new_way_in(session, person, door, now(session) + LINK_LIFE)
    way.browser_mac = ring.mac("sign_ins.browser", browser)
    way.code_mac = ring.mac("sign_ins.code", f"{browser} {code}")
    session.flush()
    message = messages.sign_in(
        language,
        to=email_of(session, person) or "",
        name=person.name,
        link=address(session, f"/sign-in/{token}"),
        code=code,
        minutes=int(LINK_LIFE.total_seconds() // 60),
    )
    outbox.put(session, message, person_id=person.id)
    audit.record(session, actor, "sign_in.ask", person)


def invite(session: Session, actor: Actor, person: Person, door: str, life: timedelta = INVITATION_LIFE) -> str:
    """A link that lets this person in once, from any browser. Returns its path; it is stored only as a hash."""
    _, token = _new_way_in(session, person, door, now(session) + life)
    session.flush()
    audit.record(session, actor, "sign_in.invite", person)
    return f"/sign-in/{token}"


def find(session: Session, token: str) -> SignIn | None:
    """The unused, unexpired way in behind a link. Changes nothing."""
    return session.scalar(
        select(SignIn).where(
            SignIn.link_mac.in_(keys(session).macs("sign_ins.link", token)),
            SignIn.used_at.is_(None),
            SignIn.ends_at > now(session),
        )
    )


def is_for_browser(session: Session, way: SignIn, browser: str | None) -> bool:
    """An invitation opens in any browser; what was asked for opens only where it was asked."""
    if way.browser_mac is None:
        return True
    return browser is not None and way.browser_mac in keys(session).macs("sign_ins.browser", browser)


def _enter(session: Session, actor: Actor, way: SignIn) -> str:
    way.used_at = now(session)
    token = new_token(256)
    began = BrowserSession(
        token_mac=keys(session).mac("sessions.token", token),
        person_id=way.person_id,
        door=way.door,
        began_at=now(session),
        ends_at=now(session) + SESSION_LIFE[way.door],
    )
    session.add(began)
    session.flush()
    audit.record(session, actor, "session.begin", began, facts={"person": way.person_id, "door": way.door})
    return token


def use_link(session: Session, actor: Actor, token: str, browser: str | None) -> str | None:
    """Sign in by the button on the link's page. Returns the session's token, or None where the link does not fit."""
    way = find(session, token)
    if way is None or not is_for_browser(session, way, browser):
        return None
    session.refresh(way, with_for_update=True)
    return None if way.used_at else _enter(session, actor, way)


def use_code(session: Session, actor: Actor, browser: str, code: str) -> str | None:
    """Sign in by the code, typed in the browser that asked. Ten wrong codes end the way in."""
    ring = keys(session)
    ways = session.scalars(
        select(SignIn)
        .where(
            SignIn.browser_mac.in_(ring.macs("sign_ins.browser", browser)),
            SignIn.used_at.is_(None),
            SignIn.ends_at > now(session),
            SignIn.tries < TRIES,
        )
        .order_by(SignIn.id.desc())
        .with_for_update()
    ).all()
    expected = ring.macs("sign_ins.code", f"{browser} {digits(code)}")
    for way in ways:
        if way.code_mac in expected:
            return _enter(session, actor, way)
    for way in ways:
        way.tries += 1
    return None


def who(session: Session, token: str) -> tuple[Person, str] | None:
    """The person behind a browser's session and the door it opens; None when it ended or was revoked."""
    found = session.execute(
        select(Person, BrowserSession.door)
        .join(BrowserSession, BrowserSession.person_id == Person.id)
        .where(
            BrowserSession.token_mac.in_(keys(session).macs("sessions.token", token)),
            BrowserSession.ends_at > now(session),
            Person.disabled_at.is_(None),
        )
    ).first()
    return (found[0], found[1]) if found else None


def sessions_of(session: Session, person_id: int) -> list[BrowserSession]:
    """The browsers in which this person is signed in, the newest first."""
    query = select(BrowserSession).where(BrowserSession.person_id == person_id, BrowserSession.ends_at > now(session))
    return list(session.scalars(query.order_by(BrowserSession.id.desc())))


def is_of_token(session: Session, row: BrowserSession, token: str) -> bool:
    return row.token_mac in keys(session).macs("sessions.token", token)


def end_session(session: Session, token: str) -> None:
    session.execute(
        delete(BrowserSession).where(BrowserSession.token_mac.in_(keys(session).macs("sessions.token", token)))
    )


def end_all_sessions(session: Session, actor: Actor, person: Person) -> None:
    """Sign this person out everywhere."""
    session.execute(delete(BrowserSession).where(BrowserSession.person_id == person.id))
    audit.record(session, actor, "session.end_all", person)


def sweep(session: Session) -> int:
    """Delete what ended over a day ago. Returns the number of rows."""
    before = now(session) - timedelta(days=1)
    ways = session.execute(delete(SignIn).where(SignIn.ends_at < before))
    sessions = session.execute(delete(BrowserSession).where(BrowserSession.ends_at < before))
    return int(ways.rowcount + sessions.rowcount)  # type: ignore[attr-defined]
