"""Delivery from the outbox: each mail is leased, handed over to the server, and settled.

Any number of workers may run this concurrently. Mails are claimed one at a time, just before they are handed over, so
that a slow server never lets the leases of other mails expire. A mail is sent twice only if a worker is killed between
the server's 250 and the commit, and then with the same Message-ID. No mail is lost.
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
from ..core.domain_errors import MissingPrecondition
from ..crypto.seal import Unsealable
from ..db.engine import Database
from ..db.session import now
from .message import Message
from .models import OutboxMail
from .outbox import move, read, redact_reply

LANES = (0, 1, 2)  # in the order of delivery
URGENT_LANE = 0  # sign-in mails
LEASE = timedelta(minutes=10)  # longer than any hand-over: the transports give up sooner
FIRST_WAIT = timedelta(minutes=5)
LONGEST_WAIT = timedelta(minutes=67)
FIRST_PAUSE, LONGEST_PAUSE = 15.0, 60.0  # seconds without a connection to an unreachable server, doubled each time
BATCH_SECONDS = 5.0  # after which a batch starts no further mail
EXPIRED_BATCH = 500  # mails that expire in one transaction
JITTER = 0.1  # share of the wait, in both directions, so that a backlog isn't retried all at once

Send = Callable[[Message, str], None]
MailCallback = Callable[[Session, OutboxMail], None]

log = logging.getLogger(__name__)


class Undelivered(Exception):
    """The server did not accept the mail. `reason` says why, without addresses."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Transient(Undelivered):
    """The server may accept the mail later."""


class Unreachable(Transient):
    """The server is unreachable, or accepts no mail from us at all: the fault isn't with this mail."""


class Permanent(Undelivered):
    """The server will never accept this mail."""


class BreakerOpen(Exception):
    """No mail was handed over, because the server was unreachable a moment ago."""


class Breaker:
    """A circuit breaker: while the server is unreachable, one mail at a time probes it and all others wait."""

    def __init__(self) -> None:
        self._pause = 0.0
        self._open_until = 0.0

    @property
    def is_open(self) -> bool:
        """True while it is too early to try again."""
        return time.monotonic() < self._open_until

    def record(self, fault: Undelivered | None) -> None:
        """Record the outcome of a hand-over: None for a mail that was sent."""
        if isinstance(fault, Unreachable):
            self._pause = min(self._pause * 2 or FIRST_PAUSE, LONGEST_PAUSE)
        else:
            self._pause = 0.0
        self._open_until = time.monotonic() + self._pause


@dataclass(frozen=True)
class LeasedMail:
    """A leased mail. `leased_until` also identifies the lease among several leases of the same mail.

    `message` is None if the content was deleted or can't be decrypted.
    """

    mail_id: int
    message_id: str
    leased_until: datetime
    message: Message | None


def deliver_due(
    database: Database,
    send: Send,
    *,
    before_send: MailCallback | None = None,
    after_send: MailCallback | None = None,
    breaker: Breaker | None = None,
    limit: int = 100,
    now: datetime | None = None,
) -> Counter[str]:
    """Hand over up to `limit` due mails, sign-in mails first, and count those sent, retried, failed, expired or lost.

    `send` gets a message and its Message-ID and raises `Transient` or `Permanent`. `before_send` is called for each
    mail just before it is handed over, and may update what the mail says about that moment. `after_send` is called for
    each mail that was sent, in the transaction that marks it as sent. `now` overrides the clock. Raises `Busy`, and
    `BreakerOpen`.
    """
    outcomes: Counter[str] = Counter()
    deadline = time.monotonic() + BATCH_SECONDS
    with database.read(now) as session:
        if not anything_due(session):
            return outcomes
    outcomes.update(database.write(expire, now))
    for _ in range(limit):
        if breaker is not None and breaker.is_open:
            raise BreakerOpen
        leased_mail = database.write(partial(claim, before_send=before_send), now)
        if leased_mail is None:
            break
        fault = _hand_over(send, leased_mail)
        if breaker is not None:
            breaker.record(fault)
        outcome = database.write(partial(settle, leased_mail=leased_mail, fault=fault, after_send=after_send), now)
        outcomes[outcome] += 1
        if time.monotonic() > deadline:
            break
    return outcomes


def anything_due(session: Session) -> bool:
    """Return whether any mail is due or has expired, without taking the write lock."""
    at = now(session)
    expired = select(OutboxMail.id).where(OutboxMail.is_queued, OutboxMail.expires_at <= at).limit(1)
    if session.scalar(expired) is not None:
        return True
    # One query for each lane, so that each uses the index.
    due_in_lanes = [select(OutboxMail.id).where(_is_due(lane, at)).limit(1) for lane in LANES]
    return any(session.scalar(due) is not None for due in due_in_lanes)


