"""Sealing again with the newest key, and padded, column by column, in small transactions that can be stopped and run
again.
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

BATCH = 200  # rows a transaction


@dataclass(frozen=True)
class SealedColumns:
    """A sealed column, and the table whose public id its place is named after, joined by `owner_key`.

    `batch` is how many rows one transaction takes: a mail may have 25 MB.
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
    """Yield how many rows each transaction sealed again: those of an older key, and those whose length still tells
    something, for they were sealed before there were size classes. The addresses' look-up hashes get the newest key
    as well.

    Receipts and links are hashes of what nobody here knows, so their keys are kept instead, sealed with the newest.
    """
    for sealed in SEALED:
        after = 0
        while done := database.write(lambda session: _batch(session, sealed, after)):  # noqa: B023
            after = done[-1]
            yield len(done)
    database.write(keyring.store_older_keys)


def _columns(spec: SealedColumns) -> dict[str, str]:
    """Return the sealed columns of a table by what they are called in the place of a value."""
    return {column or "sealed": f"{column}_sealed" if column else "sealed" for column in spec.columns}


def _values(spec: SealedColumns, row: Any, public_id: str) -> Iterator[tuple[str, str, bytes]]:
    """Each sealed value of a row, with the name of its column and its place."""
    for called, name in _columns(spec).items():
        if (value := getattr(row, name)) is not None:
            yield name, f"{row.__tablename__}.{called}.{public_id}", value


def _batch(session: Session, spec: SealedColumns, after: int) -> list[int]:
    """Seal the next rows again that need it. Gives their keys."""
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
    """Return the columns in which something doesn't open, and the number of its key. Of each key that sealed there the
    newest row is tried."""
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
