"""Sign-in by a mailed link or code: the mail, which browser may use it, and the new session."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Actor
from ..crypto.seal import new_code, new_token
from ..db.session import absolute_url, get_keyring, lock_row, now
from ..mail import outbox
from ..mail.mail_templates import write
from ..mail.mail_values import AccountMail
from ..mail.message import Sender
from ..text.clean import digits
from .directory import BadAddress, by_email, checked_address, email_of
from .models import BrowserSession, Expert, Membership, Person, SignIn
from .sessions import stays

INVITATION_LIFE = timedelta(days=7)
TRIES = 10


def may_enter(session: Session, person: Person, door: str) -> bool:
    return place_of(session, person, door) is not None


def place_of(session: Session, person: Person, door: str) -> Membership | Expert | None:
    """Return what lets this person in: a role at a desk, else an invitation to one, or at the other door the expert."""
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
    """Return the path of a new link that lets this person in once, from any browser. It is stored only as a hash.

    With `membership_id`, using it accepts the invitation to that desk.
    """
    token, ends_at = new_token(), now(session) + life
    mac = get_keyring(session).mac("sign_ins.link", token)
    session.add(SignIn(person_id=person.id, door=door, link_mac=mac, ends_at=ends_at, membership_id=membership_id))
    audit.record(session, actor, "sign_in.invite", person)
    return f"/sign-in/{token}"


def find(session: Session, token: str, browser: str | None = None) -> SignIn | None:
    """Return the unused, valid sign-in of a link if its person may still enter, or None. Changes nothing.

    If several browsers wait for one mail, the row of this `browser` is preferred.
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
    """Return whether the person of this sign-in hasn't been shut out since."""
    return may_enter(session, session.get_one(Person, sign_in.person_id), sign_in.door)


def is_for_browser(session: Session, sign_in: SignIn, browser: str | None) -> bool:
    """Return whether the link opens in this browser: invitations open in any, others only where they were requested."""
    if sign_in.browser_mac is None:
        return True
    return browser is not None and sign_in.browser_mac in get_keyring(session).macs("sign_ins.browser", browser)


def _enter(session: Session, actor: Actor, sign_in: SignIn, browser_name: str) -> str:
    """Use a sign-in. Return the token of a new session, or a new token for the session that it proves."""
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
    """Start a session for a person who has proved who they are, and accept their invitation.

    Return the session's token and its row.
    """
    at, token = now(session), new_token(256)
    if membership_id is not None:
        _take_up_invitation(session, actor, session.get_one(Membership, membership_id))
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


def _take_up_invitation(session: Session, actor: Actor, membership: Membership) -> None:
    if membership.joined_at is None:
        membership.joined_at, membership.invited_as = now(session), None
        facts = {"person": membership.person_id}
        audit.record(session, actor, "membership.join", membership, new=membership.role, facts=facts)


def use_link(session: Session, actor: Actor, token: str, browser: str | None, browser_name: str = "") -> str | None:
    """Sign in by the button on the link's page. Return the session's token, or None if the link doesn't fit.

    `browser_name` names the browser, such as "Firefox on Linux".
    """
    way = find(session, token, browser)
    if way is None or not is_for_browser(session, way, browser):
        return None
    session.refresh(way, with_for_update=True)
    return None if way.used_at else _enter(session, actor, way, browser_name)


def use_code(session: Session, actor: Actor, browser: str, code: str, browser_name: str = "") -> str | None:
    """Sign in by a code typed in the browser that requested it. Return the session's token, or None.

    Ten wrong codes end the sign-in.
    """
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
    """Delete sign-ins and sessions that ended over a day ago."""
    for table in (SignIn, BrowserSession):
        session.execute(delete(table).where(table.ends_at < now(session) - timedelta(days=1)))


LINK_LIFE = timedelta(minutes=10)
# How long after the last mail the next one is sent, by the number of mails that unknown devices requested within the
# hour.
MAIL_WAITS = tuple(timedelta(minutes=minutes) for minutes in (0, 0, 0, 2, 5, 10))
MAIL_WINDOW = timedelta(hours=1)


@dataclass(frozen=True)
class Asker:
    """The browser that requests a sign-in: the secret in its cookie, its language, and the public id of the person
    whose device it is known to be, or "".
    """

    browser: str
    language: str
    known: str = ""


