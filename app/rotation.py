"""Sealing again with the newest key, column by column, in small transactions that can be stopped and run again."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from .answers.models import Assignment
from .db import Database, keys
from .forms.models import FormDraft
from .letters.models import Contact, Credit, Letter
from .mail.models import Inbound, InboundRaw, MailSignIn, OutboxContent, OutboxMail
from .people.models import Person

BATCH = 200  # rows a transaction


@dataclass(frozen=True)
class Sealed:
    """A sealed column, and the table whose public id its place is named after, joined by `owner_key`.

    `batch` is how many rows one transaction takes: a mail may have 25 MB.
    """

    table: Any
    columns: tuple[str, ...]
    owner: Any
    owner_key: str
    batch: int = BATCH


SEALED = (
    Sealed(Person, ("email",), Person, "id"),
    Sealed(Contact, ("email",), Letter, "letter_id"),
    Sealed(Credit, ("name", "place"), Letter, "letter_id"),
    Sealed(Assignment, ("suggestion",), Assignment, "id"),
    Sealed(FormDraft, ("",), FormDraft, "id"),
    Sealed(OutboxContent, ("",), OutboxMail, "outbox_id"),
    Sealed(InboundRaw, ("raw", "reading"), Inbound, "inbound_id", batch=5),
    Sealed(MailSignIn, ("refresh", "access"), MailSignIn, "id"),
)


def rotate(database: Database) -> Iterator[int]:
    """Yield how many rows each transaction sealed again. The addresses' look-up hashes get the newest key as well."""
    for sealed in SEALED:
        while done := database.write(lambda session: _batch(session, sealed)):  # noqa: B023
            yield done


def _batch(session: Session, sealed: Sealed) -> int:
    ring = keys(session)
    rows = session.execute(
        select(sealed.table, sealed.owner.public_id)
        .where(sealed.owner.id == getattr(sealed.table, sealed.owner_key))
        .where(sealed.table.key_no.is_not(None), sealed.table.key_no != ring.newest)
        .limit(sealed.batch)
        .with_for_update(of=sealed.table)
    ).all()
    for row, public_id in rows:
        for column in sealed.columns:
            name = f"{column}_sealed" if column else "sealed"
            value = getattr(row, name)
            if value is None:
                continue
            place = f"{row.__tablename__}.{column or 'sealed'}.{public_id}"
            opened = ring.open_bytes(place, value)
            setattr(row, name, ring.seal_bytes(place, opened))
            if isinstance(row, Person):
                row.email_mac = ring.mac("people.email", opened.decode().casefold())
        row.key_no = ring.newest
    return len(rows)
