"""Helpers for a session: its time, its keys, rows by key, locks."""

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
    """The session's time: the demo newsroom and the tests live through a year in a minute."""
    return session.info.get("at") or utc_now()


def add_and_flush(session: Session, row: R) -> R:
    """Add a new row and give it its key."""
    session.add(row)
    session.flush()
    return row


@contextmanager
def override_time(session: Session, timestamp: datetime) -> Iterator[None]:
    """Let all that is done inside be noted as done at `timestamp`: where the minute must not be kept."""
    before, session.info["at"] = session.info.get("at"), timestamp
    try:
        yield
    finally:
        session.info["at"] = before


def get_keyring(session: Session) -> Keys:
    """The secrets of the settings, and the older ones that the database keeps (keyring.py)."""
    ring: Keys = session.info["keys"]
    if not ring.is_whole:
        older = text("SELECT number, kept FROM sealing_keys WHERE kept IS NOT NULL ORDER BY number DESC")
        rows = session.connection().execute(older).all()
        ring.take_in({f"sealing_keys.kept.{number}": (number, bytes(kept)) for number, kept in rows})
    return ring


def absolute_url(session: Session, path: str) -> str:
    """The whole address of a page of ours, for a mail or an export."""
    return f"{session.info['base_url']}{path}"


def get_many(session: Session, model: type[R], keys: Collection[int]) -> dict[int, R]:
    """Several rows by their keys, in one query."""
    return {row.id: row for row in session.scalars(_select_by_ids(model), {"keys": list(keys)})} if keys else {}


@cache
def _select_by_ids(model: type[R]) -> Select[R]:
    return select(model).where(model.id.in_(bindparam("keys", expanding=True)))


def execute_without_version_bump(session: Session, change: Any) -> None:
    """Change rows by one statement that moves no version: nobody's open form gets stale by it."""
    session.execute(change, execution_options={"synchronize_session": False})


def lock_row(session: Session, row: R) -> R:
    """Read the row again and keep other writers from it until the end of the transaction."""
    session.refresh(row, with_for_update={"of": type(row)})  # "of": not of what is joined to it
    return row
