"""The worker: a table of duties, each repeated at its interval until the worker is stopped. Each part of them has a
thread of its own, so that a silent mail server delays neither the filing of letters nor reminders."""

import logging
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Thread
from typing import Any

from flask import Flask
from sqlalchemy.orm import Session

from ..answers import editing, expert_mails, ladder, reminders, translators, writing
from ..answers.models import Answer
from ..audit import chain
from ..backup.erasure_list import Keeper
from ..core.actors import Clock
from ..db import secure_delete
from ..db.changes import CommitDetector
from ..db.engine import Database
from ..db.fault_kinds import SCHEMA_MISMATCH, is_busy, is_schema_mismatch
from ..db.session import lock_row
from ..editions import handoff, planning
from ..forms import form_drafts, held_presses, idempotency
from ..letters import contacts, crowds, look_alike_flags, machine_translation
from ..mail.delivery import Breaker, Held, deliver_due
from ..mail.models import OutboxMail
from ..mail.reading import Reading
from ..mail.sending import transport
from ..mailroom import imap, retention
from ..mailroom.batch import settings_of
from ..mailroom.placing import place_due
from ..people import sign_in, uploads
from ..programs import calling
from ..watching import sightings
from ..watching.redaction import fault_as_data
from ..workflows import invitations, program_messages
from ..workflows.indexing import index_due
from ..workflows.newsletters import pausing
from ..workflows.overview import alarms, digest, weekly_counts
from ..workflows.retention import erase_letters, erase_people, erase_published
from ..workflows.retention.forget_order import forget_order

log = logging.getLogger(__name__)
_transport = cache(transport)
_keeper = cache(Keeper)
_rewriter = cache(secure_delete.Rewriter)
_breaker = cache(lambda _server, _port: Breaker())  # one per mail server
_reading = cache(Reading)  # a single process that parses all mails

READ = 10.0  # seconds that parsing one mail may take; then the process is killed and the mail kept unparsed
PLACED = 50  # mails filed in one run, before the other duties of the part get their turn
FORGOTTEN = 50  # batches erased in one run, before the other duties of the part get their turn
OFTEN = 1.0  # seconds: duties with this interval or a shorter one are skipped while nothing was committed,
IDLE = 10.0  # but run at least after so many seconds, for what becomes due by time
BEAT = 60.0  # seconds between two records of what each part has done
MENDED = 10.0  # the same after a failure, so that `/readyz` soon learns of the recovery
LISTEN = 0.5  # seconds between two checks for a signal, since one that arrives just before a wait doesn't end it
PARTING = 8.0  # seconds that running duties get when the worker is stopped; less than `processes.PATIENCE`
NOTICES = ("reader.once", "reader.news")  # an acknowledgement keeps the address, as the notice is still to come


def forget_contact_after_notice(session: Session, mail: OutboxMail) -> None:
    """Erase a reader's address after a notice, in the transaction that marks it as sent: one e-mail, then forget me."""
    if mail.letter_id is not None and mail.kind in NOTICES:
        contacts.forget(session, Clock(), mail.letter_id)


def forget_overdue(session: Session) -> None:
    for letter_id in contacts.list_overdue_letter_ids(session):
        contacts.forget(session, Clock(), letter_id)


def deliver(app: Flask, database: Database) -> None:
    breaker = _breaker(app.config["MAIL_SERVER"], app.config["MAIL_PORT"])
    deliver_due(
        database,
        _transport(app),
        before_send=expert_mails.set_asked_others,
        after_send=forget_contact_after_notice,
        breaker=breaker,
    )


def tell_programs(app: Flask, database: Database) -> None:
    """Call the webhooks of other programs that are due."""
    calling.deliver_due(database, program_messages.build_message, app.config["OWN_HOSTS"])


def fetch(app: Flask, database: Database) -> None:
    """Poll each mailbox once. A worker that keeps running has a thread for each mailbox instead (see `run`)."""
    for mailbox in app.config["MAILBOXES"]:
        try:
            imap.poll(database, mailbox)
        except Exception as error:  # the other mailboxes must still be polled
            log.warning("mailbox at %s: %s", mailbox.host, imap.error_name(error))


def place(app: Flask, database: Database) -> None:
    """File the mails that came in."""
    place_due(database, _reading(READ), settings_of(app.config), PLACED)


