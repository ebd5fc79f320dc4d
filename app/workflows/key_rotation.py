"""Key rotation: reseal all sealed columns with the newest key and with padding.

It works column by column in small transactions, and can be interrupted and restarted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from ..answers.models import Assignment
from ..crypto.keyring import store_older_keys
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
    """The sealed columns of a table.

    - `columns`: their names without the suffix "_sealed"; the name of the column "sealed" is empty;
    - `owner`: the table whose public ID is part of the context of each sealed value;
    - `owner_key`: the name of the column of `table` with the owner's key;
    - `batch`: the number of rows per transaction, which is smaller for mails, as each may have 25 MB.
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

    The hashes by which addresses are found are computed again. Receipts and links are hashes of secrets that aren't
    stored, so the older keys for them are kept, sealed with the newest one.
    """
    for spec in SEALED:
        last_key: int | None = None
        while keys := database.write(partial(_reseal_batch, spec=spec, after=last_key)):
            last_key = keys[-1]
            yield len(keys)
    database.write(store_older_keys)


def _get_column_names(spec: SealedColumns) -> dict[str, str]:
    """Return the full names of a table's sealed columns, by the names used in the contexts of their values.

    For example, return {"email": "email_sealed"}, or {"sealed": "sealed"}.
    """
    columns = {}
    for name in spec.columns:
        if name:
            columns[name] = f"{name}_sealed"
        else:
            columns["sealed"] = "sealed"
    return columns


def _iter_values(spec: SealedColumns, row: Any, public_id: str) -> Iterator[tuple[str, str, bytes]]:
    """Yield the column name, the context and the sealed bytes of each sealed value in a row."""
    for name_in_context, column in _get_column_names(spec).items():
        value = getattr(row, column)
        if value is not None:
            yield column, f"{row.__tablename__}.{name_in_context}.{public_id}", value


def _reseal_batch(session: Session, spec: SealedColumns, after: int | None) -> list[int]:
    """Reseal the next batch of rows that have an older key or no padding, and return their owner keys.

    The batch begins after the owner key `after`, or with the first row if it is None (0 wouldn't do: the keys of
    letters without an address are negative).
    """
    keyring = get_keyring(session)
    owner_key = getattr(spec.table, spec.owner_key)
    columns = [getattr(spec.table, name) for name in _get_column_names(spec).values()]
    lacks_padding = [func.substr(column, 1, len(PADDED)) != PADDED for column in columns]
    query = (
        select(spec.table, spec.owner.public_id)
        .where(spec.owner.id == owner_key, spec.table.key_no.is_not(None))
        .where(or_(spec.table.key_no != keyring.newest, *lacks_padding))
        .order_by(owner_key)
        .limit(spec.batch)
        .with_for_update(of=spec.table)
    )
    if after is not None:
        query = query.where(owner_key > after)
    rows = session.execute(query).all()
    for row, public_id in rows:
        for name, context, value in _iter_values(spec, row, public_id):
            content = keyring.open_bytes(context, value)
            setattr(row, name, keyring.seal_bytes(context, content))
            if isinstance(row, Person):  # its only sealed column is the address
                row.email_mac = keyring.mac("people.email", content.decode().casefold())
        row.key_no = keyring.newest
    return [getattr(row, spec.owner_key) for row, _public_id in rows]


def find_undecryptable(session: Session) -> list[tuple[str, int]]:
    """Return the columns with values that can't be decrypted, each with the number of the encryption key.

    In each table, only the newest row of each encryption key is tried.
    """
    keyring = get_keyring(session)
    undecryptable = []
    for spec in SEALED:
        owner_key = getattr(spec.table, spec.owner_key)
        newest_rows = select(func.max(owner_key)).where(spec.table.key_no.is_not(None)).group_by(spec.table.key_no)
        query = select(spec.table, spec.owner.public_id)
        query = query.where(spec.owner.id == owner_key, owner_key.in_(newest_rows))
        for row, public_id in session.execute(query):
            for name, context, value in _iter_values(spec, row, public_id):
                try:
                    keyring.open_bytes(context, value)
                except Unsealable:
                    undecryptable.append((f"{row.__tablename__}.{name}", keyring.number_of(value)))
    return undecryptable
