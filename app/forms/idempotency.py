"""Idempotent submissions of forms: repeating one, with the same key and the same fields, has no further effect.

One submission is called a press, after the button. Its key is claimed in the transaction of its change. So a second
process with the same key waits for this transaction, and a submission that failed can be repeated. The outcome is
stored right after the transaction.
"""

import hashlib
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from ..core.actors import Staff
from ..crypto.seal import new_token
from ..db.engine import Database
from ..db.session import get_keyring, now
from .models import PressKey

KEPT = timedelta(days=1)  # a form may be sent again hours later, for example by a laptop that wakes up
FRESH = timedelta(minutes=2)  # how long a repeated submission shows the first one's messages; later they may be false
PATIENCE = 5.0  # seconds that a repeated submission waits for the outcome of the first one
POLL_INTERVAL = 0.05  # seconds
INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class AlreadyPressed(Exception):
    """Raised when the same submission was claimed before."""


class Press(NamedTuple):
    """The digests that identify a submission; see `PressKey`."""

    form_digest: bytes
    digest: bytes


class PressOutcome(NamedTuple):
    """The URL to which a submission redirected, and its messages. Both are empty while unknown, and once erased."""

    claimed_at: datetime
    is_settled: bool
    href: str
    messages: Sequence[dict[str, str]]


def new_key(shown_at: datetime) -> str:
    """Return the idempotency key of a form on a page that is shown now; it says when that is, in milliseconds."""
    return f"{new_token()}.{int(shown_at.timestamp() * 1000)}"


def read_shown_at(key: str) -> datetime | None:
    """Return when a form was shown, from its key; None if there is no key, or one that we didn't make."""
    with suppress(ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(int(key.rpartition(".")[2]) / 1000, UTC)
    return None


def identify_press(person_id: int, key: str, address: str, fields: Sequence[tuple[str, str]]) -> Press:
    submission = json.dumps([person_id, key, address, fields], ensure_ascii=False)
    return Press(compute_form_digest(person_id, key), hashlib.sha256(submission.encode()).digest())


def compute_form_digest(person_id: int, key: str) -> bytes:
    """Return the digest of a form's idempotency key."""
    return hashlib.sha256(f"{person_id} {key}".encode()).digest()


def claim_idempotency_key(session: Session, actor: Staff, press: Press) -> None:
    """Claim a submission. Others with the same digest wait until the transaction ends. Raises `AlreadyPressed`."""
    insert = INSERT[session.get_bind().dialect.name](PressKey).values(
        digest=press.digest,
        form_digest=press.form_digest,
        at=now(session),
        person_id=actor.person_id,
        newsletter_id=actor.newsletter_id,
    )
    new_id = session.scalar(insert.on_conflict_do_nothing(index_elements=["digest"]).returning(PressKey.id))
    if new_id is None:
        raise AlreadyPressed


def settle(session: Session, press: Press, href: str, messages: Sequence[dict[str, str]]) -> None:
    """Store the URL to which a submission redirects, and its messages."""
    outcome = json.dumps({"href": href, "said": messages}, ensure_ascii=False)
    sealed = get_keyring(session).seal(_seal_context(press), outcome)
    query = update(PressKey).where(PressKey.digest == press.digest)
    session.execute(query.values(settled_at=now(session), outcome_sealed=sealed))


def outcome_of(session: Session, press: Press) -> PressOutcome | None:
    """Return the outcome of a submission so far, or None if it isn't claimed."""
    row = session.scalar(select(PressKey).filter_by(digest=press.digest))
    if row is None:
        return None
    stored: dict[str, Any] = {}
    if row.outcome_sealed:
        stored = json.loads(get_keyring(session).open(_seal_context(press), row.outcome_sealed))
    return PressOutcome(row.at, row.settled_at is not None, stored.get("href", ""), stored.get("said", ()))


def wait_for_outcome(database: Database, press: Press) -> tuple[PressOutcome | None, bool]:
    """Wait until a submission is settled, or for `PATIENCE`. Return its outcome, and whether that is fresh."""
    deadline = time.monotonic() + PATIENCE
    while True:
        with database.read() as session:
            outcome = outcome_of(session, press)
            is_fresh = outcome is not None and now(session) - outcome.claimed_at < FRESH
        if outcome is None or outcome.is_settled or time.monotonic() > deadline:
            return outcome, is_fresh
        time.sleep(POLL_INTERVAL)


def is_form_sent(session: Session, form_digest: bytes) -> bool:
    """Return whether a submission of the form with this digest was claimed."""
    return session.scalar(select(PressKey.id).filter_by(form_digest=form_digest).limit(1)) is not None


def release(session: Session, press: Press) -> None:
    """Release the claim of a submission that had a page or file as its response: the form can be submitted again."""
    session.execute(delete(PressKey).where(PressKey.digest == press.digest))


def forget_undone(session: Session, actor: Staff) -> None:
    """Release all settled submissions of the actor, so that what was undone can be submitted again.

    The submission of the undo itself isn't settled yet, and stays claimed.
    """
    is_own = (PressKey.person_id == actor.person_id, PressKey.newsletter_id == actor.newsletter_id)
    session.execute(delete(PressKey).where(*is_own, PressKey.settled_at.is_not(None)))


def erase_outcomes(session: Session, newsletter_id: int) -> None:
    """Erase the stored outcomes of a newsletter's submissions, which stay claimed."""
    session.execute(update(PressKey).where(PressKey.newsletter_id == newsletter_id).values(outcome_sealed=None))


def delete_expired(session: Session) -> None:
    session.execute(delete(PressKey).where(PressKey.at < now(session) - KEPT))


def _seal_context(press: Press) -> str:
    return f"press_keys.outcome.{press.digest.hex()}"
