"""Inbound mail: the bytes are stored before anything is parsed, and each mail ends in exactly one place."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from ..audit import record, record_in_bulk
from ..audit.queries import find_latest_event
from ..core.actors import Actor, Mailroom, Staff
from ..core.domain_errors import InvalidTransition, MissingPrecondition
from ..core.listing import Key, Listing
from ..core.state_machine import check_version, must
from ..db.ids import new_public_id
from ..db.session import get_keyring, lock_row, now
from ..mailtext.incoming import AttachedFile
from .lifecycle import INBOUND, PLACES_OF_MAIL
from .models import Inbound, InboundRaw

MAX_MAIL_BYTES = 25 * 1024 * 1024  # bytes of the largest mail that is stored; mail servers refuse larger ones
BATCH_BYTES = 4_000_000  # bytes of mails stored, or placed, in one transaction; a single mail may exceed it
CONTENT_MAC = "inbound.content"  # the purpose of the keyed hash that identifies a repeated mail (see `Keys.mac`)
# Columns that are set when a mail is placed, and emptied when it is read again.
RESET_COLUMNS = (
    "placed_at",
    "leased_until",
    "content_mac",
    "duplicate_of_id",
    "assignment_id",
    "edition_id",
    "outbox_id",
)
PLACE_COLUMNS = ("state", "state_at", "reasons", "newsletter_id", "letter_id", *RESET_COLUMNS)
UNADDRESSED = "to nobody here"  # the reason of a mail addressed to no newsletter, shown to the desk of the oldest one


@dataclass(frozen=True)
class MailContent:
    """The "reading" of a mail, which the desk sees: claimed sender, trimmed text, the `rest` that was cut, attachments.

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
    attachments: tuple[AttachedFile, ...] = ()
    has_more: bool = False
    spam_score: str = ""
    unread: int = 0
    comment: str = ""


class Placement(NamedTuple):
    """The arguments of `place` for one mail; `facts` are further columns."""

    row: Inbound
    state: str
    reasons: Sequence[str]
    facts: dict[str, Any]


