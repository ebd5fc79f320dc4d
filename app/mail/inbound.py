"""Inbound mail: the bytes are stored before anything is parsed, and each mail ends in exactly one place."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from ..audit import record, together
from ..audit.queries import find_latest_event
from ..core.actors import Actor, Mailroom, Staff
from ..core.domain_errors import InvalidTransition, MissingPrecondition
from ..core.listing import Key, Listing
from ..core.state_machine import check_version, must
from ..db.ids import new_public_id
from ..db.session import get_keyring, lock_row, now
from ..mailtext.incoming import File
from .lifecycle import INBOUND, PLACES_OF_MAIL
from .models import Inbound, InboundRaw

MAXIMUM = 25 * 1024 * 1024  # bytes of the largest mail that is stored; mail servers refuse larger ones
TOGETHER = 4_000_000  # bytes of mails stored, or placed, in one transaction; a single mail may exceed it
CONTENT = "inbound.content"  # the purpose of the keyed hash that identifies a repeated mail
# Columns that are set when a mail is placed, and determined again when it is read again.
FOUND = ("placed_at", "leased_until", "content_mac", "duplicate_of_id", "assignment_id", "edition_id", "outbox_id")
PLACED = ("state", "state_at", "reasons", "newsletter_id", "letter_id", *FOUND)
NOBODYS = "to nobody here"  # the reason of a mail addressed to no newsletter, shown to the desk of the oldest one


@dataclass(frozen=True)
class Reading:
    """The part of a mail that the desk may see: claimed sender, trimmed text, the `rest` that was cut, attachments.

    `has_more` means that the mail has more attachments than are listed. `spam_score` is the number that our own
    server's filter gave it, or empty. `unread` counts the bytes of a long mail beyond the part that is parsed. For a
    forwarded mail all fields describe the original, and `comment` is the text of the person who forwarded it.
    """

    from_name: str = ""
    from_address: str = ""
    subject: str = ""
    date: str = ""
    language: str = ""
    text: str = ""
    rest: str = ""
    attachments: tuple[File, ...] = ()
    has_more: bool = False
    spam_score: str = ""
    unread: int = 0
    comment: str = ""


Placed = tuple[Inbound, str, Sequence[str], dict[str, Any]]  # a mail, its place, the reasons, further columns

_ROW = Inbound.__table__.c
_PLACE = (
    update(Inbound.__table__)  # type: ignore[arg-type]
    .where(_ROW.id == bindparam("key"), _ROW.version == bindparam("was"))
    .values({"version": bindparam("was") + 1, **{name: bindparam(name) for name in PLACED}})
)


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
    """Store the sealed bytes of a mail without parsing them. Acknowledge the mail only after the commit.

    Returns None if this message of an IMAP mailbox is stored already. `newsletter_id` is the owner of the mailbox.
    """
    if uid is not None:
        known = select(Inbound.id).filter_by(mailbox=mailbox, uidvalidity=uidvalidity, uid=uid)
        if session.scalar(known) is not None:
            return None
    came = {"mailbox": mailbox, "uidvalidity": uidvalidity, "uid": uid, "newsletter_id": newsletter_id}
    return store_all(session, [(raw, came)], source)[0]


def store_all(session: Session, mails: Iterable[tuple[bytes, Mapping[str, Any]]], source: str) -> list[Inbound]:
    """Store several mails, each with the columns that say where it came from. Doesn't look for stored duplicates."""
    at, ring = now(session), get_keyring(session)
    rows: dict[Inbound, bytes] = {}
    with together(session):
        for raw, came in mails:
            row = Inbound(
                public_id=new_public_id(), source=source, size=len(raw), stored_at=at, due_at=at, attempts=0, **came
            )
            INBOUND.apply(session, Mailroom(), row, "store")
            rows[row] = raw
    for row, raw in rows.items():
        session.add(InboundRaw(inbound_id=row.id, raw_sealed=ring.seal_bytes(raw_place(row), raw), key_no=ring.newest))
    session.flush()
    return list(rows)


def place(session: Session, actor: Actor, row: Inbound, state: str, reasons: Sequence[str], **facts: Any) -> None:
    """Give a stored mail its place, for `reasons` (codes, never text from the mail). `facts` are further columns.

    Raises `InvalidTransition`.
    """
    at, why = now(session), {"reasons": list(reasons)}
    facts |= {"placed_at": at, "leased_until": None, **why}
    INBOUND.apply(session, actor, row, "place", to=state, at=at, why=why, **facts)


