"""Key rotation: reseal all sealed columns with the newest key and with padding.

It works column by column in small transactions, and can be interrupted and restarted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from ..answers.models import Assignment
from ..crypto import keyring
from ..crypto.seal import PADDED, Unsealable
from ..db.engine import Database
from ..db.session import get_keyring
from ..forms.models import FormDraft
from ..letters.models import Contact, Credit, Letter, MachineTranslation
from ..mail.models import Inbound, InboundRaw, MailSignIn, OutboxContent, OutboxMail
from ..newsletters.sending_tool import SendingTool
from ..people.models import Factor, Person
from ..programs.models import Program
from ..questions.models import Translator

BATCH = 200  # rows per transaction


@dataclass(frozen=True)
class SealedColumns:
    """The sealed columns of a table, and the `owner` table, joined by `owner_key`, whose public ID names their place.

    `batch` is the number of rows per transaction: a mail may have 25 MB.
    """

    table: Any
    columns: tuple[str, ...]
    owner: Any
    owner_key: str
    batch: int = BATCH


SEALED = (
    SealedColumns(Person, ("email",), Person, "id"),
    SealedColumns(Factor, ("secret",), Factor, "id"),
    SealedColumns(Contact, ("email",), Letter, "letter_id"),
    SealedColumns(Credit, ("name", "place"), Letter, "letter_id"),
    SealedColumns(MachineTranslation, ("found",), Letter, "letter_id"),
    SealedColumns(Assignment, ("suggestion",), Assignment, "id"),
    SealedColumns(Translator, ("email",), Translator, "id"),
    SealedColumns(FormDraft, ("",), FormDraft, "id"),
    SealedColumns(OutboxContent, ("",), OutboxMail, "outbox_id"),
    SealedColumns(InboundRaw, ("raw", "reading"), Inbound, "inbound_id", batch=5),
    SealedColumns(MailSignIn, ("refresh", "access"), MailSignIn, "id"),
    SealedColumns(Program, ("address", "secret", "former"), Program, "id"),
    SealedColumns(SendingTool, ("secret",), SendingTool, "id"),
)


def rotate(database: Database) -> Iterator[int]:
    """Reseal rows that have an older key or no padding, yielding the number of rows of each transaction.

    The lookup hashes of addresses get the newest key too. Receipts and links are hashes of secrets that aren't stored,
    so the older keys for them are kept, sealed with the newest one.
    """
    for sealed in SEALED:
        after = 0
        while done := database.write(lambda session: _batch(session, sealed, after)):  # noqa: B023
            after = done[-1]
            yield len(done)
    database.write(keyring.store_older_keys)


def _columns(spec: SealedColumns) -> dict[str, str]:
    """Return the names of a table's sealed columns by the names used in the places of their values."""
    return {column or "sealed": f"{column}_sealed" if column else "sealed" for column in spec.columns}


def _values(spec: SealedColumns, row: Any, public_id: str) -> Iterator[tuple[str, str, bytes]]:
    """Yield the column name, the place and the sealed bytes of each sealed value in a row."""
    for called, name in _columns(spec).items():
        if (value := getattr(row, name)) is not None:
            yield name, f"{row.__tablename__}.{called}.{public_id}", value


def _batch(session: Session, spec: SealedColumns, after: int) -> list[int]:
    """Reseal the next rows after a key that need it, and return their keys."""
    ring, key = get_keyring(session), getattr(spec.table, spec.owner_key)
    begins = (func.substr(getattr(spec.table, name), 1, len(PADDED)) for name in _columns(spec).values())
    rows = session.execute(
        select(spec.table, spec.owner.public_id)
        .where(spec.owner.id == key, key > after, spec.table.key_no.is_not(None))
        .where(or_(spec.table.key_no != ring.newest, *(begin != PADDED for begin in begins)))
        .order_by(key)
        .limit(spec.batch)
        .with_for_update(of=spec.table)
    ).all()
    for row, public_id in rows:
        for name, place, value in _values(spec, row, public_id):
            opened = ring.open_bytes(place, value)
            setattr(row, name, ring.seal_bytes(place, opened))
            if isinstance(row, Person):
                row.email_mac = ring.mac("people.email", opened.decode().casefold())
        row.key_no = ring.newest
    return [getattr(row, spec.owner_key) for row, _public_id in rows]


def find_undecryptable(session: Session) -> list[tuple[str, int]]:
    """Return the columns with values that can't be opened, and the number of their key.

    For each column only the newest row of each key is tried.
    """
    ring, found = get_keyring(session), []
    for sealed in SEALED:
        key = getattr(sealed.table, sealed.owner_key)
        newest = select(func.max(key)).where(sealed.table.key_no.is_not(None)).group_by(sealed.table.key_no)
        rows = select(sealed.table, sealed.owner.public_id).where(sealed.owner.id == key, key.in_(newest))
        for row, public_id in session.execute(rows):
            for name, place, value in _values(sealed, row, public_id):
                try:
                    ring.open_bytes(place, value)
                except Unsealable:
                    found.append((f"{row.__tablename__}.{name}", ring.number_of(value)))
    return found
