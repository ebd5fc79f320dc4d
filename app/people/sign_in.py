"""Sign-in by a mailed link or code: sending the mail, checking which browser may use it, and starting a session."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Actor
from ..crypto.seal import new_code, new_token
from ..db.session import absolute_url, get_keyring, lock_row, now
from ..mail import outbox
from ..mail.mail_templates import render_mail
from ..mail.mail_values import AccountMail
from ..mail.message import Sender
from ..text.clean import digits
from .directory import BadAddress, by_email, checked_address, email_of
from .models import BrowserSession, Expert, Membership, Person, SignIn
from .sessions import get_limits, renew_token

INVITATION_LIFE = timedelta(days=7)
MAX_WRONG_CODES = 10  # of each browser
CODE_LENGTH = 8  # digits
DELAYED_CODE_LENGTH = 12  # of a mail that is sent later, since many browsers may be waiting for it and guessing
LINK_LIFE = timedelta(minutes=10)
# The least time between the last mail and the next one, by the number of mails that unknown devices have requested
# within MAIL_WINDOW.
MAIL_WAITS = tuple(timedelta(minutes=minutes) for minutes in (0, 0, 0, 2, 5, 10))
MAIL_WINDOW = timedelta(hours=1)


@dataclass(frozen=True)
class RequestingBrowser:
    """The browser that requests a sign-in.

    `secret` is in its cookie. `known_person` is the public ID of a person who has signed in on this device before, or
    empty. `is_prompt` says that its mail needn't wait for those that others requested.
    """

    secret: str
    language: str
    known_person: str = ""
    is_prompt: bool = False


def may_enter(session: Session, person: Person, door: str) -> bool:
    return find_access(session, person, door) is not None


def find_access(session: Session, person: Person, door: str) -> Membership | Expert | None:
    """Return the row that lets a person in at a door, "desk" or "expert", or None.

    At the desk it is a membership that they have joined, or else an invitation.
    """
    if person.disabled_at is not None:
        return None
    if door == "expert":
        return session.scalar(select(Expert).filter_by(person_id=person.id, erased_at=None))
    memberships = select(Membership).where(Membership.person_id == person.id, Membership.disabled_at.is_(None))
    joined_first = Membership.joined_at.is_(None)
    return session.scalar(memberships.order_by(joined_first, Membership.id).limit(1))


def invite(
    session: Session,
    actor: Actor,
    person: Person,
    door: str,
    life: timedelta = INVITATION_LIFE,
    membership_id: int | None = None,
) -> str:
    """Return the path of a new link that lets a person in once, in any browser. Only a keyed hash of it is stored.

    With `membership_id`, using the link accepts that invitation.
    """
    token = new_token()
    mac, ends_at = get_keyring(session).mac("sign_ins.link", token), now(session) + life
    session.add(SignIn(person_id=person.id, door=door, link_mac=mac, ends_at=ends_at, membership_id=membership_id))
    audit.record(session, actor, "sign_in.invite", person)
    return f"/sign-in/{token}"


def request_sign_in(session: Session, actor: Actor, email: str, door: str, browser: RequestingBrowser) -> None:
    """Mail a link and a code to the person of this address, for the browser that requests them.

    Nothing is sent to an unknown address. The caller isn't told, so that the page can't reveal who has an account. If
    the person was invited to a desk and hasn't joined yet, using the link also accepts the invitation.
    """
    try:
        person = by_email(session, checked_address(email))
    except BadAddress:
        return
    access = find_access(session, person, door) if person else None
    if person is None or access is None:
        return
    lock_row(session, person)  # so that each of several concurrent requests sees the mails of the earlier ones
    is_invitation = isinstance(access, Membership) and access.joined_at is None
    sign_in = SignIn(
        person_id=person.id,
        door=door,
        membership_id=access.id if is_invitation else None,
        is_known=browser.known_person == person.public_id,
    )
    if sign_in.is_known or browser.is_prompt:
        due_at = now(session)
    elif _join_waiting_mail(session, sign_in, browser):
        return
    else:
        due_at = _next_mail_due_at(session, sign_in)
    is_immediate = due_at <= now(session)
    code_length = CODE_LENGTH if is_immediate else DELAYED_CODE_LENGTH
    _send_mail(session, actor, person, sign_in, browser, due_at, code_length)


def request_proof(session: Session, actor: Actor, browser_session: BrowserSession, browser: RequestingBrowser) -> None:
    """Mail a link and a code to somebody who is signed in and has to prove their identity again."""
    person = session.get_one(Person, browser_session.person_id)
    sign_in = SignIn(person_id=person.id, door=browser_session.door, session_id=browser_session.id, is_known=True)
    _send_mail(session, actor, person, sign_in, browser, now(session), CODE_LENGTH)


def _join_waiting_mail(session: Session, sign_in: SignIn, browser: RequestingBrowser) -> bool:
    """Let a browser wait for a mail to the same person that is due later. Return whether there is such a mail."""
    query = _select_from_unknown_devices(sign_in).where(SignIn.mail_due_at > now(session))
    earlier = session.scalars(query.limit(1)).first()
    if earlier is None or earlier.mail_due_at is None:
        return False
    sign_in.link_mac, sign_in.code_mac = earlier.link_mac, earlier.code_mac
    _add_sign_in(session, sign_in, browser, earlier.mail_due_at)
    return True


def _next_mail_due_at(session: Session, sign_in: SignIn) -> datetime:
    """Return when the next mail that an unknown device requests may be sent."""
    recent = _select_from_unknown_devices(sign_in).where(SignIn.mail_due_at > now(session) - MAIL_WINDOW).subquery()
    # Browsers that wait for the same mail share its link.
    mail_count = func.count(recent.c.link_mac.distinct())
    count, last_due_at = session.execute(select(mail_count, func.max(recent.c.mail_due_at))).one()
    return get_next_due_at(session, count, last_due_at)


def get_next_due_at(session: Session, mail_count: int, last_due_at: datetime | None) -> datetime:
    """Return when a mail that anybody may request can be sent, after `mail_count` of them within `MAIL_WINDOW`."""
    current_time = now(session)
    if last_due_at is None:
        return current_time
    return max(current_time, last_due_at + MAIL_WAITS[min(mail_count, len(MAIL_WAITS) - 1)])


def _select_from_unknown_devices(sign_in: SignIn) -> Select[SignIn]:
    """Select the mailed sign-ins of the same person and door that unknown devices requested."""
    return select(SignIn).where(
        SignIn.person_id == sign_in.person_id,
        SignIn.door == sign_in.door,
        SignIn.is_known.is_(False),
        SignIn.mail_due_at.is_not(None),
    )


def _send_mail(
    session: Session,
    actor: Actor,
    person: Person,
    sign_in: SignIn,
    browser: RequestingBrowser,
    due_at: datetime,
    code_length: int,
) -> None:
    """Create a link and a code for a sign-in, and queue the mail."""
    ring, token, code = get_keyring(session), new_token(), new_code(code_length)
    sign_in.link_mac, sign_in.code_mac = ring.mac("sign_ins.link", token), ring.mac("sign_ins.code", code)
    _add_sign_in(session, sign_in, browser, due_at)
    durations = {"minutes": int(LINK_LIFE.total_seconds() // 60)}
    if sign_in.session_id is None:  # how long the new session will last
        limits = get_limits(session, sign_in.door)
        idle_hours = int(limits.idle.total_seconds() // 3600)
        durations |= {"stays": limits.total.days, "idle": idle_hours if limits.idle < limits.total else 0}
    values = AccountMail(link=absolute_url(session, f"/sign-in/{token}"), code=code, **durations)
    to = email_of(session, person) or ""
    message = render_mail("sign_in", Sender(language=browser.language), to, person.name, values)
    outbox.put(session, message, person_id=person.id, address_no=person.address_no, due_at=due_at)
    audit.record(session, actor, "sign_in.ask", person)


def _add_sign_in(session: Session, sign_in: SignIn, browser: RequestingBrowser, due_at: datetime) -> None:
    """Add a sign-in for a browser, and end the browser's older sign-ins of this person, but not those of others."""
    ring, current_time = get_keyring(session), now(session)
    session.execute(
        update(SignIn)
        .where(
            SignIn.browser_mac.in_(ring.macs("sign_ins.browser", browser.secret)),
            SignIn.person_id == sign_in.person_id,
            SignIn.ends_at > current_time,
        )
        .values(ends_at=current_time)
    )
    sign_in.browser_mac = ring.mac("sign_ins.browser", browser.secret)
    sign_in.mail_due_at, sign_in.ends_at = due_at, due_at + LINK_LIFE
    session.add(sign_in)
    session.flush()