def translate_letters(app: Flask, database: Database) -> None:
    """Translate the next letter with a requested translation, if a translation server is set."""
    machine_translation.translate_next(database, app.config["TRANSLATION_SERVER"])


def destroy_old(_app: Flask, database: Database) -> None:
    """Delete the raw bytes of mails that were filed long enough ago."""
    database.write(retention.destroy_old)


def forget_old(_app: Flask, database: Database) -> None:
    """Erase texts and people whose retention period has ended, batch by batch."""
    erase_letters.forget_letters(database, FORGOTTEN)
    for sweep in (erase_letters.sweep_others, erase_people.sweep, erase_published.sweep):
        for _ in range(FORGOTTEN):
            if not database.write(sweep):
                break


def settle_silence(_app: Flask, database: Database) -> None:
    """Settle the quote checks whose deadline has passed: under "facts only", silence means consent."""
    with database.read() as session:
        overdue = editing.overdue_checks(session)
    for answer_id in overdue:

        def settle(session: Session, answer_id: int = answer_id) -> None:
            answer = lock_row(session, session.get_one(Answer, answer_id))
            if answer.is_checking:
                editing.settle_check(session, Clock(), answer, "silent")

        database.write(settle)


def plan_ahead(_app: Flask, database: Database) -> None:
    database.write(lambda session: planning.plan_all(session, Clock()))


def tidy(_app: Flask, database: Database) -> None:
    """Delete what has expired: readers' addresses, sign-in links, uploads, drafts, and the like (`SWEEPS`)."""
    for sweep in SWEEPS:
        database.write(sweep)


SWEEPS: tuple[Callable[[Session], Any], ...] = (
    forget_overdue,
    sign_in.sweep,
    uploads.sweep,
    writing.delete_old_drafts,
    translators.sweep,
    form_drafts.sweep,
    held_presses.sweep,
    idempotency.sweep,
    calling.sweep,
)


def keep_erasures(app: Flask, database: Database) -> None:
    """Append new erasures to the list outside the database, which survives a restore."""
    _keeper(Path(app.config["ERASURES"])).keep(database)


@dataclass(frozen=True)
class Duty:
    """A recurring task of the worker. `part` is one of `sightings.PARTS`; `every` is its interval in seconds."""

    part: str
    name: str
    every: float
    do: Callable[[Flask, Database], Any]


DUTIES = (
    Duty("intake", "fetch mail", 60, fetch),
    Duty("intake", "place mail", 0.5, place),
    Duty("sending", "deliver mail", 1, deliver),
    Duty("indexing", "index", 1, lambda _app, database: index_due(database)),
    Duty("indexing", "look for look-alikes", 1, lambda _app, database: look_alike_flags.flag_new_letters(database)),
    Duty("indexing", "translate letters", 2, translate_letters),
    Duty("indexing", "sort waiting letters", 60, lambda _app, database: crowds.sort_waiting(database)),
    Duty("clock", "file crowds", 10, lambda _app, database: crowds.file_due_sweeps(database)),
    Duty("clock", "settle silence", 15, settle_silence),
    Duty("clock", "tell the desk", 60, lambda _app, database: alarms.raise_alarms(database)),
    Duty("clock", "morning mails", 60, lambda _app, database: digest.send_digests(database)),
    Duty("clock", "tell of letters", 300, lambda _app, database: program_messages.notify_waiting_letters(database)),
    Duty("clock", "climb ladders", 15, lambda _app, database: ladder.climb(database, invitations.invite_next)),
    Duty("clock", "remind experts", 900, lambda _app, database: reminders.remind(database)),
    Duty("clock", "end pauses", 60, lambda _app, database: pausing.end_pauses(database)),
    Duty("clock", "plan editions", 3_600, plan_ahead),
    Duty("clock", "count for insights", 60, lambda _app, database: weekly_counts.count_due(database)),
    Duty("telling", "tell other programs", 1, tell_programs),
    Duty(
        "telling",
        "make drafts",
        1,
        lambda app, database: handoff.process_due_handoffs(database, app.config["OWN_HOSTS"]),
    ),
    Duty("forgetting", "tidy up", 3_600, tidy),
    Duty("forgetting", "keep the list of erasures", 10, keep_erasures),
    Duty("forgetting", "extend the chain", 10, lambda _app, database: chain.extend(database)),
    Duty("forgetting", "destroy old mail", 3_600, destroy_old),
    Duty("forgetting", "forget the order", 600, lambda _app, database: forget_order(database)),
    Duty("forgetting", "forget old words", 3_600, forget_old),
    Duty("forgetting", secure_delete.EMPTY_LOG, 10, lambda _app, database: secure_delete.empty_log(database)),
    Duty("forgetting", secure_delete.REWRITE, 600, lambda _app, database: _rewriter().rewrite(database)),
)


