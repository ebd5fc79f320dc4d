"""Calls to other programs: lease, call, settle, like mails of the outbox. Any number of workers may do it at once.

It is the program that fails, not a delivery: so the program has the lease and the growing backoff, and its deliveries
wait in order. If a worker is killed between the response and the commit, the delivery is sent again under the same
`webhook-id`. None is lost.
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
from ..mail.delivery import BUDGET, LEASE, get_retry_delay
from .models import Delivery, Program, is_success
from .registering import address_of, pause, secrets_of
from .signed_calls import signature_headers
from .telling import TEST, life_of

LIMIT = 15.0  # seconds for the whole response: the specification recommends 15 to 30
LIMIT_OF_A_TEST = 8.0  # seconds: somebody is waiting for the page
GONE = 410  # the status of a program that wants nothing any more
GIVES_UP = timedelta(days=5)  # of failures, after which a program is paused
KEPT = timedelta(days=30)  # how long the log of deliveries is kept
LOOKED_AT = 100  # deliveries of a program that are read at a time

# Returns the payload of a delivery, a JSON object, or None if it is no longer true.
Describe = Callable[[Session, Program, Delivery], dict[str, Any] | None]


@dataclass(frozen=True)
class Call:
    """A leased call. `leased_until` also distinguishes this lease from a later one of the same program."""

    program_id: int
    delivery_id: int
    leased_until: datetime
    url: str
    body: bytes
    head: dict[str, str]


@dataclass(frozen=True)
class Answered:
    """The stored part of a response: its status, or our own text in `said` if there was none, and the milliseconds."""

    status: int | None
    said: str
    took: int


def deliver_due(
    database: Database,
    describe: Describe,
    own_hosts: Collection[str],
    *,
    limit: int = 100,
    current_time: datetime | None = None,
) -> Counter[str]:
    """Send due deliveries, at most `limit`. Return how many arrived, failed, or were lost with a removed program.

    `own_hosts` are the hosts in the newsroom's own network to which a URL may lead; `current_time` overrides the clock.
    Raises `Busy`.
    """
    done: Counter[str] = Counter()
    until = time.monotonic() + BUDGET
    with database.read(current_time) as session:
        if session.scalar(select(Program.id).where(_is_ready(now(session))).limit(1)) is None:
            return done
    for _ in range(limit):
        claimed = database.write(partial(claim, describe=describe), current_time)
        if claimed is None:
            break
        answer = call(claimed, own_hosts)
        done[database.write(partial(settle, leased_call=claimed, answer=answer), current_time)] += 1
        if time.monotonic() > until:
            break
    return done


def claim(session: Session, describe: Describe) -> Call | None:
    """Lease the next program with its first due delivery, or return None if nothing is due.

    Deliveries that have expired or are no longer true are ended without a call.
    """
    at = now(session)
    turn = (func.coalesce(Program.called_at, Program.created_at), Program.id)
    first = select(Program).where(_is_ready(at)).order_by(*turn).limit(1)
    while (program := session.scalar(first.with_for_update(skip_locked=True))) is not None:
        waiting = select(Delivery).where(Delivery.program_id == program.id, _is_due(at))
        for delivery in session.scalars(waiting.order_by(Delivery.due_at, Delivery.id).limit(LOOKED_AT)).all():
            about = describe(session, program, delivery) if delivery.expires_at > at else None
            if about is None:
                delivery.ended_at = at
                continue
            made = _build_call(session, program, delivery, about)
            if made is None:  # a key is missing from the settings: it waits, and counts as failing
                _record_failure(session, program)
                break
            program.leased_until = made.leased_until
            session.flush()
            return made
        session.flush()
    return None


def begin_test(session: Session, program: Program, payload: dict[str, Any]) -> Call | None:
    """Return the call of a test that the desk requested, or None if the program's address can't be unsealed.

    A paused program can be tested too. The test is in the log from the start, and no worker sends it.
    """
    at = now(session)
    times = {"happened_at": at, "due_at": at, "expires_at": at + life_of(program), "ended_at": at}
    delivery = add_and_flush(session, Delivery(program_id=program.id, event=TEST, **times))
    return _build_call(session, program, delivery, payload)


def _build_call(session: Session, program: Program, delivery: Delivery, payload: dict[str, Any]) -> Call | None:
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    try:
        url, secrets = address_of(session, program), secrets_of(session, program)
    except Unsealable:
        return None
    signed = signature_headers(f"msg_{delivery.public_id}", now(session), body, [webhook_key(one) for one in secrets])
    return Call(program.id, delivery.id, now(session) + LEASE, url, body, signed if secrets else {})


def call(leased_call: Call, own_hosts: Collection[str], timeout: float = LIMIT) -> Answered:
    """Call a program; `timeout` is in seconds. Redirects aren't followed, and the body of the response isn't stored."""
    began, status, said = time.monotonic(), None, ""
    try:
        status, _words = http_client.request(
            leased_call.url, headers=leased_call.head, timeout=timeout, body=leased_call.body, own_hosts=own_hosts
        )
    except http_client.RequestFailed as fault:
        said = str(fault)
    return Answered(status, said, round((time.monotonic() - began) * 1_000))


def settle(session: Session, leased_call: Call, answer: Answered) -> str:
    """Store the result of a call. Return "arrived", "failed", or "lost" if the program was removed meanwhile."""
    at = now(session)
    program = session.get(Program, leased_call.program_id, with_for_update=True, populate_existing=True)
    delivery = session.get(Delivery, leased_call.delivery_id, with_for_update=True, populate_existing=True)
    if program is None or delivery is None:
        return "lost"
    record_answer(session, delivery, answer)
    if program.leased_until == leased_call.leased_until:
        program.leased_until = None
    program.called_at = at
    if is_success(answer.status):
        delivery.ended_at = at
        program.again_at = program.failing_since = None
        program.attempts = 0
        return "arrived"
    _record_failure(session, program, is_gone=answer.status == GONE)
    return "failed"


def _record_failure(session: Session, program: Program, is_gone: bool = False) -> None:
    at = now(session)
    program.attempts += 1
    program.again_at = at + get_retry_delay(program.attempts)
    program.failing_since = program.failing_since or at
    session.flush()  # since `pause` reads the row again
    if program.paused_at is None and (is_gone or at - program.failing_since >= GIVES_UP):
        pause(session, Clock(), program, "gone" if is_gone else "failed")


def settle_test(session: Session, leased_call: Call, answer: Answered) -> None:
    """Store the result of a test. If it arrived, what waits for the program becomes due immediately."""
    program, delivery = session.get(Program, leased_call.program_id), session.get(Delivery, leased_call.delivery_id)
    if program is None or delivery is None:
        return
    record_answer(session, delivery, answer)
    if is_success(answer.status):
        program.again_at = None


def record_answer(session: Session, delivery: Delivery, answer: Answered) -> None:
    delivery.attempts, delivery.tried_at = delivery.attempts + 1, now(session)
    delivery.status, delivery.said, delivery.took = answer.status, answer.said, answer.took


def sweep(session: Session) -> None:
    """Delete old log entries, and former secrets that no longer sign."""
    over = update(Program).where(Program.former_until < now(session))
    session.execute(over.values(former_sealed=None, former_until=None))
    old = now(session) - KEPT
    session.execute(delete(Delivery).where(Delivery.happened_at < old, Delivery.ended_at.is_not(None)))


def _is_ready(current_time: datetime) -> ColumnElement[bool]:
    """Return the SQL condition that a program can be called and has something due."""
    free = (or_(time.is_(None), time <= current_time) for time in (Program.again_at, Program.leased_until))
    waits = exists().where(Delivery.program_id == Program.id, _is_due(current_time))
    return and_(Program.paused_at.is_(None), *free, waits)


def _is_due(current_time: datetime) -> ColumnElement[bool]:
    return and_(Delivery.ended_at.is_(None), Delivery.due_at <= current_time)
