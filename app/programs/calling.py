"""Calls to other programs. Like a mail of the outbox, each call is leased, made and settled by any of several workers.

If a call fails, the next call to the same program would most likely fail too. So the lease and the growing backoff
belong to the program, and its deliveries wait in order. If a worker is killed between the response and the commit, the
delivery is sent again under the same `webhook-id`: no delivery is lost.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from config import webhook_key

from ..core import http_client
from ..core.actors import Clock
from ..crypto.seal import Unsealable
from ..db.engine import Database
from ..db.session import add_and_flush, now
from ..mail.delivery import BATCH_SECONDS, LEASE, get_retry_delay
from .models import Delivery, Program, is_success
from .program_events import TEST, get_lifetime
from .registering import address_of, pause, secrets_of
from .signed_calls import signature_headers

TIMEOUT = 15.0  # seconds for the whole response: the specification recommends 15 to 30
TEST_TIMEOUT = 8.0  # seconds: somebody is waiting for the page
GONE = 410  # the status with which a program ends its subscription
PAUSE_AFTER = timedelta(days=5)  # a program that has failed for this long is paused
KEPT = timedelta(days=30)  # how long the log of deliveries is kept
BATCH_SIZE = 100  # deliveries of a program that are read at a time

# A function that returns the payload of a delivery, a JSON object, or None if its event is no longer true.
BuildPayload = Callable[[Session, Program, Delivery], dict[str, Any] | None]


@dataclass(frozen=True)
class LeasedCall:
    """A leased call. `leased_until` also distinguishes this lease from a later one of the same program."""

    program_id: int
    delivery_id: int
    leased_until: datetime
    url: str
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True)
class CallResult:
    """The status of the response, or our own description of the `failure` if there was no response."""

    status: int | None
    failure: str
    milliseconds: int


def deliver_due(
    database: Database,
    build_payload: BuildPayload,
    own_hosts: Collection[str],
    *,
    limit: int = 100,
    current_time: datetime | None = None,
) -> Counter[str]:
    """Send due deliveries, at most `limit`. Return how many arrived, failed, or were lost with a removed program.

    `own_hosts` are the hosts in the newsroom's own network to which a URL may lead; `current_time` overrides the clock.
    Raises `Busy`.
    """
    counts: Counter[str] = Counter()
    deadline = time.monotonic() + BATCH_SECONDS
    with database.read(current_time) as session:
        if session.scalar(select(Program.id).where(_is_ready(now(session))).limit(1)) is None:
            return counts
    for _ in range(limit):
        leased_call = database.write(partial(claim, build_payload=build_payload), current_time)
        if leased_call is None:
            break
        result = call(leased_call, own_hosts)
        outcome = database.write(partial(settle, leased_call=leased_call, result=result), current_time)
        counts[outcome] += 1
        if time.monotonic() > deadline:
            break
    return counts


def claim(session: Session, build_payload: BuildPayload) -> LeasedCall | None:
    """Lease the next program with its first due delivery, or return None if nothing is due.

    Deliveries that have expired or are no longer true are ended without a call.
    """
    longest_idle = (func.coalesce(Program.called_at, Program.created_at), Program.id)
    next_program = select(Program).where(_is_ready(now(session))).order_by(*longest_idle).limit(1)
    while (program := session.scalar(next_program.with_for_update(skip_locked=True))) is not None:
        leased_call = _lease(session, program, build_payload)
        if leased_call is not None:
            return leased_call
        # The program's next call is delayed, or the deliveries that were read have ended. The query finds the program
        # again only if it has more than `BATCH_SIZE` due.
    return None


def _lease(session: Session, program: Program, build_payload: BuildPayload) -> LeasedCall | None:
    """Lease a program for its first due delivery, or return None if none of the next `BATCH_SIZE` can be sent."""
    current_time = now(session)
    due = select(Delivery).where(Delivery.program_id == program.id, _is_due(current_time))
    for delivery in session.scalars(due.order_by(Delivery.due_at, Delivery.id).limit(BATCH_SIZE)).all():
        is_expired = delivery.expires_at <= current_time
        payload = None if is_expired else build_payload(session, program, delivery)
        if payload is None:
            delivery.ended_at = current_time
            continue
        leased_call = _build_call(session, program, delivery, payload)
        if leased_call is None:  # its address can't be unsealed: the delivery waits until SECRET_KEYS has the key again
            _record_failure(session, program)
            break
        program.leased_until = leased_call.leased_until
        session.flush()
        return leased_call
    session.flush()
    return None


def begin_test(session: Session, program: Program, payload: dict[str, Any]) -> LeasedCall | None:
    """Return the call of a test that the desk requested, or None if the program's address can't be unsealed.

    The program isn't leased for it, and may be paused. The test is logged as an ended delivery, so that no worker sends
    it.
    """
    current_time = now(session)
    delivery = Delivery(
        program_id=program.id,
        event=TEST,
        happened_at=current_time,
        due_at=current_time,
        expires_at=current_time + get_lifetime(program),
        ended_at=current_time,
    )
    return _build_call(session, program, add_and_flush(session, delivery), payload)


def _build_call(session: Session, program: Program, delivery: Delivery, payload: dict[str, Any]) -> LeasedCall | None:
    """Return the call for a delivery, signed if the program has a secret, or None if its address can't be unsealed."""
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    try:
        url, secrets = address_of(session, program), secrets_of(session, program)
    except Unsealable:
        return None
    headers: dict[str, str] = {}
    if secrets:
        keys = [webhook_key(secret) for secret in secrets]
        headers = signature_headers(f"msg_{delivery.public_id}", now(session), body, keys)
    return LeasedCall(program.id, delivery.id, now(session) + LEASE, url, body, headers)


