"""The database rows about the secrets of SECRET_KEYS.

For each there is a proof, to detect a wrong secret. Replaced ones are stored too, sealed with a newer one, so that
receipts and links made with them can always be found.
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
PROOF = b"opens"


class SealingKey(Base):
    """A secret by its number. `proof` is a constant sealed with it; `kept` is the secret, sealed with a newer one."""

    __tablename__ = "sealing_keys"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    proof: Mapped[bytes] = mapped_column(LargeBinary)
    kept: Mapped[bytes | None] = mapped_column(LargeBinary)


def find_weak_keys(keyring: Keys) -> Iterator[str]:
    """Yield a message for each secret of the settings that could be guessed."""
    for number in sorted(keyring.given):
        if is_weak_secret(keyring.secret_of(number)):
            yield (
                f"SECRET_KEYS: key {number} can be guessed, it was not drawn at random: put one of 32 random bytes "
                "beside it under a higher number, run readers-asked keys rotate, then take it out"
            )


def faults(session: Session) -> Iterator[str]:
    """Yield a message for each secret of the settings that differs from the recorded one, and for each that is recorded
    but neither set nor stored."""
    ring: Keys = session.info["keys"]
    for row in session.scalars(select(SealingKey).order_by(SealingKey.number)):
        if row.number in ring.given:
            if not _can_open(ring.only(row.number), row):
                yield f"SECRET_KEYS: key {row.number} is not the one that this database was sealed with"
        elif row.kept is None:
            yield (
                f"SECRET_KEYS: key {row.number} was taken out, and receipts, links and sealed addresses still need it: "
                "put it back, run readers-asked keys rotate, then take it out"
            )


def _can_open(keyring: Keys, row: SealingKey) -> bool:
    try:
        return keyring.open_bytes(f"sealing_keys.proof.{row.number}", row.proof) == PROOF
    except Unsealable:
        return False


def list_unrecorded_keys(session: Session) -> list[int]:
    """Return the numbers of the secrets in the settings that the database has no proof of yet."""
    ring: Keys = session.info["keys"]
    return sorted(ring.given - set(session.scalars(select(SealingKey.number))))


def record_keys(session: Session) -> None:
    """Store a proof of each secret in the settings that has none yet."""
    ring: Keys = session.info["keys"]
    for number in list_unrecorded_keys(session):
        proof = ring.only(number).seal_bytes(f"sealing_keys.proof.{number}", PROOF)
        row = INSERT[session.get_bind().dialect.name](SealingKey).values(number=number, proof=proof)
        session.execute(row.on_conflict_do_nothing(index_elements=["number"]))


def store_older_keys(session: Session) -> None:
    """Store every secret but the newest one, sealed with the newest."""
    record_keys(session)
    ring = get_keyring(session)
    replaced = select(SealingKey).where(SealingKey.number != ring.newest).order_by(SealingKey.number)
    for row in session.scalars(replaced.with_for_update()):
        row.kept = ring.seal_bytes(f"sealing_keys.kept.{row.number}", ring.secret_of(row.number))


def list_stored_keys(session: Session) -> list[int]:
    """Return the numbers of the secrets stored in the database."""
    kept = select(SealingKey.number).where(SealingKey.kept.is_not(None)).order_by(SealingKey.number)
    return list(session.scalars(kept))
