"""Delivery from the outbox: lease, hand over, settle. Any number of workers may do it at once.

A mail is claimed alone and just before it is handed over, so that a slow server never lets the leases of others run
out. A worker that is killed after the server's 250 and before the commit leaves a mail that is sent once more, with the
same Message-ID; nothing else is ever sent twice, and nothing is lost.
"""

import logging
import random
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql import ColumnElement

from ..core.actors import Clock
from ..core.state_machine import MissingPrecondition
from ..crypto.seal import Unsealable
from ..db.engine import Database
from ..db.session import now
from .message import Message
from .models import OutboxMail
from .outbox import move, read, redact_reply

LANES = (0, 1, 2)
LEASE = timedelta(minutes=10)  # longer than any hand-over: the transports give up sooner
FIRST_WAIT = timedelta(minutes=5)
LONGEST_WAIT = timedelta(minutes=67)
FIRST_PAUSE, LONGEST_PAUSE = 15.0, 60.0  # seconds that a server is left alone, doubled each time
BUDGET = 5.0  # seconds after which no further mail of a batch is begun
JITTER = 0.1  # of the wait, to both sides, so that a backlog doesn't come back as one crowd

Send = Callable[[Message, str], None]
Settled = Callable[[Session, OutboxMail], None]
Leaving = Callable[[Session, OutboxMail], None]

log = logging.getLogger(__name__)


class Undelivered(Exception):
    """The mail was not taken; `reason` tells why, without an address in it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.said = reason


class Transient(Undelivered):
    """It may be taken later."""


class Unreachable(Transient):
    """The server couldn't be talked to, or took no mail of ours at all: nothing was said of this one."""


class Held(Exception):
    """No mail was handed over, since the server couldn't be talked to a moment ago."""


class Permanent(Undelivered):
    """It will never be taken as it is."""


class Breaker:
    """The memory of a server that can't be talked to: then one mail goes to see, and all others wait as they are."""

    def __init__(self) -> None:
        self._wait = self._until = 0.0

    @property
    def holds(self) -> bool:
        """Return whether it is too early to try again."""
        return time.monotonic() < self._until

    def heard(self, fault: Undelivered | None) -> None:
        """Note what became of a mail."""
        self._wait = min(self._wait * 2 or FIRST_PAUSE, LONGEST_PAUSE) if isinstance(fault, Unreachable) else 0.0
        self._until = time.monotonic() + self._wait


@dataclass(frozen=True)
class Claim:
    """A leased mail. `leased_until` is also what tells this lease from a later one of the same mail."""

    mail_id: int
    message_id: str
    leased_until: datetime
    message: Message | None


def deliver_due(
    database: Database,
    send: Send,
    *,
    before_send: Leaving | None = None,
    after_send: Settled | None = None,
    breaker: Breaker | None = None,
    limit: int = 100,
    now: datetime | None = None,
) -> Counter[str]:
    """Hand over up to `limit` mails that are due, sign-in mails first; how many were sent, retried, failed, expired.

    `send` takes a message and its Message-ID and raises `Transient` or `Permanent`. `before_send` is called for each
    mail that is about to be handed over, and may fix what in it has to be true at that moment; `after_send` is called
    for each that was sent, in the transaction that marks it so. `now` sets the time. Raises `Busy`, and `Held` where
    the `breaker` of the server lets none through.
    """
    done: Counter[str] = Counter()
    until = time.monotonic() + BUDGET
    with database.read(now) as session:
        if not anything_due(session):
            return done
    done.update(database.write(expire, now))
    for _ in range(limit):
        if breaker is not None and breaker.holds:
            raise Held
        claimed = database.write(partial(claim, before_send=before_send), now)
        if claimed is None:
            break
        fault = _hand_over(send, claimed)
        if breaker is not None:
            breaker.heard(fault)
        done[database.write(partial(settle, claim=claimed, fault=fault, after_send=after_send), now)] += 1
        if time.monotonic() > until:
            break
    return done


def anything_due(session: Session) -> bool:
    """Return whether there is work, found out without taking the write lock."""
    at = now(session)
    some = select(OutboxMail.id).where(OutboxMail.is_queued, OutboxMail.expires_at <= at).limit(1)
    return session.scalar(some) is not None or any(
        session.scalar(select(OutboxMail.id).where(_is_due(lane, at)).limit(1)) is not None for lane in LANES
    )


