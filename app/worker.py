"""The clock's work: a table of duties, each done in a transaction of its own, again and again until told to stop."""

import logging
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy.orm import Session

from .actors import Clock
from .answers import editing, ladder, other_experts, reminders, writing
from .answers.models import Answer
from .backup.erasure_list import Keeper
from .db import Busy, Database, lock
from .editions import planning
from .forms import form_drafts, press_keys
from .indexing import index_due
from .letters import contacts, crowds, look_alike_flags
from .mail.delivery import deliver_due
from .mail.models import OutboxMail
from .mail.reading import Reading
from .mail.sending import transport
from .mailroom import imap, retention
from .mailroom.batch import settings_of
from .mailroom.placing import place_due
from .newsroom import alarms, digest, invitations, pausing, weekly_counts
from .people import sign_in, uploads
from .watching import sightings
from .watching.redaction import told

log = logging.getLogger(__name__)
_transport = cache(transport)
_keeper = cache(Keeper)
_reading = cache(Reading)  # one process that reads mails, for all of them

READ = 10.0  # seconds that reading one mail may take; then its process is ended and the mail kept as it is
PLACED = 50  # mails that are placed before the other duties have their turn
BEAT = 60.0  # seconds between two times that the worker writes down what it has done
NOTICES = ("reader.once", "reader.news")  # an acknowledgement leaves the address: the notice is still owed


def settled(session: Session, mail: OutboxMail) -> None:
    """One e-mail, then forget me: the address goes in the transaction that marks the notice as sent."""
    if mail.letter_id is not None and mail.kind in NOTICES:
        contacts.forget(session, Clock(), mail.letter_id)


def forget_overdue(session: Session) -> None:
    for letter_id in contacts.overdue(session):
        contacts.forget(session, Clock(), letter_id)


def deliver(app: Flask, database: Database) -> None:
    deliver_due(database, _transport(app), leaving=other_experts.settle, settled=settled)


def fetch(app: Flask, database: Database) -> None:
    """Look into each mailbox once; where the worker stays, threads of its own do (`run`)."""
    for mailbox in app.config["MAILBOXES"]:
        try:
            imap.poll(database, mailbox)
        except Exception as error:  # a mailbox that can't be reached keeps nobody from the others
            log.warning("mailbox at %s: %s", mailbox.host, imap.told_of(error))


def place(app: Flask, database: Database) -> None:
    """Give the mails that came in their places."""
    place_due(database, _reading(READ), settings_of(app.config), PLACED)


def destroy_old(_app: Flask, database: Database) -> None:
    """Destroy the bytes of mails that were filed long enough ago."""
    database.write(retention.destroy_old)


def settle_silence(_app: Flask, database: Database) -> None:
    """Under "facts only" silence means that it runs."""
    with database.read() as session:
        overdue = editing.overdue_checks(session)
    for answer_id in overdue:

        def settle(session: Session, answer_id: int = answer_id) -> None:
            answer = lock(session, session.get_one(Answer, answer_id))
            if answer.is_checking:
                editing.settle_check(session, Clock(), answer, "silent")

        database.write(settle)


def plan_ahead(_app: Flask, database: Database) -> None:
    database.write(lambda session: planning.plan_all(session, Clock()))


def tidy(_app: Flask, database: Database) -> None:
    """Erase what has had its time: addresses, ways in, forgotten drafts."""
    for sweep in SWEEPS:
        database.write(sweep)


SWEEPS: tuple[Callable[[Session], Any], ...] = (
    forget_overdue,
    sign_in.sweep,
    uploads.sweep,
    writing.sweep,
    form_drafts.sweep,
    press_keys.sweep,
)


def keep_erasures(app: Flask, database: Database) -> None:
    """Write what was erased into the list that outlives the database."""
    _keeper(Path(app.config["ERASURES"])).keep(database)


@dataclass(frozen=True)
class Duty:
    name: str
    every: float  # seconds
    do: Callable[[Flask, Database], Any]


DUTIES = (
    Duty("fetch mail", 60, fetch),
    Duty("place mail", 0.5, place),
    Duty("deliver mail", 1, deliver),
    Duty("index", 1, lambda _app, database: index_due(database)),
    Duty("look for look-alikes", 1, lambda _app, database: look_alike_flags.look(database)),
    Duty("sort held letters", 60, lambda _app, database: crowds.sort_held(database)),
    Duty("file crowds", 10, lambda _app, database: crowds.file_due(database)),
    Duty("settle silence", 15, settle_silence),
    Duty("tell the desk", 60, lambda _app, database: alarms.raise_alarms(database)),
    Duty("morning mails", 60, lambda _app, database: digest.send_digests(database)),
    Duty("climb ladders", 15, lambda _app, database: ladder.climb(database, invitations.invite_next)),
    Duty("remind experts", 900, lambda _app, database: reminders.remind(database)),
    Duty("end pauses", 60, lambda _app, database: pausing.end_pauses(database)),
    Duty("plan editions", 3_600, plan_ahead),
    Duty("count for insights", 60, lambda _app, database: weekly_counts.count_due(database)),
    Duty("tidy up", 3_600, tidy),
    Duty("keep the list of erasures", 10, keep_erasures),
    Duty("destroy old mail", 3_600, destroy_old),
)


def run(app: Flask, once: bool = False) -> None:
    """Do every duty when it is due, until SIGTERM or SIGINT; with `once` do each one time.

    A duty that fails is told in the log by the name of its error and tried again; it holds up no other. A mail server
    that is slow could, so a worker that stays fetches in threads, one per mailbox, which also hear of news at once.
    """
    stop = threading.Event()
    if threading.current_thread() is threading.main_thread() and not once:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
    database: Database = app.extensions["database"]
    duties = DUTIES if once else [duty for duty in DUTIES if duty.do is not fetch]
    if not once:
        imap.watch_all(database, app.config["MAILBOXES"], stop)
    due, beat_at = dict.fromkeys(duties, 0.0), 0.0
    done: Counter[str] = Counter()
    while not stop.is_set():
        for duty in duties:
            if due[duty] <= time.monotonic():
                due[duty] = time.monotonic() + duty.every
                done[(sightings.DUTY if _do(duty, app, database) else sightings.FAILED) + duty.name] += 1
        if beat_at <= time.monotonic():
            beat_at = time.monotonic() + BEAT
            _beat(database, done)
        if once:
            return
        stop.wait(max(0.05, min(due.values()) - time.monotonic()))


def _do(duty: Duty, app: Flask, database: Database) -> bool:
    """Do a duty once, and return whether it was done."""
    try:
        with app.app_context():
            duty.do(app, database)
    except Busy:
        log.warning("%s: the database was busy", duty.name)
    except Exception as error:
        log.error("%s: %s", duty.name, type(error).__name__, extra={"fault": told(error), "duty": duty.name})
    else:
        return True
    return False


def _beat(database: Database, done: Counter[str]) -> None:
    """Write down how often each duty was done or failed, and that the worker lives."""
    try:
        database.write(lambda session: sightings.note(session, done))
    except Exception as error:  # told by `doctor` once it has been so for long
        log.warning("the worker's signs of life: %s", type(error).__name__)
    else:
        done.clear()
