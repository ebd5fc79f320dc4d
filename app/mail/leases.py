"""Leases of inbound mails: a worker leases the mails that it is about to place, so that no other worker does."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from ..core.domain_errors import MissingPrecondition
from ..crypto.seal import Keys
from ..db.session import get_keyring, get_many, now
from .inbound import raw_context
from .models import Inbound, InboundRaw

LEASE = timedelta(minutes=2)  # for a batch; mails that the worker doesn't reach in time can be claimed again
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=30)
MAX_ATTEMPTS = 5  # to place a mail, before it is shown as failed


@dataclass(frozen=True)
class LeasedInbound:
    """A leased mail of `size` bytes. `leased_until` also identifies the lease among several leases of the same mail."""

    inbound_id: int
    leased_until: datetime
    attempts: int
    size: int


def claim(session: Session, limit: int = 1, lease: timedelta = LEASE) -> list[LeasedInbound]:
    """Lease up to `limit` stored mails; concurrent workers never get the same mail.

    Mails with the fewest attempts come first, and a mail that was tried before is claimed alone: if parsing it kills
    the worker each time, it takes other mails down only once and then blocks none.
    """
    at = now(session)
    order = (Inbound.attempts, Inbound.due_at, Inbound.id)
    query = select(Inbound.id, Inbound.attempts).where(*_due_conditions(at)).order_by(*order).limit(limit)
    rows = session.execute(query.with_for_update(skip_locked=True)).all()
    untried_keys = [row.id for row in rows if not row.attempts]
    keys = untried_keys or [row.id for row in rows[:1]]
    if not keys:
        return []
    lease_rows = (
        update(Inbound)
        .where(Inbound.id.in_(keys), *_due_conditions(at))
        .values(leased_until=at + lease, attempts=Inbound.attempts + 1)
        .returning(Inbound.id, Inbound.attempts, Inbound.size)
        .execution_options(synchronize_session=False)
    )
    claims = {row.id: LeasedInbound(row.id, at + lease, row.attempts, row.size) for row in session.execute(lease_rows)}
    return [claims[key] for key in keys if key in claims]


def anything_due(session: Session) -> bool:
    """Return whether a mail waits to be placed, without taking the write lock."""
    return session.scalar(select(Inbound.id).where(*_due_conditions(now(session))).limit(1)) is not None


@dataclass(frozen=True)
class FetchedMail:
    """A claimed mail with its sealed bytes, to be parsed outside the transaction."""

    claim: LeasedInbound
    row: Inbound
    sealed: bytes | None
    ring: Keys

    @property
    def raw(self) -> bytes:
        """The decrypted bytes. Raises `MissingPrecondition` if they have been destroyed, and `Unsealable`."""
        if self.sealed is None:
            raise MissingPrecondition("mail_destroyed")
        return self.ring.open_bytes(raw_context(self.row), self.sealed)


def fetch_leased(session: Session, claims: Sequence[LeasedInbound]) -> list[FetchedMail]:
    """Return the claimed mails with their sealed bytes, in the order of the claims."""
    keys = [claim.inbound_id for claim in claims]
    rows = get_many(session, Inbound, keys)
    query = select(InboundRaw.inbound_id, InboundRaw.raw_sealed).where(InboundRaw.inbound_id.in_(keys))
    sealed = {row.inbound_id: row.raw_sealed for row in session.execute(query)}
    ring = get_keyring(session)
    return [FetchedMail(claim, rows[key], sealed.get(key), ring) for key, claim in zip(keys, claims, strict=True)]


def lock_claimed(session: Session, claims: Sequence[LeasedInbound]) -> dict[LeasedInbound, Inbound]:
    """Lock the claimed mails, leaving out those that another worker has placed or claimed in the meantime."""
    query = select(Inbound).where(Inbound.id.in_([claim.inbound_id for claim in claims])).order_by(Inbound.id)
    reload_options = {"populate_existing": True}
    rows = {row.id: row for row in session.scalars(query.with_for_update(), execution_options=reload_options)}
    claimed_rows = {claim: rows[claim.inbound_id] for claim in claims}
    return {
        claim: row for claim, row in claimed_rows.items() if row.is_stored and row.leased_until == claim.leased_until
    }


def return_claims(session: Session, claims: Sequence[LeasedInbound]) -> None:
    """End the leases of mails that were not tried, as if they had never been claimed."""
    for claim in claims:
        end_lease = update(Inbound).where(Inbound.id == claim.inbound_id, Inbound.leased_until == claim.leased_until)
        session.execute(end_lease.values(leased_until=None, attempts=claim.attempts - 1))


def schedule_retry(session: Session, row: Inbound) -> None:
    """Release the lease of a mail and make it due again after a wait that doubles with each attempt."""
    doublings = min(row.attempts - 1, 10)  # after ten the wait is longer than `LONGEST_WAIT` in any case
    wait = min(FIRST_WAIT * 2**doublings, LONGEST_WAIT)
    row.leased_until = None
    row.due_at = now(session) + wait


def _due_conditions(now: datetime) -> tuple[Any, ...]:
    is_unleased = or_(Inbound.leased_until.is_(None), Inbound.leased_until <= now)
    return Inbound.is_stored, Inbound.due_at <= now, is_unleased