def place_all(session: Session, actor: Actor, mails: Iterable[Placed]) -> None:
    """Place several mails that this transaction has locked, in one UPDATE, and expunge them from the session.

    SQLAlchemy would send one statement for each row to check its version. Raises `InvalidTransition`, and
    `StaleDataError` as SQLAlchemy would.
    """
    changes = []
    with together(session):
        for row, where, reasons, facts in mails:
            place(session, actor, row, where, reasons, **facts)
            changes.append({"key": row.id, "was": row.version} | {name: getattr(row, name) for name in PLACED})
            session.expunge(row)
        if changes and session.connection().execute(_PLACE, changes).rowcount != len(changes):
            raise StaleDataError("a mail was changed by somebody else while it was placed")


def of_contents(session: Session, contents: Collection[str]) -> dict[str, list[Inbound]]:
    """Return the stored mails with each of these contents, oldest first, except those that are no originals."""
    ring, found = get_keyring(session), dict[str, list[Inbound]]()
    whose = {mac: content for content in contents for mac in ring.macs(CONTENT, content)}
    query = select(Inbound).where(Inbound.content_mac.in_(list(whose)), ~Inbound.is_no_original)
    for row in session.scalars(query.order_by(Inbound.id)):
        if row.content_mac is not None:
            found.setdefault(whose[row.content_mac], []).append(row)
    return found


def find_original(candidates: Sequence[Inbound], state: str) -> Inbound | None:
    """Choose the mail that a mail with the same content, which would be placed in `state`, repeats.

    That is one that became a letter or an edition, that has the same place, or that the desk has sorted since. A copy
    that was placed elsewhere, because a list, a robot or a forger sent it first, suppresses nothing.
    """

    def repeated(row: Inbound) -> bool:
        sorted_since = not row.is_stored and row.placed_at is not None and row.state_at > row.placed_at
        return row.is_taken or row.state == state or sorted_since

    return min(filter(repeated, candidates), key=lambda row: (not row.is_taken, row.id), default=None)


def mac_of(session: Session, content: str) -> bytes:
    """Return the keyed hash that is stored for a mail's canonical content (see `fingerprint.canonical`)."""
    return get_keyring(session).mac(CONTENT, content)


def take(
    session: Session, actor: Actor, row: Inbound, letter_id: int, version: int | None = None, **facts: Any
) -> None:
    """Turn a mail that was set aside into a letter, at the desk's decision; `facts` are further columns to set.

    Raises `VersionConflict`, `PermissionDenied`, and `InvalidTransition`, also if a duplicate became a letter already.
    """
    check_version(lock_row(session, row), version)
    _require_no_taken_duplicate(session, row)
    why = {"was": {name: getattr(row, name) for name in facts}}
    INBOUND.apply(session, actor, row, "take", why=why, letter_id=letter_id, **facts)


def undo_take(session: Session, actor: Actor, row: Inbound) -> None:
    """Return a mail that the desk has wrongly turned into a letter to its previous place.

    Raises `PermissionDenied`, and `InvalidTransition` if the desk has not turned it into a letter.
    """
    taken = find_latest_event(session, "inbound", row.id, "inbound.take")
    if taken is None:
        raise InvalidTransition("inbound", "put back", row.state)
    was = (taken.facts or {}).get("was", {"assignment_id": None})
    INBOUND.apply(session, actor, lock_row(session, row), "put back", to=taken.old, letter_id=None, **was)


def sort(session: Session, actor: Actor, row: Inbound, state: str, version: int | None = None) -> None:
    """Mark a mail that was set aside as sent by a robot ('automatic') or as 'spam'.

    Raises `VersionConflict`, `InvalidTransition`, `PermissionDenied`.
    """
    check_version(lock_row(session, row), version)
    INBOUND.apply(session, actor, row, "sort", to=state)


def _require_no_taken_duplicate(session: Session, row: Inbound) -> None:
    """Raise `InvalidTransition` if another delivery of the same mail has become a letter."""
    same = select(Inbound.id).where(Inbound.content_mac == row.content_mac, Inbound.id != row.id, Inbound.is_taken)
    if row.content_mac is not None and session.scalar(same.limit(1)) is not None:
        raise InvalidTransition("inbound", "take", "duplicate")


def read_again(session: Session, actor: Actor, row: Inbound) -> None:
    """Queue a mail that was set aside to be parsed and placed again from its bytes.

    Raises `InvalidTransition`, `PermissionDenied`, and `MissingPrecondition` if the bytes have been destroyed.
    """
    lock_row(session, row)
    if session.get(InboundRaw, row.id) is None:
        raise MissingPrecondition("mail_destroyed")
    # Its desk keeps it; only a mail addressed to no newsletter gets its newsletter anew.
    newsletter_id = None if NOBODYS in row.reasons else row.newsletter_id
    anew: dict[str, Any] = {"newsletter_id": newsletter_id, "attempts": 0, "due_at": now(session)}
    INBOUND.apply(session, actor, row, "read again", **anew, **dict.fromkeys(FOUND))


