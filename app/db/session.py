"""Helpers for a session: its time, its keyring, absolute URLs, loading by keys, and locking a row."""

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
    """Return the current time, or the time that overrides it in this session: the demo and tests replay a year."""
    return session.info.get("at") or utc_now()


def add_and_flush(session: Session, row: R) -> R:
    """Add a new row, and flush the session so that the row gets its key. Return the row."""
    session.add(row)
    session.flush()
    return row


@contextmanager
def override_time(session: Session, timestamp: datetime) -> Iterator[None]:
    """Use `timestamp` as the session's time inside the block, for changes whose exact time must not be stored."""
    previous = session.info.get("at")
    session.info["at"] = timestamp
    try:
        yield
    finally:
        session.info["at"] = previous


def get_keyring(session: Session) -> Keys:
    """Return the keys of the settings, and the older ones that the database keeps, loaded once (crypto/keyring.py)."""
    keyring: Keys = session.info["keys"]
    if not keyring.has_loaded_older:
        query = text("SELECT number, kept FROM sealing_keys WHERE kept IS NOT NULL ORDER BY number DESC")
        rows = session.connection().execute(query).all()
        keyring.add_older({f"sealing_keys.kept.{number}": (number, bytes(kept)) for number, kept in rows})
    return keyring


def absolute_url(session: Session, path: str) -> str:
    """Return the absolute URL of one of our paths, for a mail or an export."""
    return f"{session.info['base_url']}{path}"


def get_many(session: Session, model: type[R], keys: Collection[int]) -> dict[int, R]:
    """Load several rows in one query. Return them by key; keys without a row are left out."""
    if not keys:
        return {}
    rows = session.scalars(_select_by_ids(model), {"keys": list(keys)})
    return {row.id: row for row in rows}


@cache
def _select_by_ids(model: type[R]) -> Select[R]:
    return select(model).where(model.id.in_(bindparam("keys", expanding=True)))


def execute_without_version_bump(session: Session, statement: Any) -> None:
    """Execute an UPDATE without incrementing the version column, so that forms that are already open stay valid.

    Rows already loaded in the session keep their old values.
    """
    session.execute(statement, execution_options={"synchronize_session": False})


def lock_row(session: Session, row: R) -> R:
    """Lock the row against other writers until the end of the transaction, and reload and return it."""
    session.refresh(row, with_for_update={"of": type(row)})  # "of" excludes joined tables from the lock
    return row