def expire(session: Session) -> Counter[str]:
    """End what is too late to send. What a server has refused all the time has failed; the rest has expired."""
    at = now(session)
    late = select(OutboxMail).where(OutboxMail.is_queued, OutboxMail.expires_at <= at, is_unleased(at))
    ended: Counter[str] = Counter()
    for mail in session.scalars(late.limit(500).with_for_update(skip_locked=True)).all():
        action = "fail" if mail.said and mail.lane else "expire"
        move(session, Clock(), mail, action)
        ended["failed" if action == "fail" else "expired"] += 1
    return ended


def deliver_one(database: Database, send: Send, mail_id: int) -> None:
    """Hand over this mail now, unless a worker is just doing it or it has ended. Raises `Busy`."""
    claimed = database.write(partial(claim, mail_id=mail_id))
    if claimed is not None:
        database.write(partial(settle, claim=claimed, fault=_hand_over(send, claimed)))


def claim(
    session: Session, lanes: tuple[int, ...] = LANES, before_send: Leaving | None = None, mail_id: int | None = None
) -> Claim | None:
    """Lease the mail that is due first in the first of `lanes` that has one, or `mail_id` the mail with this key.

    On PostgreSQL rows that another worker is claiming are skipped; on SQLite, which ignores that, the writer is alone.
    Either way the lease is set only where none stands.
    """
    at = now(session)
    for lane in lanes:
        first = select(OutboxMail.id).where(_is_due(lane, at)).order_by(OutboxMail.due_at, OutboxMail.id).limit(1)
        if mail_id is not None:
            first = first.where(OutboxMail.id == mail_id)
        found = session.scalar(first.with_for_update(skip_locked=True))
        if found is None:
            continue
        lease = (
            update(OutboxMail)
            .where(OutboxMail.id == found, _is_due(lane, at))
            .values(leased_until=at + LEASE, attempts=OutboxMail.attempts + 1)
            .returning(OutboxMail)
        )
        mail = session.scalar(lease)
        if mail is not None:
            if before_send is not None:
                with suppress(MissingPrecondition, Unsealable):
                    before_send(session, mail)
            return Claim(mail.id, mail.message_id, at + LEASE, _readable(session, mail))
    return None


def settle(session: Session, claim: Claim, fault: Undelivered | None, after_send: Settled | None = None) -> str:
    """Write down what became of a claimed mail: sent, retried, failed, or lost where it was stopped meanwhile."""
    mail = session.get_one(OutboxMail, claim.mail_id, with_for_update=True, populate_existing=True)
    if not mail.is_queued:
        return "lost"
    if fault is None:
        # True whoever holds the lease by now: the server has the mail.
        move(session, Clock(), mail, "send", sent_at=now(session), said=None)
        if after_send is not None:
            after_send(session, mail)
        return "sent"
    if mail.leased_until != claim.leased_until:
        return "lost"
    said = redact_reply(mail, fault.said)
    if isinstance(fault, Permanent):
        move(session, Clock(), mail, "fail", said=said)
        return "failed"
    mail.said, mail.leased_until, mail.due_at = (said, None, now(session) + get_retry_delay(mail.attempts))
    return "retried"


def get_retry_delay(attempts: int) -> timedelta:
    """Return how long to wait after so many attempts: 5 minutes, doubled each time up to 67, give or take a tenth."""
    wait = min(FIRST_WAIT * (1 << min(attempts - 1, 10)), LONGEST_WAIT)
    return wait * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads a crowd, keeps no secret


def _hand_over(send: Send, claim: Claim) -> Undelivered | None:
    if claim.message is None:
        return Permanent("what is in the mail can no longer be opened")
    try:
        send(claim.message, claim.message_id)
    except Undelivered as fault:
        return fault
    except Exception as error:
        # One mail that trips the sender must not hold up all others; it is tried again and fails after its time. The
        # error's own words may hold an address, so the log gets its name and its place only.
        where = "".join(traceback.format_tb(error.__traceback__))
        log.error("mail %s could not be handed over: %s\n%s", claim.mail_id, type(error).__name__, where)
        return Transient(f"not handed over: {type(error).__name__}")
    return None


def _readable(session: Session, mail: OutboxMail) -> Message | None:
    try:
        return read(session, mail)
    except (MissingPrecondition, Unsealable):
        return None


def is_unleased(now: datetime) -> ColumnElement[bool]:
    """Return whether no worker has leased a mail."""
    return or_(OutboxMail.leased_until.is_(None), OutboxMail.leased_until <= now)


def _is_due(lane: int, now: datetime) -> ColumnElement[bool]:
    return and_(
        OutboxMail.is_queued,
        OutboxMail.lane == lane,
        OutboxMail.due_at <= now,
        OutboxMail.expires_at > now,
        is_unleased(now),
    )