def note_look(session: Session, actor: Staff, row: Inbound) -> None:
    """Record in the trail that an editor looks at the address of a mail's sender. Raises `PermissionDenied`."""
    must(actor, "take letters")
    record(session, actor, "inbound.look", row, facts={"whose": row.public_id})


def has_bytes(session: Session, row_id: int) -> bool:
    return session.scalar(select(InboundRaw.inbound_id).where(InboundRaw.inbound_id == row_id)) is not None


def with_bytes(session: Session, row_ids: Iterable[int]) -> set[int]:
    """Return the keys of those mails whose bytes still exist."""
    wanted = set(row_ids)
    kept = select(InboundRaw.inbound_id).where(InboundRaw.inbound_id.in_(wanted))
    return set(session.scalars(kept)) if wanted else set()


def raw_of(session: Session, row: Inbound) -> bytes:
    """Return the bytes of the mail as received.

    Raises `MissingPrecondition` if they have been destroyed, and `Unsealable`.
    """
    kept = session.get(InboundRaw, row.id)
    if kept is None:
        raise MissingPrecondition("mail_destroyed")
    return get_keyring(session).open_bytes(raw_place(row), kept.raw_sealed)


def keep_reading(session: Session, row: Inbound, reading: Reading) -> None:
    """Store the sealed `reading` beside the bytes of the mail, without loading them."""
    keep_readings(session, [(row, reading)])


def keep_readings(session: Session, readings: Iterable[tuple[Inbound, Reading]]) -> None:
    """Store the readings of several mails in one statement."""
    ring = get_keyring(session)
    sealed = [
        {"key": row.id, "sealed": ring.seal(_reading(row), json.dumps(vars(reading), ensure_ascii=False))}
        for row, reading in readings
    ]
    its_row = InboundRaw.inbound_id == bindparam("key")
    kept = update(InboundRaw).where(its_row).values(reading_sealed=bindparam("sealed"))
    if sealed:
        session.connection().execute(kept, sealed)


def reading_of(session: Session, row: Inbound) -> Reading | None:
    """Return the stored reading of a mail; None before it has been parsed and after it has been destroyed.

    Raises `Unsealable`.
    """
    kept = session.get(InboundRaw, row.id)
    if kept is None or kept.reading_sealed is None:
        return None
    values = json.loads(get_keyring(session).open(_reading(row), kept.reading_sealed))
    values["attachments"] = tuple(File(*one) for one in values["attachments"])
    return Reading(**values)


def of_letter(session: Session, letter_id: int) -> Inbound | None:
    """Return the mail that a letter arrived in, the oldest if there are several, or None."""
    return session.scalar(select(Inbound).where(Inbound.letter_id == letter_id).order_by(Inbound.id).limit(1))


def load(session: Session, newsletter_id: int, public_id: str) -> Inbound | None:
    """Return a newsletter's mail by its public ID, or None."""
    return session.scalar(select(Inbound).filter_by(public_id=public_id, newsletter_id=newsletter_id))


def listing(newsletter_id: Key, state: str) -> Listing[Inbound]:
    """Return the list of a newsletter's mails in one place, newest first."""
    here = (Inbound.newsletter_id == newsletter_id, Inbound.state == state)
    return Listing(select(Inbound).where(*here), (Inbound.id,))


def count(session: Session, newsletter_id: int, state: str) -> int:
    """Count a newsletter's mails in one place, up to 1,001."""
    return listing(newsletter_id, state).count(session)


def sums(session: Session) -> Counter[str]:
    """Count the mails of the installation by place, those not yet placed under "stored", for `flask doctor`."""
    rows = session.execute(select(Inbound.state, func.count()).group_by(Inbound.state))
    found = {state: number for state, number in rows}  # noqa: C416 - dict() would take the result for a mapping
    return Counter({name: found.get(name, 0) for name in PLACES_OF_MAIL})


def waits_since(session: Session) -> datetime | None:
    """Return when the mail that is next to be placed was stored, or None if none waits."""
    query = select(Inbound.stored_at).where(Inbound.is_stored).order_by(Inbound.due_at, Inbound.id)
    return session.scalar(query.limit(1))


def raw_place(row: Inbound) -> str:
    """Return the name of the place that the bytes of a mail are sealed for."""
    return f"inbound_raw.raw.{row.public_id}"


def _reading(row: Inbound) -> str:
    return f"inbound_raw.reading.{row.public_id}"
