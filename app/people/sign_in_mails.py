"""Mails with a way in, for whoever asks for one at the door.

Anybody can ask in anybody's name, so nothing that strangers do may keep the owner of an address out, or fill their
mailbox. A device on which somebody was signed in before ("device cookies" of the OWASP cheat sheet on authentication)
gets its mail at once, whatever others ask. All others share the mails to an address: three at once, and then one after
a wait that grows to ten minutes and no further. Every browser that asks meanwhile is let in by that next mail, so that
no queue of strangers stands before anybody.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Actor
from ..crypto.seal import new_code, new_token
from ..db.session import absolute_url, get_keyring, lock_row, now
from ..mail import outbox
from ..mail.mail_templates import write
from ..mail.mail_values import AccountMail
from ..mail.message import Sender
from .directory import BadAddress, by_email, checked_address, email_of
from .models import BrowserSession, Membership, Person, SignIn
from .sessions import stays
from .sign_in import place_of

LINK_LIFE = timedelta(minutes=10)
# By how many mails devices that aren't known have caused within the hour: how long after the last one the next leaves.
WAITS = tuple(timedelta(minutes=minutes) for minutes in (0, 0, 0, 2, 5, 10))
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Asker:
    """The browser that asks: the secret in its cookie, its language, and whose device it is known to be, if anybody's,
    as a person's public id."""

    browser: str
    language: str
    known: str = ""


def ask(session: Session, actor: Actor, email: str, door: str, asker: Asker) -> None:
    """Mail a link and a code to the person of this address, for the browser that asked.

    An unknown address gets nothing and the caller is told nothing: the page says the same in both cases. Whoever was
    invited to a desk and has not come yet takes the invitation up by this way as well.
    """
    try:
        person = by_email(session, checked_address(email))
    except BadAddress:
        return
    place = place_of(session, person, door) if person else None
    if person is None or place is None:
        return
    lock_row(session, person)  # of many who ask at once each sees the mails of those before
    invited = isinstance(place, Membership) and place.joined_at is None
    way = SignIn(
        person_id=person.id,
        door=door,
        membership_id=place.id if invited else None,
        is_known=asker.known == person.public_id,
    )
    if way.is_known or not _joins(session, way, asker):
        due = now(session) if way.is_known else _next_mail_due_at(session, way)
        _mail(session, actor, person, way, asker, due, digits=8 if due <= now(session) else 12)


def ask_again(session: Session, actor: Actor, began: BrowserSession, asker: Asker) -> None:
    """Mail a link and a code to somebody who is signed in and has to prove once more that it is them."""
    person = session.get_one(Person, began.person_id)
    way = SignIn(person_id=person.id, door=began.door, session_id=began.id, is_known=True)
    _mail(session, actor, person, way, asker, now(session), digits=8)


def _joins(session: Session, sign_in: SignIn, asker: Asker) -> bool:
    """Let a browser wait for the mail that is to leave anyway, if there is one."""
    one = session.scalars(_by_strangers(sign_in).where(SignIn.mail_due_at > now(session)).limit(1)).first()
    if one is None or (due := one.mail_due_at) is None:
        return False
    sign_in.link_mac, sign_in.code_mac = one.link_mac, one.code_mac
    _keep(session, sign_in, asker, due)
    return True


def _next_mail_due_at(session: Session, sign_in: SignIn) -> datetime:
    """Return when the next mail leaves that a device causes which isn't known."""
    at = now(session)
    mails = _by_strangers(sign_in).where(SignIn.mail_due_at > at - HOUR).subquery()
    count, last = session.execute(select(func.count(mails.c.link_mac.distinct()), func.max(mails.c.mail_due_at))).one()
    return max(at, last + WAITS[min(count, len(WAITS) - 1)]) if last else at


def _by_strangers(sign_in: SignIn) -> Select[SignIn]:
    """Query the ways in that were mailed to the same person, since a device asked that isn't known."""
    return select(SignIn).where(
        SignIn.person_id == sign_in.person_id,
        SignIn.door == sign_in.door,
        SignIn.is_known.is_(False),
        SignIn.mail_due_at.is_not(None),
    )


def _mail(
    session: Session, actor: Actor, person: Person, sign_in: SignIn, asker: Asker, due_at: datetime, digits: int
) -> None:
    """Write the mail. Its code is longer where many browsers may wait for it: each of them has ten guesses."""
    ring, token, code = get_keyring(session), new_token(), new_code(digits)
    sign_in.link_mac, sign_in.code_mac = ring.mac("sign_ins.link", token), ring.mac("sign_ins.code", code)
    _keep(session, sign_in, asker, due_at)
    minutes, stay = int(LINK_LIFE.total_seconds() // 60), {}
    if sign_in.session_id is None:
        rest, whole = stays(session, sign_in.door)
        stay = {"stays": whole.days, "idle": int(rest.total_seconds() // 3600) if rest < whole else 0}
    about = AccountMail(link=absolute_url(session, f"/sign-in/{token}"), code=code, minutes=minutes, **stay)
    message = write("sign_in", Sender(language=asker.language), email_of(session, person) or "", person.name, about)
    outbox.put(session, message, person_id=person.id, due_at=due_at)
    audit.record(session, actor, "sign_in.ask", person)


def _keep(session: Session, sign_in: SignIn, asker: Asker, due_at: datetime) -> None:
    """Add a way in for a browser; with that the older ones of the same browser end, and of no other."""
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
