"""Mail that came in: the bytes are stored before anything is read, and each mail has exactly one place in the end."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session

from ..actors import Actor, Mailroom
from ..audit.queries import newest_of
from ..db import keys, lock, new_public_id, now
from ..lifecycle import Illegal, Missing, expect
from ..listing import Listing
from .lifecycle import INBOUND, PLACES_OF_MAIL
from .models import Inbound, InboundRaw

MAXIMUM = 25 * 1024 * 1024  # bytes of a mail that is stored at all; servers refuse what is larger
LEASE = timedelta(minutes=2)  # for a few mails; those that a worker does not come to in time are claimed again
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=30)
TRIES = 5  # of placing one mail, before it is shown as failed
CONTENT = "inbound.content"  # the purpose of the keyed hash that knows a mail again
# What a mail's placing found; it is found anew when the mail is read again.
FOUND = ("placed_at", "leased_until", "content_mac", "duplicate_of_id", "assignment_id", "edition_id", "outbox_id")
NOBODYS = "to nobody here"  # the reason of a mail that the oldest newsletter's desk sees because it is for none


@dataclass(frozen=True)
class Reading:
    """The part of a mail that the desk may see: who says they wrote it, the words, what was cut, names of attachments.

    `attachments` are (name, bytes). `spam_score` is what our own server's filter says, as a number, where it says any.
    `unread` are the bytes behind those that are read of a long mail. Of one that was forwarded all this is of the
    mail in it, and `comment` is what whoever forwarded it wrote.
    """

    from_name: str = ""
    from_address: str = ""
    subject: str = ""
    date: str = ""
    language: str = ""
    text: str = ""
    rest: str = ""
    attachments: tuple[tuple[str, int], ...] = ()
    spam_score: str = ""
    unread: int = 0
    comment: str = ""


@dataclass(frozen=True)
class Claim:
    """A leased mail that is to be placed. `leased_until` tells this lease from a later one of the same mail."""

    inbound_id: int
    leased_until: datetime
    attempts: int


def store(
    session: Session,
    raw: bytes,
    *,
    source: str,
    mailbox: str = "",
    uidvalidity: int | None = None,
    uid: int | None = None,
    newsletter_id: int | None = None,
) -> Inbound | None:
    """Keep the bytes, sealed; whoever brought them may be told so once this is committed. Nothing is read here.

    None where this very message of an IMAP mailbox is stored already. `newsletter_id` is what its mailbox belongs to.
    """
    if uid is not None:
        known = select(Inbound.id).filter_by(mailbox=mailbox, uidvalidity=uidvalidity, uid=uid)
        if session.scalar(known) is not None:
            return None
    at = now(session)
    row = Inbound(
        public_id=new_public_id(),
        source=source,
        mailbox=mailbox,
        uidvalidity=uidvalidity,
        uid=uid,
        size=len(raw),
        stored_at=at,
        due_at=at,
        newsletter_id=newsletter_id,
    )
    INBOUND.apply(session, Mailroom(), row, "store")
    ring = keys(session)
    session.add(InboundRaw(inbound_id=row.id, raw_sealed=ring.seal_bytes(_raw(row), raw), key_no=ring.newest))
    session.flush()
    return row


def claim(session: Session, most: int = 1, lease: timedelta = LEASE) -> list[Claim]:
    """Lease the mails that wait for their place; several workers at once never get the same one.

    Those that were tried least go first: one whose reading kills its worker each time holds up no other.
    """
    at = now(session)
    first = select(Inbound.id).where(*_due(at)).order_by(Inbound.attempts, Inbound.due_at, Inbound.id).limit(most)
    found = session.scalars(first.with_for_update(skip_locked=True)).all()
    if not found:
        return []
    leased = (
        update(Inbound)
        .where(Inbound.id.in_(found), *_due(at))
        .values(leased_until=at + lease, attempts=Inbound.attempts + 1)
        .returning(Inbound.id, Inbound.attempts)
        .execution_options(synchronize_session=False)
    )
    attempts = dict(session.execute(leased).all())
    return [Claim(key, at + lease, attempts[key]) for key in found if key in attempts]


def anything_due(session: Session) -> bool:
    """Return whether a mail waits for its place, found out without taking the write lock."""
    return session.scalar(select(Inbound.id).where(*_due(now(session))).limit(1)) is not None


def leased(session: Session, claim: Claim) -> tuple[Inbound, bytes]:
    """Fetch the mail of a claim and its bytes, to be read. Raises `Missing` and `Unsealable`."""
    row = session.get_one(Inbound, claim.inbound_id)
    return row, raw_of(session, row)


def claimed(session: Session, claim: Claim) -> Inbound | None:
    """Lock the mail of a claim; None where it was placed or claimed by somebody else meanwhile."""
    row = session.get_one(Inbound, claim.inbound_id, with_for_update=True, populate_existing=True)
    return row if row.is_stored and row.leased_until == claim.leased_until else None


def place(session: Session, actor: Actor, row: Inbound, where: str, reasons: Sequence[str], **facts: Any) -> None:
    """Give a stored mail its place, for these reasons (codes, no words of anybody). Raises `Illegal`."""
    at, why = now(session), {"reasons": list(reasons)}
    facts |= {"placed_at": at, "leased_until": None, **why}
    INBOUND.apply(session, actor, row, "place", to=where, at=at, why=why, **facts)


def first_with(session: Session, content: str, where: str) -> Inbound | None:
    """Find the mail of this content that one which would go `where` only repeats, whatever became of it since.

    It is a letter or an edition, or it went there too, or the desk has sorted it. A copy that a list, a robot or a
    forger sent ahead holds back nothing: it went elsewhere.
    """
    macs = keys(session).macs(CONTENT, content)
    sorted_since = and_(~Inbound.is_stored, Inbound.state_at > Inbound.placed_at)
    repeated = or_(Inbound.is_taken, Inbound.state == where, sorted_since)
    query = select(Inbound).where(Inbound.content_mac.in_(macs), ~Inbound.is_no_original, repeated)
    return session.scalar(query.order_by(~Inbound.is_taken, Inbound.id).limit(1))


def mac_of(session: Session, content: str) -> bytes:
    """The keyed hash that is kept of a mail's content."""
    return keys(session).mac(CONTENT, content)