def call(leased_call: LeasedCall, own_hosts: Collection[str], timeout: float = TIMEOUT) -> CallResult:
    """Call a program; `timeout` is in seconds. Redirects aren't followed, and the body of the response isn't stored."""
    started_at, status, failure = time.monotonic(), None, ""
    try:
        status, _body = http_client.request(
            leased_call.url, headers=leased_call.headers, timeout=timeout, body=leased_call.body, own_hosts=own_hosts
        )
    except http_client.RequestFailed as error:
        failure = str(error)
    return CallResult(status, failure, round((time.monotonic() - started_at) * 1_000))


def settle(session: Session, leased_call: LeasedCall, result: CallResult) -> str:
    """Store the result of a call. Return "arrived", "failed", or "lost" if the program was removed meanwhile."""
    current_time = now(session)
    program = session.get(Program, leased_call.program_id, with_for_update=True, populate_existing=True)
    delivery = session.get(Delivery, leased_call.delivery_id, with_for_update=True, populate_existing=True)
    if program is None or delivery is None:
        return "lost"
    _record_result(session, delivery, result)
    if program.leased_until == leased_call.leased_until:
        program.leased_until = None
    program.called_at = current_time
    if is_success(result.status):
        delivery.ended_at = current_time
        program.again_at = program.failing_since = None
        program.attempts = 0
        return "arrived"
    _record_failure(session, program, is_gone=result.status == GONE)
    return "failed"


def _record_failure(session: Session, program: Program, is_gone: bool = False) -> None:
    """Delay the next call to a program, or pause it if it has failed for too long or ends its subscription."""
    current_time = now(session)
    program.attempts += 1
    program.again_at = current_time + get_retry_delay(program.attempts)
    program.failing_since = program.failing_since or current_time
    session.flush()  # `pause` reads the row again
    has_failed_for_long = current_time - program.failing_since >= PAUSE_AFTER
    if program.paused_at is None and (is_gone or has_failed_for_long):
        pause(session, Clock(), program, "gone" if is_gone else "failed")


def settle_test(session: Session, leased_call: LeasedCall, result: CallResult) -> None:
    """Store the result of a test. If the test arrived, other deliveries are sent without waiting for the next retry."""
    program, delivery = session.get(Program, leased_call.program_id), session.get(Delivery, leased_call.delivery_id)
    if program is None or delivery is None:
        return
    _record_result(session, delivery, result)
    if is_success(result.status):
        program.again_at = None


def _record_result(session: Session, delivery: Delivery, result: CallResult) -> None:
    delivery.attempts, delivery.tried_at = delivery.attempts + 1, now(session)
    delivery.status, delivery.said, delivery.took = result.status, result.failure, result.milliseconds


def delete_expired(session: Session) -> None:
    """Delete the entries of old deliveries that have ended, and former secrets that no longer sign."""
    expired_secrets = update(Program).where(Program.former_until < now(session))
    session.execute(expired_secrets.values(former_sealed=None, former_until=None))
    oldest_kept = now(session) - KEPT
    session.execute(delete(Delivery).where(Delivery.happened_at < oldest_kept, Delivery.ended_at.is_not(None)))


def _is_ready(current_time: datetime) -> ColumnElement[bool]:
    """Return the SQL condition that a program can be called and has a due delivery."""
    blocking_times = (Program.again_at, Program.leased_until)
    has_passed = [or_(column.is_(None), column <= current_time) for column in blocking_times]
    has_due_delivery = exists().where(Delivery.program_id == Program.id, _is_due(current_time))
    return and_(Program.paused_at.is_(None), *has_passed, has_due_delivery)


def _is_due(current_time: datetime) -> ColumnElement[bool]:
    return and_(Delivery.ended_at.is_(None), Delivery.due_at <= current_time)