def expire(session: Session) -> Counter[str]:
    """End queued mails whose `expires_at` has passed, up to `EXPIRED_BATCH`, and count them by their new state.

    A mail whose last attempt failed becomes "failed"; all others, and urgent mails in any case, become "expired".
    """
    at = now(session)
    expired = select(OutboxMail).where(OutboxMail.is_queued, OutboxMail.expires_at <= at, is_unleased(at))
    states: Counter[str] = Counter()
    for mail in session.scalars(expired.limit(EXPIRED_BATCH).with_for_update(skip_locked=True)).all():
        has_failed = mail.said and mail.lane != URGENT_LANE
        move(session, Clock(), mail, "fail" if has_failed else "expire")
        states["failed" if has_failed else "expired"] += 1
    return states


def deliver_one(database: Database, send: Send, mail_id: int) -> None:
    """Hand over this mail now if it is due and no worker has leased it. Raises `Busy`."""
    leased_mail = database.write(partial(claim, mail_id=mail_id))
    if leased_mail is not None:
        database.write(partial(settle, leased_mail=leased_mail, fault=_hand_over(send, leased_mail)))


def claim(
    session: Session,
    lanes: tuple[int, ...] = LANES,
    before_send: MailCallback | None = None,
    mail_id: int | None = None,
) -> LeasedMail | None:
    """Lease the mail that has been due longest in the first non-empty lane, or the due mail with the key `mail_id`.

    PostgreSQL skips rows that another worker is claiming. SQLite ignores SKIP LOCKED but has a single writer. In both
    cases the UPDATE sets a lease only if there is none. Returns None if nothing is due.
    """
    at = now(session)
    for lane in lanes:
        query = select(OutboxMail.id).where(_is_due(lane, at)).order_by(OutboxMail.due_at, OutboxMail.id).limit(1)
        if mail_id is not None:
            query = query.where(OutboxMail.id == mail_id)
        due_id = session.scalar(query.with_for_update(skip_locked=True))
        if due_id is None:
            continue
        lease = (
            update(OutboxMail)
            .where(OutboxMail.id == due_id, _is_due(lane, at))
            .values(leased_until=at + LEASE, attempts=OutboxMail.attempts + 1)
            .returning(OutboxMail)
        )
        mail = session.scalar(lease)
        if mail is None:
            continue  # another worker has leased it in the meantime
        if before_send is not None:
            with suppress(MissingPrecondition, Unsealable):
                before_send(session, mail)
        return LeasedMail(mail.id, mail.message_id, at + LEASE, _read_or_none(session, mail))
    return None


def settle(
    session: Session, leased_mail: LeasedMail, fault: Undelivered | None, after_send: MailCallback | None = None
) -> str:
    """Store the outcome of a leased mail and return it: "sent", "retried", "failed" or "lost".

    "lost" means that the mail was stopped, or leased again, in the meantime.
    """
    mail = session.get_one(OutboxMail, leased_mail.mail_id, with_for_update=True, populate_existing=True)
    if not mail.is_queued:
        return "lost"
    if fault is None:
        # Even if another worker holds the lease by now: the server has the mail.
        move(session, Clock(), mail, "send", sent_at=now(session), said=None)
        if after_send is not None:
            after_send(session, mail)
        return "sent"
    if mail.leased_until != leased_mail.leased_until:
        return "lost"
    reply = redact_reply(mail, fault.reason)
    if isinstance(fault, Permanent):
        move(session, Clock(), mail, "fail", said=reply)
        return "failed"
    mail.said = reply
    mail.leased_until = None
    mail.due_at = now(session) + get_retry_delay(mail.attempts)
    return "retried"


def get_retry_delay(attempts: int) -> timedelta:
    """Return the wait after this many attempts: 5 minutes, doubled each time up to 67, plus or minus a tenth."""
    doublings = min(attempts - 1, 10)  # after ten the wait is longer than `LONGEST_WAIT` in any case
    wait: timedelta = min(FIRST_WAIT * 2**doublings, LONGEST_WAIT)
    return wait * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret depends on it


def _hand_over(send: Send, leased_mail: LeasedMail) -> Undelivered | None:
    if leased_mail.message is None:
        return Permanent("what is in the mail can no longer be opened")
    try:
        send(leased_mail.message, leased_mail.message_id)
    except Undelivered as fault:
        return fault
    except Exception as error:
        # One mail that crashes the transport must not block the others: it is retried until it expires. The message of
        # the exception may contain an address, so only its type and traceback are logged.
        stack = "".join(traceback.format_tb(error.__traceback__))
        log.error("mail %s could not be handed over: %s\n%s", leased_mail.mail_id, type(error).__name__, stack)
        return Transient(f"not handed over: {type(error).__name__}")
    return None


def _read_or_none(session: Session, mail: OutboxMail) -> Message | None:
    try:
        return read(session, mail)
    except (MissingPrecondition, Unsealable):
        return None


def is_unleased(now: datetime) -> ColumnElement[bool]:
    """Return the SQL condition that no worker holds a lease on the mail."""
    return or_(OutboxMail.leased_until.is_(None), OutboxMail.leased_until <= now)


def _is_due(lane: int, now: datetime) -> ColumnElement[bool]:
    return and_(
        OutboxMail.is_queued,
        OutboxMail.lane == lane,
        OutboxMail.due_at <= now,
        OutboxMail.expires_at > now,
        is_unleased(now),
    )