def find(session: Session, token: str, browser: str | None = None) -> SignIn | None:
    """Return the unused, valid sign-in of a link if its person may still enter, or None. Changes nothing.

    `browser` is the secret in this browser's cookie. If several browsers wait for the same mail, each has its own row,
    and the row of this browser is preferred.
    """
    sign_ins = session.scalars(
        select(SignIn).where(
            SignIn.link_mac.in_(get_keyring(session).macs("sign_ins.link", token)),
            SignIn.used_at.is_(None),
            SignIn.ends_at > now(session),
        )
    ).all()
    if not sign_ins:
        return None
    sign_in = next((row for row in sign_ins if is_for_browser(session, row, browser)), sign_ins[0])
    return sign_in if _may_still_enter(session, sign_in) else None


def is_for_browser(session: Session, sign_in: SignIn, browser: str | None) -> bool:
    """Return whether a browser may use the link.

    Invitations work in any browser, and proofs where they were requested. Other links work in every browser in which
    the same person asked for one: while strangers ask in their name, the mail for their own browser may come later.
    """
    if sign_in.browser_mac is None:
        return True
    if browser is None:
        return False
    browser_macs = get_keyring(session).macs("sign_ins.browser", browser)
    if sign_in.browser_mac in browser_macs or sign_in.session_id is not None:
        return sign_in.browser_mac in browser_macs
    own_request = select(SignIn.id).where(
        SignIn.browser_mac.in_(browser_macs),
        SignIn.person_id == sign_in.person_id,
        SignIn.door == sign_in.door,
        SignIn.session_id.is_(None),
        SignIn.used_at.is_(None),
        SignIn.ends_at > now(session),
    )
    return session.scalar(own_request.limit(1)) is not None


