"""Ways in. A mailed link does nothing when it is opened; a button signs in, and only the browser that asked.

In another browser the mail's code is typed where the way in was asked for: link scanners open every link and run
scripts, and whoever is tricked into opening a stranger's link must not sign the stranger in.
"""

from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Actor
from ..crypto.seal import new_token
from ..db.session import get_keyring, now
from ..text.clean import digits
from .models import BrowserSession, Expert, Membership, Person, SignIn
from .sessions import stays

INVITATION_LIFE = timedelta(days=7)
TRIES = 10


def may_enter(session: Session, person: Person, door: str) -> bool:
    return place_of(session, person, door) is not None


def place_of(session: Session, person: Person, door: str) -> Membership | Expert | None:
    """Return what this person comes in by: a place at a desk, else an invitation to one; or being an expert."""
    if person.disabled_at is not None:
        return None
    if door == "expert":
        return session.scalar(select(Expert).filter_by(person_id=person.id))
    here = select(Membership).where(Membership.person_id == person.id, Membership.disabled_at.is_(None))
    return session.scalar(here.order_by(Membership.joined_at.is_(None), Membership.id).limit(1))


def invite(
    session: Session,
    actor: Actor,
    person: Person,
    door: str,
    life: timedelta = INVITATION_LIFE,
    membership_id: int | None = None,
) -> str:
    """A link that lets this person in once, from any browser. Returns its path; it is stored only as a hash.

    With `membership_id` it takes up an invitation to that desk.
    """
    token, ends_at = new_token(), now(session) + life
    mac = get_keyring(session).mac("sign_ins.link", token)
    session.add(SignIn(person_id=person.id, door=door, link_mac=mac, ends_at=ends_at, membership_id=membership_id))
    audit.record(session, actor, "sign_in.invite", person)
    return f"/sign-in/{token}"


def find(session: Session, token: str, browser: str | None = None) -> SignIn | None:
    """The unused, unexpired way in behind a link, while its person may still enter. Changes nothing.

    Several browsers may wait for one mail: the row of this `browser` is found before those of others.
    """
    ways = session.scalars(
        select(SignIn).where(
            SignIn.link_mac.in_(get_keyring(session).macs("sign_ins.link", token)),
            SignIn.used_at.is_(None),
            SignIn.ends_at > now(session),
        )
    ).all()
    way = next((way for way in ways if is_for_browser(session, way, browser)), ways[0] if ways else None)
    return way if way and _is_open(session, way) else None


def _is_open(session: Session, sign_in: SignIn) -> bool:
    """Return whether whoever was given this way in was not shut out since."""
    return may_enter(session, session.get_one(Person, sign_in.person_id), sign_in.door)


def is_for_browser(session: Session, sign_in: SignIn, browser: str | None) -> bool:
    """An invitation opens in any browser; what was asked for opens only where it was asked."""
    if sign_in.browser_mac is None:
        return True
    return browser is not None and sign_in.browser_mac in get_keyring(session).macs("sign_ins.browser", browser)


def _enter(session: Session, actor: Actor, sign_in: SignIn, browser_name: str) -> str:
    """Use a way in. Returns the token of the browser's session: of a new one, or a new one of the session it proves."""
    at = now(session)
    session.execute(update(SignIn).where(SignIn.link_mac == sign_in.link_mac).values(used_at=at))
    facts = {"person": sign_in.person_id, "door": sign_in.door}
    if sign_in.session_id is not None:
        token, began = new_token(256), session.get_one(BrowserSession, sign_in.session_id)
        began.token_mac, began.stepped_up_at = get_keyring(session).mac("sessions.token", token), at
        audit.record(session, actor, "session.prove", began, facts=facts)
        return token
    return begin(session, actor, sign_in.person_id, sign_in.door, browser_name, membership_id=sign_in.membership_id)[0]


def begin(
    session: Session, actor: Actor, person_id: int, door: str, browser_name: str, membership_id: int | None = None
) -> tuple[str, BrowserSession]:
    """Begin the session of a browser, whose person has proved who they are, and take up their invitation. Returns its
    token, and its row."""
    at, token = now(session), new_token(256)
    if membership_id is not None:
        _join(session, actor, session.get_one(Membership, membership_id))
    began = BrowserSession(
        token_mac=get_keyring(session).mac("sessions.token", token),
        person_id=person_id,
        door=door,
        began_at=at,
        ends_at=at + stays(session, door)[1],
        stepped_up_at=at,
    )
    if door == "desk":
        began.browser, began.seen_at = browser_name, at
    session.add(began)
    audit.record(session, actor, "session.begin", began, facts={"person": person_id, "door": door})
    return token, began


def _join(session: Session, actor: Actor, membership: Membership) -> None:
    """Somebody takes up the invitation to a desk."""
    if membership.joined_at is None:
        membership.joined_at, membership.invited_as = now(session), None
        facts = {"person": membership.person_id}
        audit.record(session, actor, "membership.join", membership, new=membership.role, facts=facts)


def use_link(session: Session, actor: Actor, token: str, browser: str | None, browser_name: str = "") -> str | None:
    """Sign in by the button on the link's page. Returns the session's token, or None where the link does not fit.

    `browser_name` names the browser in a few words, such as "Firefox on Linux".
    """
    way = find(session, token, browser)
    if way is None or not is_for_browser(session, way, browser):
        return None
    session.refresh(way, with_for_update=True)
    return None if way.used_at else _enter(session, actor, way, browser_name)


def use_code(session: Session, actor: Actor, browser: str, code: str, browser_name: str = "") -> str | None:
    """Sign in by the code, typed in the browser that asked. Ten wrong codes end the way in."""
    ring = get_keyring(session)
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
    expected = ring.macs("sign_ins.code", digits(code))
    for way in ways:
        if way.code_mac in expected and _is_open(session, way):
            return _enter(session, actor, way, browser_name)
    for way in ways:
        way.tries += 1
    return None


def sweep(session: Session) -> None:
    """Delete what ended over a day ago."""
    for table in (SignIn, BrowserSession):
        session.execute(delete(table).where(table.ends_at < now(session) - timedelta(days=1)))