def run(app: Flask, run_once: bool = False, stop: threading.Event | None = None) -> None:
    """Run every duty when it is due, until SIGTERM, SIGINT or `stop`; with `run_once`, run each once and return.

    A failing duty is logged by the name of its error and tried again, without affecting the others. Each part has a
    thread, and so has each mailbox, which learns of new mail at once (IMAP IDLE).
    """
    database: Database = app.extensions["database"]
    _breaker.cache_clear()
    if run_once:
        _run_duties(app, DUTIES, done := Counter[str]())
        _beat(database, done)
        return
    stop = stop or threading.Event()
    signals: list[int] = []  # a handler must not take a lock such as that of `stop`: it may interrupt its holder
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _: signals.append(number))
    imap.watch_all(database, app.config["MAILBOXES"], stop)
    parts = [Thread(target=_run_part, args=(app, part, stop), name=part, daemon=True) for part in sightings.PARTS]
    for part in parts:
        part.start()
    while not signals and not stop.wait(LISTEN):
        pass
    stop.set()
    until = time.monotonic() + PARTING
    for part in parts:
        part.join(max(0.0, until - time.monotonic()))


def _run_part(app: Flask, part: str, stop: threading.Event) -> None:
    """Run the duties of a part when they are due, until `stop` is set."""
    duties = [duty for duty in DUTIES if duty.part == part and duty.do is not fetch]
    due, beat_at = dict.fromkeys(duties, 0.0), 0.0
    done: Counter[str] = Counter()
    changes = CommitDetector(app.extensions["database"])
    looked: dict[Duty, tuple[object, float]] = {}  # the change marker of its last run, and until when that counts
    while not stop.is_set():
        for duty in duties:
            if due[duty] <= time.monotonic() and not stop.is_set():
                due[duty] = time.monotonic() + duty.every
                if duty.every <= OFTEN:
                    written, (before, enough) = changes.read_marker(), looked.get(duty, (None, 0.0))
                    if written == before and time.monotonic() < enough:
                        continue
                    looked[duty] = written, time.monotonic() + IDLE
                _run_duties(app, [duty], done)
        if beat_at <= time.monotonic():
            failed = any(name.startswith(sightings.FAILED) for name in done)
            beat_at = time.monotonic() + (min(MENDED, BEAT) if failed else BEAT)
            done[sightings.PART + part] += 1
            _beat(app.extensions["database"], done)
        stop.wait(max(0.05, min(due.values()) - time.monotonic()))
    changes.close()


def _run_duties(app: Flask, duties: Sequence[Duty], counts: Counter[str]) -> None:
    """Run each duty once, and count successes and failures in `counts`."""
    for duty in duties:
        counts[
            (sightings.DUTY if _run_duty(duty, app, app.extensions["database"]) else sightings.FAILED) + duty.name
        ] += 1


def _run_duty(duty: Duty, app: Flask, database: Database) -> bool:
    """Run a duty once, and return whether it succeeded. An unreachable mail server doesn't count as a failure, which
    would take the pages offline too (`/readyz`): `readers-asked doctor` and the outbox report late mail.
    """
    try:
        with app.app_context():
            duty.do(app, database)
    except Held:
        log.info("%s: the mail server can't be talked to, and is tried again soon", duty.name)
        return True
    except Exception as error:
        if is_busy(error):
            log.warning("%s: the database was busy", duty.name)
        else:
            cause = SCHEMA_MISMATCH if is_schema_mismatch(error) else type(error).__name__
            log.error("%s: %s", duty.name, cause, extra={"fault": fault_as_data(error), "duty": duty.name})
        return False
    return True


def _beat(database: Database, counts: Counter[str]) -> None:
    """Store how often each duty succeeded or failed, and that its part is alive; then reset the counts."""
    try:
        database.write(lambda session: sightings.record_sightings(session, counts))
    except Exception as error:  # `doctor` reports it if it lasts
        log.warning("the worker's signs of life: %s", type(error).__name__)
    else:
        counts.clear()
