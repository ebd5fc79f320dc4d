"""Functions on a session: its clock, its secrets, rows by key, and locks."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, select, text
from sqlalchemy.orm import Session

from ..core.clock import utc_now
from ..crypto.seal import Keys
from .declarative import R


def now(session: Session) -> datetime:
    """Return the session's time: the current one, unless overridden, as the demo and tests do to play a whole year."""
    return session.info.get("at") or utc_now()


def add_and_flush(session: Session, row: R) -> R:
    """Add a new row and flush the session, so that the row has its key; return the row."""
    session.add(row)
    session.flush()
    return row


@contextmanager
def override_time(session: Session, timestamp: datetime) -> Iterator[None]:
    """Use `timestamp` as the session's time inside the block, where the exact minute must not be stored."""
    before, session.info["at"] = session.info.get("at"), timestamp
    try:
        yield
    finally:
        session.info["at"] = before


def get_keyring(session: Session) -> Keys:
    """Return the secrets of the settings, together with the older ones stored in the database (crypto/keyring.py)."""
    ring: Keys = session.info["keys"]
    if not ring.has_loaded_older:
        older = text("SELECT number, kept FROM sealing_keys WHERE kept IS NOT NULL ORDER BY number DESC")
        rows = session.connection().execute(older).all()
        ring.add_older({f"sealing_keys.kept.{number}": (number, bytes(kept)) for number, kept in rows})
    return ring


def absolute_url(session: Session, path: str) -> str:
    """Return the absolute URL of a path of ours, for a mail or an export."""
    return f"{session.info['base_url']}{path}"


def get_many(session: Session, model: type[R], keys: Collection[int]) -> dict[int, R]:
    """Load several rows in one query; return them by their keys, without those that don't exist."""
    return {row.id: row for row in session.scalars(_select_by_ids(model), {"keys": list(keys)})} if keys else {}


@cache
def _select_by_ids(model: type[R]) -> Select[R]:
    return select(model).where(model.id.in_(bindparam("keys", expanding=True)))


def execute_without_version_bump(session: Session, change: Any) -> None:
    """Execute an UPDATE that leaves the version column alone, so that open forms stay valid.

    Rows already loaded in the session keep their old values.
    """
    session.execute(change, execution_options={"synchronize_session": False})


def lock_row(session: Session, row: R) -> R:
    """Reload the row and lock it against other writers until the end of the transaction; return it."""
    session.refresh(row, with_for_update={"of": type(row)})  # "of" excludes joined tables from the lock
    return row
