"""What the clock does: a table of duties, each done in a transaction of its own, again and again until told to stop."""

import logging
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from flask import Flask
from sqlalchemy.orm import Session

from .actors import Clock
from .answers import editing, writing
from .answers.models import Answer
from .db import Busy, Database, lock
from .editions import planning
from .letters import contacts
from .mail import outbox
from .mail.delivery import deliver_due
from .mail.models import OutboxMail
from .mail.sending import transport
from .people import sign_in

log = logging.getLogger(__name__)
_transport = cache(transport)


def settled(session: Session, mail: OutboxMail) -> None:
    """One e-mail, then forget me: the address goes in the transaction that marks the notice as sent."""
    if mail.letter_id is not None:
        forget_address(session, mail.letter_id)


def forget_address(session: Session, letter_id: int) -> None:
    """Erase a reader's address also from mails that failed or still wait: those would keep it past its day."""
    contacts.forget(session, letter_id)
    outbox.forget_letter(session, Clock(), letter_id)


def forget_overdue(session: Session) -> None:
    for letter_id in contacts.overdue(session):
        forget_address(session, letter_id)


def deliver(app: Flask, database: Database) -> None:
    deliver_due(database, _transport(app), settled=settled)


def settle_silence(_app: Flask, database: Database) -> None:
    """Under "facts only" silence means that it runs."""
    with database.read() as session:
        overdue = editing.overdue_checks(session)
    for answer_id in overdue:

        def settle(session: Session, answer_id: int = answer_id) -> None:
            answer = lock(session, session.get_one(Answer, answer_id))
            if answer.state == "checking":
                editing.settle_check(session, Clock(), answer, "silent")

        database.write(settle)


def plan_ahead(_app: Flask, database: Database) -> None:
    database.write(lambda session: planning.plan_all(session, Clock()))


def tidy(_app: Flask, database: Database) -> None:
    """Erase what has had its time: addresses, ways in, forgotten drafts."""
    database.write(forget_overdue)
    database.write(sign_in.sweep)
    database.write(writing.sweep)


@dataclass(frozen=True)
class Duty:
    name: str
    every: float  # seconds
    do: Callable[[Flask, Database], Any]


DUTIES = (
    Duty("deliver mail", 1, deliver),
    Duty("settle silence", 15, settle_silence),
    Duty("plan editions", 3_600, plan_ahead),
    Duty("tidy up", 3_600, tidy),
)


def run(app: Flask, once: bool = False) -> None:
    """Do every duty when it is due, until SIGTERM or SIGINT; with `once` do each one time.

    A duty that fails is told in the log by the name of its error and tried again; it holds up no other.
    """
    stop = threading.Event()
    if threading.current_thread() is threading.main_thread() and not once:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
    database: Database = app.extensions["database"]
    due = dict.fromkeys(DUTIES, 0.0)
    while not stop.is_set():
        for duty in DUTIES:
            if due[duty] <= time.monotonic():
                due[duty] = time.monotonic() + duty.every
                _do(duty, app, database)
        if once:
            return
        stop.wait(max(0.05, min(due.values()) - time.monotonic()))


def _do(duty: Duty, app: Flask, database: Database) -> None:
    try:
        with app.app_context():
            duty.do(app, database)
    except Busy:
        log.warning("%s: the database was busy", duty.name)
    except Exception as error:
        log.error("%s: %s", duty.name, type(error).__name__)
