"""Idempotent submissions of forms: a second one with the same key and the same fields does nothing more.

The key is claimed in the transaction of the submission, so that of two processes one waits for the other, and a failed
submission can be repeated. The outcome is stored right after it.
"""

import hashlib
import json
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from ..core.actors import Staff
from ..db.engine import Database
from ..db.session import get_keyring, now
from .models import PressKey

KEPT = timedelta(days=1)  # a form may be sent again much later, for example by a laptop that wakes up
FRESH = timedelta(minutes=2)  # how long the first messages are repeated; later they could be outdated
PATIENCE = 5.0  # seconds that a repeated submission waits for the outcome of the first one
INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class AlreadyPressed(Exception):
    """Raised when the same submission was claimed before."""


class Press(NamedTuple):
    """The digests that identify a submission; see `PressKey`."""

    form: bytes
    digest: bytes


class Outcome(NamedTuple):
    """The page that a submission led to and its messages; both are empty if they aren't known, or were erased."""

    at: datetime
    is_settled: bool
    href: str = ""
    said: Sequence[dict[str, str]] = ()


def press_of(person_id: int, key: str, address: str, fields: Sequence[tuple[str, str]]) -> Press:
    whole = json.dumps([person_id, key, address, fields], ensure_ascii=False)
    return Press(form_digest(person_id, key), hashlib.sha256(whole.encode()).digest())


def form_digest(person_id: int, key: str) -> bytes:
    return hashlib.sha256(f"{person_id} {key}".encode()).digest()


def claim_idempotency_key(session: Session, actor: Staff, press: Press) -> None:
    """Claim a submission; others with the same digest wait for the transaction to end. Raises `AlreadyPressed`."""
    values = {"digest": press.digest, "form_digest": press.form, "at": now(session)}
    whose = {"person_id": actor.person_id, "newsletter_id": actor.newsletter_id}
    insert = INSERT[session.get_bind().dialect.name](PressKey).values(**values, **whose)
    if session.scalar(insert.on_conflict_do_nothing(index_elements=["digest"]).returning(PressKey.id)) is None:
        raise AlreadyPressed


def settle(session: Session, press: Press, href: str, messages: Sequence[dict[str, str]]) -> None:
    """Store the page that a submission led to and its messages."""
    sealed = get_keyring(session).seal(_place(press), json.dumps({"href": href, "said": messages}, ensure_ascii=False))
    mine = update(PressKey).where(PressKey.digest == press.digest)
    session.execute(mine.values(settled_at=now(session), outcome_sealed=sealed))


def outcome_of(session: Session, press: Press) -> Outcome | None:
    row = session.scalar(select(PressKey).filter_by(digest=press.digest))
    if row is None:
        return None
    outcome = json.loads(get_keyring(session).open(_place(press), row.outcome_sealed)) if row.outcome_sealed else {}
    return Outcome(row.at, row.settled_at is not None, **outcome)


def wait_for_outcome(database: Database, press: Press) -> tuple[Outcome | None, bool]:
    """Return the outcome of a submission, once it is settled or the patience is over, and whether it is fresh."""
    until = time.monotonic() + PATIENCE
    while True:
        with database.read() as session:
            outcome = outcome_of(session, press)
            is_fresh = outcome is not None and now(session) - outcome.at < FRESH
        if outcome is None or outcome.is_settled or time.monotonic() > until:
            return outcome, is_fresh
        time.sleep(0.05)


def is_form_sent(session: Session, form: bytes) -> bool:
    """Return whether a submission of the form with this digest was claimed."""
    return session.scalar(select(PressKey.id).filter_by(form_digest=form).limit(1)) is not None


def release(session: Session, press: Press) -> None:
    """Release a submission so that it can be repeated: it returned a file or a page and redirected nowhere."""
    session.execute(delete(PressKey).where(PressKey.digest == press.digest))


def forget_undone(session: Session, actor: Staff) -> None:
    """Forget the actor's settled submissions, so that what was undone can be submitted again.

    The submission of the undo itself isn't settled yet, and stays.
    """
    mine = (PressKey.person_id == actor.person_id, PressKey.newsletter_id == actor.newsletter_id)
    session.execute(delete(PressKey).where(*mine, PressKey.settled_at.is_not(None)))


def forget_words(session: Session, newsletter_id: int) -> None:
    """Erase the stored outcomes of a newsletter's submissions; their keys stay claimed."""
    session.execute(update(PressKey).where(PressKey.newsletter_id == newsletter_id).values(outcome_sealed=None))


def sweep(session: Session) -> None:
    session.execute(delete(PressKey).where(PressKey.at < now(session) - KEPT))


def _place(press: Press) -> str:
    return f"press_keys.outcome.{press.digest.hex()}"