def put_off(session: Session, row: Inbound) -> None:
    """Try again later to place a mail: what it failed for may pass."""
    wait = min(FIRST_WAIT * (1 << min(row.attempts - 1, 10)), LONGEST_WAIT)
    row.leased_until, row.due_at = None, now(session) + wait


def take(
    session: Session, actor: Actor, row: Inbound, letter_id: int, version: int | None = None, **facts: Any
) -> None:
    """Take a mail that was set aside for a letter, as the desk says. Raises `Stale`, `Illegal`."""
    expect(lock(session, row), version)
    _only_one(session, row)
    why = {"was": {name: getattr(row, name) for name in facts}}
    INBOUND.apply(session, actor, row, "take", why=why, letter_id=letter_id, **facts)


def put_back(session: Session, actor: Actor, row: Inbound) -> None:
    """Put a mail back to where it lay, where the desk made a letter of it that was none. Raises `Illegal` elsewhere."""
    taken = newest_of(session, "inbound", row.id, "inbound.take")
    if taken is None:
        raise Illegal("inbound", "put back", row.state)
    was = (taken.facts or {}).get("was", {"assignment_id": None})
    INBOUND.apply(session, actor, lock(session, row), "put back", to=taken.old, letter_id=None, **was)


def sort(session: Session, actor: Actor, row: Inbound, where: str, version: int | None = None) -> None:
    """Sort a mail that was set aside, as from a robot ('automatic') or spam. Raises `Stale`, `Illegal`."""
    expect(lock(session, row), version)
    INBOUND.apply(session, actor, row, "sort", to=where)


def _only_one(session: Session, row: Inbound) -> None:
    """Raise `Illegal` where the same mail came again and became a letter: then this one is no second one."""
    same = select(Inbound.id).where(Inbound.content_mac == row.content_mac, Inbound.id != row.id, Inbound.is_taken)
    if row.content_mac is not None and session.scalar(same.limit(1)) is not None:
        raise Illegal("inbound", "take", "duplicate")


