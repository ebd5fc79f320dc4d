"""The database's record of the secrets in SECRET_KEYS.

Each secret has a proof, which reveals a wrong secret in the settings. Secrets that were replaced are stored too, sealed
with a newer secret, so that the receipts and links made with them can always be found.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import LargeBinary, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from ..db.declarative import Base
from ..db.session import get_keyring
from .seal import Keys, Unsealable, is_weak_secret

INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
PROOF = b"opens"  # an arbitrary constant


class SealingKey(Base):
    """A secret by its number. `proof` is `PROOF` sealed with it; `kept` is the secret, sealed with a newer one."""

    __tablename__ = "sealing_keys"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    proof: Mapped[bytes] = mapped_column(LargeBinary)
    kept: Mapped[bytes | None] = mapped_column(LargeBinary)


def find_weak_keys(keyring: Keys) -> Iterator[str]:
    """Yield a message for each secret in the settings that could be guessed."""
    for number in sorted(keyring.configured_numbers):
        if is_weak_secret(keyring.secret_of(number)):
            yield (
                f"SECRET_KEYS: key {number} can be guessed, it was not drawn at random: put one of 32 random bytes "
                "beside it under a higher number, run readers-asked keys rotate, then take it out"
            )


def find_key_faults(session: Session) -> Iterator[str]:
    """Yield a message for each wrong secret in the settings, and for each recorded secret that is missing.

    A secret is missing if it is neither in the settings nor stored.
    """
    keyring = _get_configured_keyring(session)
    for row in session.scalars(select(SealingKey).order_by(SealingKey.number)):
        if row.number in keyring.configured_numbers:
            if not _opens_proof(keyring.only(row.number), row):
                yield f"SECRET_KEYS: key {row.number} is not the one that this database was sealed with"
        elif row.kept is None:
            yield (
                f"SECRET_KEYS: key {row.number} was taken out, and receipts, links and sealed addresses still need it: "
                "put it back, run readers-asked keys rotate, then take it out"
            )


def _get_configured_keyring(session: Session) -> Keys:
    """Return the keyring without loading the stored secrets: decrypting them needs the right secret in the settings."""
    keyring: Keys = session.info["keys"]
    return keyring


def _opens_proof(keyring: Keys, row: SealingKey) -> bool:
    try:
        return keyring.open_bytes(f"sealing_keys.proof.{row.number}", row.proof) == PROOF
    except Unsealable:
        return False


def list_unrecorded_keys(session: Session) -> list[int]:
    """Return the numbers of the secrets in the settings that the database has no proof of yet."""
    keyring = _get_configured_keyring(session)
    recorded_numbers = set(session.scalars(select(SealingKey.number)))
    return sorted(keyring.configured_numbers - recorded_numbers)


def record_keys(session: Session) -> None:
    """Store a proof of each secret in the settings that has none yet."""
    keyring = _get_configured_keyring(session)
    insert = INSERT[session.get_bind().dialect.name]
    for number in list_unrecorded_keys(session):
        proof = keyring.only(number).seal_bytes(f"sealing_keys.proof.{number}", PROOF)
        new_row = insert(SealingKey).values(number=number, proof=proof)
        session.execute(new_row.on_conflict_do_nothing(index_elements=["number"]))


def store_older_keys(session: Session) -> None:
    """Store every secret but the newest one, sealed with the newest."""
    record_keys(session)
    keyring = get_keyring(session)
    older_keys = select(SealingKey).where(SealingKey.number != keyring.newest).order_by(SealingKey.number)
    for row in session.scalars(older_keys.with_for_update()):
        row.kept = keyring.seal_bytes(f"sealing_keys.kept.{row.number}", keyring.secret_of(row.number))


def list_stored_keys(session: Session) -> list[int]:
    """Return the numbers of the replaced secrets that are stored in the database."""
    query = select(SealingKey.number).where(SealingKey.kept.is_not(None)).order_by(SealingKey.number)
    return list(session.scalars(query))