def request_sign_in(session: Session, actor: Actor, email: str, door: str, asker: Asker) -> None:
    """Mail a link and a code to the person of this address, for the browser that requested it.

    Nothing is sent to an unknown address, and the caller isn't told: the page is the same in both cases. For somebody
    who was invited to a desk and hasn't been there yet, the link also accepts the invitation.
    """
    try:
        person = by_email(session, checked_address(email))
    except BadAddress:
        return
    place = place_of(session, person, door) if person else None
    if person is None or place is None:
        return
    lock_row(session, person)  # so that of concurrent requests each sees the mails of the earlier ones
    invited = isinstance(place, Membership) and place.joined_at is None
    way = SignIn(
        person_id=person.id,
        door=door,
        membership_id=place.id if invited else None,
        is_known=asker.known == person.public_id,
    )
    if way.is_known or not _join_waiting_mail(session, way, asker):
        due = now(session) if way.is_known else _next_mail_due_at(session, way)
        _send_mail(session, actor, person, way, asker, due, digits=8 if due <= now(session) else 12)


def request_proof(session: Session, actor: Actor, began: BrowserSession, asker: Asker) -> None:
    """Mail a link and a code to somebody who is signed in and has to prove again who they are."""
    person = session.get_one(Person, began.person_id)
    way = SignIn(person_id=person.id, door=began.door, session_id=began.id, is_known=True)
    _send_mail(session, actor, person, way, asker, now(session), digits=8)


def _join_waiting_mail(session: Session, sign_in: SignIn, asker: Asker) -> bool:
    """Let a browser wait for a mail that is due to be sent anyway. Return whether there is one."""
    one = session.scalars(_by_strangers(sign_in).where(SignIn.mail_due_at > now(session)).limit(1)).first()
    if one is None or (due := one.mail_due_at) is None:
        return False
    sign_in.link_mac, sign_in.code_mac = one.link_mac, one.code_mac
    _add_sign_in(session, sign_in, asker, due)
    return True


def _next_mail_due_at(session: Session, sign_in: SignIn) -> datetime:
    """Return when the next mail requested by an unknown device may be sent."""
    at = now(session)
    mails = _by_strangers(sign_in).where(SignIn.mail_due_at > at - MAIL_WINDOW).subquery()
    count, last = session.execute(select(func.count(mails.c.link_mac.distinct()), func.max(mails.c.mail_due_at))).one()
    return max(at, last + MAIL_WAITS[min(count, len(MAIL_WAITS) - 1)]) if last else at


def _by_strangers(sign_in: SignIn) -> Select[SignIn]:
    """Select the mailed sign-ins of the same person that unknown devices requested."""
    return select(SignIn).where(
        SignIn.person_id == sign_in.person_id,
        SignIn.door == sign_in.door,
        SignIn.is_known.is_(False),
        SignIn.mail_due_at.is_not(None),
    )


def _send_mail(
    session: Session, actor: Actor, person: Person, sign_in: SignIn, asker: Asker, due_at: datetime, digits: int
) -> None:
    """Queue the mail. The code has more `digits` if many browsers may wait for it, as each of them has ten guesses."""
    ring, token, code = get_keyring(session), new_token(), new_code(digits)
    sign_in.link_mac, sign_in.code_mac = ring.mac("sign_ins.link", token), ring.mac("sign_ins.code", code)
    _add_sign_in(session, sign_in, asker, due_at)
    minutes, stay = int(LINK_LIFE.total_seconds() // 60), {}
    if sign_in.session_id is None:
        rest, whole = stays(session, sign_in.door)
        stay = {"stays": whole.days, "idle": int(rest.total_seconds() // 3600) if rest < whole else 0}
    about = AccountMail(link=absolute_url(session, f"/sign-in/{token}"), code=code, minutes=minutes, **stay)
    message = write("sign_in", Sender(language=asker.language), email_of(session, person) or "", person.name, about)
    outbox.put(session, message, person_id=person.id, due_at=due_at)
    audit.record(session, actor, "sign_in.ask", person)


def _add_sign_in(session: Session, sign_in: SignIn, asker: Asker, due_at: datetime) -> None:
    """Add a sign-in for a browser, and end its older ones; those of other browsers stay."""
    ring, at = get_keyring(session), now(session)
    session.execute(
        update(SignIn)
        .where(
            SignIn.browser_mac.in_(ring.macs("sign_ins.browser", asker.browser)),
            SignIn.person_id == sign_in.person_id,
            SignIn.ends_at > at,
        )
        .values(ends_at=at)
    )
    sign_in.browser_mac = ring.mac("sign_ins.browser", asker.browser)
    sign_in.mail_due_at, sign_in.ends_at = due_at, due_at + LINK_LIFE
    session.add(sign_in)
    session.flush()