def read_again(session: Session, actor: Actor, row: Inbound) -> None:
    """Let a mail that was set aside be read and placed again from its bytes.

    Raises `Illegal`, or `Missing` without bytes.
    """
    lock(session, row)
    if session.get(InboundRaw, row.id) is None:
        raise Missing("bytes")
    # Its own desk goes on seeing it; whose it is where it was nobody's is found anew.
    newsletter_id = None if NOBODYS in row.reasons else row.newsletter_id
    anew: dict[str, Any] = {"newsletter_id": newsletter_id, "attempts": 0, "due_at": now(session)}
    INBOUND.apply(session, actor, row, "read again", **anew, **dict.fromkeys(FOUND))


def has_bytes(session: Session, row_id: int) -> bool:
    return session.scalar(select(InboundRaw.inbound_id).where(InboundRaw.inbound_id == row_id)) is not None


def raw_of(session: Session, row: Inbound) -> bytes:
    """Open the bytes as they came. Raises `Missing` once they are destroyed, and `Unsealable`."""
    kept = session.get(InboundRaw, row.id)
    if kept is None:
        raise Missing("bytes")
    return keys(session).open_bytes(_raw(row), kept.raw_sealed)


def keep_reading(session: Session, row: Inbound, reading: Reading) -> None:
    """Seal what was read in the mail beside its bytes, which are not fetched for it."""
    sealed = keys(session).seal(_reading(row), json.dumps(asdict(reading), ensure_ascii=False))
    session.execute(update(InboundRaw).where(InboundRaw.inbound_id == row.id).values(reading_sealed=sealed))


def reading_of(session: Session, row: Inbound) -> Reading | None:
    """Return what was read in the mail; None before it was read and once it is destroyed."""
    kept = session.get(InboundRaw, row.id)
    if kept is None or kept.reading_sealed is None:
        return None
    values = json.loads(keys(session).open(_reading(row), kept.reading_sealed))
    values["attachments"] = tuple((name, size) for name, size in values["attachments"])
    return Reading(**values)


def of_letter(session: Session, letter_id: int) -> Inbound | None:
    """The mail that a letter came in."""
    return session.scalar(select(Inbound).where(Inbound.letter_id == letter_id).order_by(Inbound.id).limit(1))


def load(session: Session, newsletter_id: int, public_id: str) -> Inbound | None:
    """One mail of a newsletter."""
    return session.scalar(select(Inbound).filter_by(public_id=public_id, newsletter_id=newsletter_id))


def listing(newsletter_id: int, place: str) -> Listing[Inbound]:
    """Return the list of a newsletter's mails in one place, newest first."""
    here = (Inbound.newsletter_id == newsletter_id, Inbound.state == place)
    return Listing(select(Inbound).where(*here), (Inbound.id,))


def count(session: Session, newsletter_id: int, place: str) -> int:
    """Return how many mails of a newsletter have this place, counted up to 1,001."""
    return listing(newsletter_id, place).count(session)


def sums(session: Session) -> Counter[str]:
    """Return how many mails stand in each place, and under "stored" how many in none: what `flask doctor` adds up."""
    rows = session.execute(select(Inbound.state, func.count()).group_by(Inbound.state))
    found = {state: number for state, number in rows}  # noqa: C416 - dict() would take the result for a mapping
    return Counter({name: found.get(name, 0) for name in PLACES_OF_MAIL})


def waits_since(session: Session) -> datetime | None:
    """Since when the oldest mail without a place has waited."""
    oldest = select(Inbound.stored_at).where(Inbound.is_stored).order_by(Inbound.due_at, Inbound.id).limit(1)
    return session.scalar(oldest)


def _due(at: datetime) -> tuple[Any, ...]:
    free = or_(Inbound.leased_until.is_(None), Inbound.leased_until <= at)
    return Inbound.is_stored, Inbound.due_at <= at, free


def _raw(row: Inbound) -> str:
    return f"inbound_raw.raw.{row.public_id}"


def _reading(row: Inbound) -> str:
    return f"inbound_raw.reading.{row.public_id}"