def _may_still_enter(session: Session, sign_in: SignIn) -> bool:
    """Return whether the person may enter, since they may have been shut out after the link was sent."""
    return may_enter(session, session.get_one(Person, sign_in.person_id), sign_in.door)


def use_link(session: Session, actor: Actor, token: str, browser: str | None, browser_name: str = "") -> str | None:
    """Sign in by a link, once its button is pressed. Return the session's token, or None if the link isn't valid here.

    `browser` is the secret in the browser's cookie. `browser_name` is a name such as "Firefox on Linux".
    """
    sign_in = find(session, token, browser)
    if sign_in is None or not is_for_browser(session, sign_in, browser):
        return None
    session.refresh(sign_in, with_for_update=True)
    return None if sign_in.used_at else _enter(session, actor, sign_in, browser_name)


def use_code(session: Session, actor: Actor, browser: str, code: str, browser_name: str = "") -> str | None:
    """Sign in by a code, typed in the browser that requested it. Return the session's token, or None for a wrong code.

    After `MAX_WRONG_CODES` wrong codes, the code doesn't work any more.
    """
    ring = get_keyring(session)
    sign_ins = session.scalars(
        select(SignIn)
        .where(
            SignIn.browser_mac.in_(ring.macs("sign_ins.browser", browser)),
            SignIn.used_at.is_(None),
            SignIn.ends_at > now(session),
            SignIn.tries < MAX_WRONG_CODES,
        )
        .order_by(SignIn.id.desc())
        .with_for_update()
    ).all()
    typed_macs = ring.macs("sign_ins.code", digits(code))
    for sign_in in sign_ins:
        if sign_in.code_mac in typed_macs and _may_still_enter(session, sign_in):
            return _enter(session, actor, sign_in, browser_name)
    for sign_in in sign_ins:
        sign_in.tries += 1
    return None


def _enter(session: Session, actor: Actor, sign_in: SignIn, browser_name: str) -> str:
    """Use up a sign-in. Return the token of the new session.

    If the person has only proved their identity again, their session continues, with a new token.
    """
    current_time = now(session)
    # Mark all rows of the link, so that no other browser that waited for the same mail can use it now.
    session.execute(update(SignIn).where(SignIn.link_mac == sign_in.link_mac).values(used_at=current_time))
    if sign_in.session_id is not None:
        browser_session = session.get_one(BrowserSession, sign_in.session_id)
        token = renew_token(session, browser_session)
        browser_session.stepped_up_at = current_time
        facts = {"person": sign_in.person_id, "door": sign_in.door}
        audit.record(session, actor, "session.prove", browser_session, facts=facts)
        return token
    token, _browser_session = begin(
        session, actor, sign_in.person_id, sign_in.door, browser_name, membership_id=sign_in.membership_id
    )
    return token


def begin(
    session: Session, actor: Actor, person_id: int, door: str, browser_name: str, membership_id: int | None = None
) -> tuple[str, BrowserSession]:
    """Start a session for a person who has proved their identity. Return its token and its row.

    With `membership_id`, accept the invitation to that desk.
    """
    current_time, token = now(session), new_token(256)
    if membership_id is not None:
        _accept_invitation(session, actor, session.get_one(Membership, membership_id))
    browser_session = BrowserSession(
        token_mac=get_keyring(session).mac("sessions.token", token),
        person_id=person_id,
        door=door,
        began_at=current_time,
        ends_at=current_time + get_limits(session, door).total,
        stepped_up_at=current_time,
    )
    if door == "desk":  # for experts, neither browser nor visits are stored
        browser_session.browser, browser_session.seen_at = browser_name, current_time
    session.add(browser_session)
    audit.record(session, actor, "session.begin", browser_session, facts={"person": person_id, "door": door})
    return token, browser_session


def _accept_invitation(session: Session, actor: Actor, membership: Membership) -> None:
    if membership.joined_at is None:
        membership.joined_at, membership.invited_as = now(session), None
        facts = {"person": membership.person_id}
        audit.record(session, actor, "membership.join", membership, new=membership.role, facts=facts)


def delete_expired(session: Session) -> None:
    """Delete sign-ins and sessions that ended over a day ago."""
    for table in (SignIn, BrowserSession):
        session.execute(delete(table).where(table.ends_at < now(session) - timedelta(days=1)))