_COLUMNS = Inbound.__table__.c
_UPDATE_PLACE = (
    update(Inbound.__table__)  # type: ignore[arg-type]
    .where(_COLUMNS.id == bindparam("key"), _COLUMNS.version == bindparam("old_version"))
    .values({"version": bindparam("old_version") + 1, **{name: bindparam(name) for name in PLACE_COLUMNS}})
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
    """Store the sealed bytes of a mail without parsing them. The caller may acknowledge the mail only after the commit.

    Returns None if this message of an IMAP mailbox is stored already. `newsletter_id` is the owner of the mailbox.
    """
    if uid is not None:
        same_uid = select(Inbound.id).filter_by(mailbox=mailbox, uidvalidity=uidvalidity, uid=uid)
        if session.scalar(same_uid) is not None:
            return None
    origin = {"mailbox": mailbox, "uidvalidity": uidvalidity, "uid": uid, "newsletter_id": newsletter_id}
    return store_all(session, [(raw, origin)], source)[0]


def store_all(session: Session, mails: Iterable[tuple[bytes, Mapping[str, Any]]], source: str) -> list[Inbound]:
    """Store several mails, each with the columns of its origin (see `store`). Doesn't look for stored duplicates."""
    at = now(session)
    ring = get_keyring(session)
    rows: dict[Inbound, bytes] = {}
    with record_in_bulk(session):
        for raw, origin in mails:
            row = Inbound(
                public_id=new_public_id(), source=source, size=len(raw), stored_at=at, due_at=at, attempts=0, **origin
            )
            INBOUND.apply(session, Mailroom(), row, "store")
            rows[row] = raw
    for row, raw in rows.items():
        sealed = ring.seal_bytes(raw_context(row), raw)
        session.add(InboundRaw(inbound_id=row.id, raw_sealed=sealed, key_no=ring.newest))
    session.flush()
    return list(rows)


def place(session: Session, actor: Actor, row: Inbound, state: str, reasons: Sequence[str], **facts: Any) -> None:
    """Give a stored mail its place, for `reasons` (codes, never text from the mail). `facts` are further columns.

    Raises `InvalidTransition`.
    """
    at = now(session)
    reason_codes = {"reasons": list(reasons)}
    facts |= {"placed_at": at, "leased_until": None, **reason_codes}
    INBOUND.apply(session, actor, row, "place", to=state, at=at, why=reason_codes, **facts)


def place_all(session: Session, actor: Actor, placements: Iterable[Placement]) -> None:
    """Place several mails that this transaction has locked, in one UPDATE, and expunge them from the session.

    SQLAlchemy would send one statement for each row to check its version. Raises `InvalidTransition`, and
    `StaleDataError` as SQLAlchemy would.
    """
    changes = []
    with record_in_bulk(session):
        for row, state, reasons, facts in placements:
            place(session, actor, row, state, reasons, **facts)
            columns = {name: getattr(row, name) for name in PLACE_COLUMNS}
            changes.append({"key": row.id, "old_version": row.version, **columns})
            session.expunge(row)
        if changes and session.connection().execute(_UPDATE_PLACE, changes).rowcount != len(changes):
            raise StaleDataError("a mail was changed by somebody else while it was placed")


def find_by_contents(session: Session, contents: Collection[str]) -> dict[str, list[Inbound]]:
    """Return the stored mails with each of these contents, oldest first, except duplicates and failed mails."""
    ring = get_keyring(session)
    content_by_mac = {mac: content for content in contents for mac in ring.macs(CONTENT_MAC, content)}
    query = select(Inbound).where(Inbound.content_mac.in_(list(content_by_mac)), ~Inbound.is_no_original)
    mails: dict[str, list[Inbound]] = {}
    for row in session.scalars(query.order_by(Inbound.id)):
        if row.content_mac is not None:
            mails.setdefault(content_by_mac[row.content_mac], []).append(row)
    return mails


def find_original(candidates: Sequence[Inbound], state: str) -> Inbound | None:
    """Return the earlier mail that a new mail with the same content repeats, or None. The new one would get `state`.

    An earlier mail counts if it became a letter or an edition, has the same place, or was sorted by the desk after it
    was placed. A copy that got another place, because a list, a robot or a forger sent it first, suppresses nothing.
    """

    def is_original(row: Inbound) -> bool:
        is_sorted_by_desk = not row.is_stored and row.placed_at is not None and row.state_at > row.placed_at
        return row.is_taken or row.state == state or is_sorted_by_desk

    # Prefer a mail that became a letter or an edition, then the oldest mail.
    return min(filter(is_original, candidates), key=lambda row: (not row.is_taken, row.id), default=None)


def compute_content_mac(session: Session, content: str) -> bytes:
    """Return the keyed hash that is stored for a mail's canonical content (see `fingerprint.canonical`)."""
    return get_keyring(session).mac(CONTENT_MAC, content)


def take(
    session: Session, actor: Actor, row: Inbound, letter_id: int, version: int | None = None, **facts: Any
) -> None:
    """Turn a mail that was set aside into a letter, at the desk's decision; `facts` are further columns to set.

    Raises `VersionConflict`, `PermissionDenied`, and `InvalidTransition`, also if a duplicate became a letter already.
    """
    check_version(lock_row(session, row), version)
    _require_no_taken_duplicate(session, row)
    old_columns = {name: getattr(row, name) for name in facts}
    INBOUND.apply(session, actor, row, "take", why={"was": old_columns}, letter_id=letter_id, **facts)


def undo_take(session: Session, actor: Actor, row: Inbound) -> None:
    """Return a mail that the desk has wrongly turned into a letter to its previous place.

    Raises `PermissionDenied`, and `InvalidTransition` if the desk has not turned it into a letter.
    """
    taken = find_latest_event(session, "inbound", row.id, "inbound.take")
    if taken is None:
        raise InvalidTransition("inbound", "put back", row.state)
    # Events of older releases have no "was".
    old_columns = (taken.facts or {}).get("was", {"assignment_id": None})
    INBOUND.apply(session, actor, lock_row(session, row), "put back", to=taken.old, letter_id=None, **old_columns)


def sort(session: Session, actor: Actor, row: Inbound, state: str, version: int | None = None) -> None:
    """Mark a mail that was set aside as sent by a robot ('automatic') or as 'spam'.

    Raises `VersionConflict`, `InvalidTransition`, `PermissionDenied`.
    """
    check_version(lock_row(session, row), version)
    INBOUND.apply(session, actor, row, "sort", to=state)


def _require_no_taken_duplicate(session: Session, row: Inbound) -> None:
    """Raise `InvalidTransition` if another delivery of the same mail has become a letter."""
    if row.content_mac is None:
        return
    copies = select(Inbound.id).where(Inbound.content_mac == row.content_mac, Inbound.id != row.id, Inbound.is_taken)
    if session.scalar(copies.limit(1)) is not None:
        raise InvalidTransition("inbound", "take", "duplicate")


def read_again(session: Session, actor: Actor, row: Inbound) -> None:
    """Queue a mail that was set aside to be parsed and placed again from its bytes.

    Raises `InvalidTransition`, `PermissionDenied`, and `MissingPrecondition` if the bytes have been destroyed.
    """
    lock_row(session, row)
    if session.get(InboundRaw, row.id) is None:
        raise MissingPrecondition("mail_destroyed")
    # A mail stays with its newsletter, unless it was addressed to none: then its newsletter is determined again.
    newsletter_id = None if UNADDRESSED in row.reasons else row.newsletter_id
    schedule: dict[str, Any] = {"newsletter_id": newsletter_id, "attempts": 0, "due_at": now(session)}
    INBOUND.apply(session, actor, row, "read again", **schedule, **dict.fromkeys(RESET_COLUMNS))


def note_look(session: Session, actor: Staff, row: Inbound) -> None:
    """Record in the trail that an editor looks at the address of a mail's sender. Raises `PermissionDenied`."""
    must(actor, "take letters")
    record(session, actor, "inbound.look", row, facts={"whose": row.public_id})


def has_bytes(session: Session, row_id: int) -> bool:
    return session.scalar(select(InboundRaw.inbound_id).where(InboundRaw.inbound_id == row_id)) is not None


def filter_with_bytes(session: Session, row_ids: Iterable[int]) -> set[int]:
    """Return the keys of the mails whose bytes still exist."""
    keys = set(row_ids)
    if not keys:
        return set()
    return set(session.scalars(select(InboundRaw.inbound_id).where(InboundRaw.inbound_id.in_(keys))))


def get_raw(session: Session, row: Inbound) -> bytes:
    """Return the bytes of the mail as received.

    Raises `MissingPrecondition` if they have been destroyed, and `Unsealable`.
    """
    stored = session.get(InboundRaw, row.id)
    if stored is None:
        raise MissingPrecondition("mail_destroyed")
    return get_keyring(session).open_bytes(raw_context(row), stored.raw_sealed)


def store_reading(session: Session, row: Inbound, reading: MailContent) -> None:
    """Store the sealed `reading` beside the bytes of the mail, without loading them."""
    store_readings(session, [(row, reading)])


def store_readings(session: Session, readings: Iterable[tuple[Inbound, MailContent]]) -> None:
    """Store the readings of several mails in one statement."""
    ring = get_keyring(session)
    sealed = [
        {"key": row.id, "sealed": ring.seal(_reading_context(row), json.dumps(vars(reading), ensure_ascii=False))}
        for row, reading in readings
    ]
    if sealed:
        row_with_key = update(InboundRaw).where(InboundRaw.inbound_id == bindparam("key"))
        session.connection().execute(row_with_key.values(reading_sealed=bindparam("sealed")), sealed)


def get_reading(session: Session, row: Inbound) -> MailContent | None:
    """Return the stored reading of a mail; None before it has been parsed and after it has been destroyed.

    Raises `Unsealable`.
    """
    stored = session.get(InboundRaw, row.id)
    if stored is None or stored.reading_sealed is None:
        return None
    values = json.loads(get_keyring(session).open(_reading_context(row), stored.reading_sealed))
    values["attachments"] = tuple(AttachedFile(*fields) for fields in values["attachments"])
    return MailContent(**values)


def find_by_letter(session: Session, letter_id: int) -> Inbound | None:
    """Return the mail that a letter arrived in, the oldest if there are several, or None."""
    return session.scalar(select(Inbound).where(Inbound.letter_id == letter_id).order_by(Inbound.id).limit(1))


def load(session: Session, newsletter_id: int, public_id: str) -> Inbound | None:
    """Return a newsletter's mail by its public ID, or None."""
    return session.scalar(select(Inbound).filter_by(public_id=public_id, newsletter_id=newsletter_id))


def listing(newsletter_id: Key, state: str) -> Listing[Inbound]:
    """Return the list of a newsletter's mails in one place, newest first."""
    conditions = (Inbound.newsletter_id == newsletter_id, Inbound.state == state)
    return Listing(select(Inbound).where(*conditions), (Inbound.id,))


def count(session: Session, newsletter_id: int, state: str) -> int:
    """Count a newsletter's mails in one place, up to 1,001 (see `Listing.count`)."""
    return listing(newsletter_id, state).count(session)


def count_by_place(session: Session) -> Counter[str]:
    """Count the mails of the installation by place, those not yet placed under "stored", for `readers-asked doctor`."""
    rows = session.execute(select(Inbound.state, func.count()).group_by(Inbound.state))
    counts = {state: number for state, number in rows}  # noqa: C416 - dict() would take the result for a mapping
    return Counter({place: counts.get(place, 0) for place in PLACES_OF_MAIL})


def get_waiting_since(session: Session) -> datetime | None:
    """Return when the mail that is next to be placed was stored, or None if none waits."""
    query = select(Inbound.stored_at).where(Inbound.is_stored).order_by(Inbound.due_at, Inbound.id)
    return session.scalar(query.limit(1))


def raw_context(row: Inbound) -> str:
    """Return the context that the bytes of a mail are sealed for (see `Keys.seal`)."""
    return f"inbound_raw.raw.{row.public_id}"


def _reading_context(row: Inbound) -> str:
    return f"inbound_raw.reading.{row.public_id}"
