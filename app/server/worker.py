"""The worker: a table of duties, each repeated at its interval until the worker is stopped.

The duties are grouped into parts. Each part has a thread, so that a mail server that doesn't respond delays neither the
filing of letters nor reminders.
"""

import logging
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
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
from ..audit.known_head import NO_HEAD, ChainBroken
from ..backup.erasure_list import ErasureListWriter, NotOurList, read_head
from ..core.actors import Clock
from ..db import secure_delete
from ..db.changes import CommitDetector
from ..db.engine import Database
from ..db.fault_kinds import SCHEMA_MISMATCH, TAKES_NO_CHANGES, NoRoom, is_schema_mismatch, may_succeed_later
from ..db.session import lock_row
from ..editions import handoff, planning
from ..forms import form_drafts, held_presses, idempotency
from ..letters import contacts, crowds, look_alike_flags, machine_translation
from ..mail.delivery import Breaker, BreakerOpen, deliver_due
from ..mail.models import OutboxMail
from ..mail.reading import ParserClient
from ..mail.sending import transport
from ..mailroom import imap, retention
from ..mailroom.batch import settings_of
from ..mailroom.placing import place_due
from ..people import api_tokens, sign_in, uploads
from ..programs import calling
from ..watching import sightings
from ..watching.redaction import fault_as_data
from ..workflows import asker_counts, invitations, program_messages
from ..workflows.indexing import index_due
from ..workflows.letters import making_room
from ..workflows.newsletters import pausing
from ..workflows.overview import alarms, digest, weekly_counts
from ..workflows.retention import erase_letters, erase_people, erase_published, open_letters
from ..workflows.retention.forget_order import forget_order

log = logging.getLogger(__name__)
_transport = cache(transport)
_erasure_list_writer = cache(ErasureListWriter)
_rewriter = cache(secure_delete.Rewriter)
_breaker = cache(lambda _server, _port: Breaker())  # one per mail server
_reading = cache(ParserClient)  # one process, which parses all mails

PARSE_TIMEOUT = 10.0  # seconds for parsing one mail; then the process is killed and the mail kept unparsed
MAILS_PER_RUN = 50  # mails filed in one run of a duty; then the other duties of its part get their turn
BATCHES_PER_RUN = 50  # batches erased in one run of a duty; then the other duties of its part get their turn
# While nothing is committed, a duty with an interval of up to FREQUENT seconds runs only every MAX_IDLE seconds, since
# work may become due by the time alone.
FREQUENT, MAX_IDLE = 1.0, 10.0
HEARTBEAT_INTERVAL = 60.0  # seconds between two records of what each part has done
HEARTBEAT_AFTER_FAILURE = 10.0  # seconds between them after a failure, so that `/readyz` soon reports the recovery
SIGNAL_INTERVAL = 0.5  # seconds between two checks for a signal: one that arrives just before a wait doesn't end it
STOP_TIMEOUT = 8.0  # seconds that running duties get when the worker is stopped; less than `processes.STOP_TIMEOUT`
NOTICES = ("reader.once", "reader.news")  # an acknowledgement is no notice: the notice is still to come


def forget_contact_after_notice(session: Session, mail: OutboxMail) -> None:
    """Erase a reader's address in the transaction that marks their notice as sent: no other mail to them follows."""
    if mail.letter_id is not None and mail.kind in NOTICES:
        contacts.forget(session, Clock(), mail.letter_id)


def forget_overdue(session: Session) -> None:
    """Erase the readers' addresses whose retention period has ended."""
    for letter_id in contacts.list_overdue_letter_ids(session):
        contacts.forget(session, Clock(), letter_id)


def deliver(app: Flask, database: Database) -> None:
    """Send the mails of the outbox that are due."""
    breaker = _breaker(app.config["MAIL_SERVER"], app.config["MAIL_PORT"])
    deliver_due(
        database,
        _transport(app),
        before_send=expert_mails.set_asked_others,
        after_send=forget_contact_after_notice,
        breaker=breaker,
    )


def call_webhooks(app: Flask, database: Database) -> None:
    """Make the due calls to other programs."""
    calling.deliver_due(database, program_messages.build_message, app.config["OWN_HOSTS"])


def fetch(app: Flask, database: Database) -> None:
    """Poll each mailbox once, for `worker --once`. Otherwise each mailbox has a thread instead (see `run`)."""
    for mailbox in app.config["MAILBOXES"]:
        try:
            imap.poll(database, mailbox)
        except Exception as error:  # the other mailboxes must still be polled
            log.warning("mailbox at %s: %s", mailbox.host, imap.error_name(error))


def place(app: Flask, database: Database) -> None:
    """File incoming mails that are waiting."""
    place_due(database, _reading(PARSE_TIMEOUT), settings_of(app.config), MAILS_PER_RUN)


def translate_letters(app: Flask, database: Database) -> None:
    """Translate the next letter whose translation was requested, if the settings name a server for it."""
    machine_translation.translate_next(database, app.config["TRANSLATION_SERVER"])


def destroy_old(_app: Flask, database: Database) -> None:
    """Delete the original bytes of mails whose retention period has ended."""
    database.write(retention.destroy_old)


def forget_old(_app: Flask, database: Database) -> None:
    """Erase texts and people whose retention period has ended, batch by batch."""
    open_letters.announce_erasures(database, BATCHES_PER_RUN)
    erase_letters.forget_letters(database, BATCHES_PER_RUN)
    for erase_batch in (erase_letters.sweep_others, erase_people.erase_due, erase_published.erase_due):
        for _ in range(BATCHES_PER_RUN):
            erased_count = database.write(erase_batch)
            if not erased_count:
                break


def settle_silence(_app: Flask, database: Database) -> None:
    """Settle the quote checks whose deadline has passed, by the rule "facts only": no reply means consent."""
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
    """Delete what has expired: readers' addresses, sign-in links, uploads, drafts and others (`CLEANUPS`)."""
    for sweep in CLEANUPS:
        database.write(sweep)


CLEANUPS: tuple[Callable[[Session], Any], ...] = (
    forget_overdue,
    sign_in.delete_expired,
    api_tokens.delete_expired,
    uploads.delete_expired,
    writing.delete_old_drafts,
    translators.delete_expired,
    form_drafts.delete_expired,
    held_presses.delete_expired,
    idempotency.delete_expired,
    calling.delete_expired,
)


def keep_erasures(app: Flask, database: Database) -> None:
    """Append new erasures to the list outside the database, and note the newest head of the trail's chain there."""
    _erasure_list_writer(Path(app.config["ERASURES"])).update(database)


def extend_chain(app: Flask, database: Database) -> None:
    """Chain new events, and note the new head at once; do nothing if the chain lacks the head that was noted last.

    That doesn't count as a failure, since `/readyz` would take the pages offline. `doctor` and the morning mail report
    it.
    """
    path = Path(app.config["ERASURES"])
    try:
        if chain.extend(database, known_head=read_head(path, database.keyring)):
            _erasure_list_writer(path).update(database)
    except ChainBroken as error:
        log.error("extend the chain: %s", error)


def send_digests(app: Flask, database: Database) -> None:
    """Queue the morning mails that are due. Without the list of erasures, they don't say whether the chain is whole."""
    known_head = NO_HEAD
    with suppress(OSError, NotOurList):  # `doctor` reports it
        known_head = read_head(Path(app.config["ERASURES"]), database.keyring)
    digest.send_digests(database, known_head=known_head)


@dataclass(frozen=True)
class Duty:
    """A recurring task of the worker. `part` is one of `sightings.PARTS`; `interval` is in seconds."""

    part: str
    name: str
    interval: float
    run: Callable[[Flask, Database], Any]


DUTIES = (
    Duty("intake", "fetch mail", 60, fetch),
    Duty("intake", "place mail", 0.5, place),
    Duty("sending", "deliver mail", 1, deliver),
    Duty("indexing", "index", 1, lambda _app, database: index_due(database)),
    Duty("indexing", "look for look-alikes", 1, lambda _app, database: look_alike_flags.flag_new_letters(database)),
    Duty("indexing", "translate letters", 2, translate_letters),
    Duty("indexing", "sort waiting letters", 60, lambda _app, database: crowds.rank_waiting_letters(database)),
    Duty("clock", "file crowds", 10, lambda _app, database: crowds.file_due_sweeps(database)),
    Duty("clock", "make room", 5, lambda _app, database: making_room.make_room(database)),
    Duty("clock", "settle silence", 15, settle_silence),
    Duty("clock", "tell the desk", 60, lambda _app, database: alarms.raise_alarms(database)),
    Duty("clock", "morning mails", 60, send_digests),
    Duty("clock", "tell of letters", 300, lambda _app, database: program_messages.notify_waiting_letters(database)),
    Duty("clock", "climb ladders", 15, lambda _app, database: ladder.climb(database, invitations.invite_next)),
    Duty("clock", "remind experts", 900, lambda _app, database: reminders.remind(database)),
    Duty("clock", "end pauses", 60, lambda _app, database: pausing.end_pauses(database)),
    Duty("clock", "plan editions", 3_600, plan_ahead),
    Duty("clock", "count for insights", 60, lambda _app, database: weekly_counts.count_due(database)),
    Duty("clock", "publish counts of readers", 60, lambda _app, database: asker_counts.publish_asker_levels(database)),
    Duty("telling", "tell other programs", 1, call_webhooks),
    Duty(
        "telling",
        "make drafts",
        1,
        lambda app, database: handoff.process_due_handoffs(database, app.config["OWN_HOSTS"]),
    ),
    Duty("forgetting", "tidy up", 3_600, tidy),
    Duty("forgetting", "keep the list of erasures", 10, keep_erasures),
    Duty("forgetting", "extend the chain", 10, extend_chain),
    Duty("forgetting", "destroy old mail", 3_600, destroy_old),
    Duty("forgetting", "forget the order", 600, lambda _app, database: forget_order(database)),
    Duty("forgetting", "forget old words", 3_600, forget_old),
    Duty("forgetting", secure_delete.EMPTY_LOG_DUTY, 10, lambda _app, database: secure_delete.empty_log(database)),
    Duty("forgetting", secure_delete.REWRITE_DUTY, 600, lambda _app, database: _rewriter().rewrite(database)),
)


def run(app: Flask, run_once: bool = False, stop: threading.Event | None = None) -> None:
    """Run every duty when it is due, until SIGTERM, SIGINT or `stop`; with `run_once`, run each once and return.

    If a duty fails, the name of its error is logged, and the duty is tried again; other duties aren't affected. Each
    part has a thread. Each mailbox has one too, which fetches new mail at once (IMAP IDLE).
    """
    database: Database = app.extensions["database"]
    _breaker.cache_clear()
    if run_once:
        counts = Counter[str]()
        for duty in DUTIES:
            _run_and_count(duty, app, counts)
        _record_heartbeat(database, counts)
        return
    stop = stop or threading.Event()
    signals: list[int] = []  # the handler must not set `stop`: it may interrupt a thread that holds the lock of `stop`
    if threading.current_thread() is threading.main_thread():
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signal_number, lambda received, _: signals.append(received))
    imap.watch_all(database, app.config["MAILBOXES"], stop)
    threads = [Thread(target=_run_part, args=(app, part, stop), name=part, daemon=True) for part in sightings.PARTS]
    for thread in threads:
        thread.start()
    while not signals and not stop.wait(SIGNAL_INTERVAL):
        pass
    stop.set()
    deadline = time.monotonic() + STOP_TIMEOUT
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))


def _run_part(app: Flask, part: str, stop: threading.Event) -> None:
    """Run the duties of a part when they are due, until `stop` is set."""
    database: Database = app.extensions["database"]
    # Mailboxes have their own threads, so the duty `fetch` isn't needed.
    duties = [duty for duty in DUTIES if duty.part == part and duty.run is not fetch]
    due_at = dict.fromkeys(duties, 0.0)  # all times here are by time.monotonic()
    heartbeat_at = 0.0
    counts: Counter[str] = Counter()
    idle_filter = _IdleFilter(database)
    while not stop.is_set():
        for duty in duties:
            if due_at[duty] <= time.monotonic() and not stop.is_set():
                due_at[duty] = time.monotonic() + duty.interval
                if idle_filter.start_run(duty):
                    _run_and_count(duty, app, counts)
        if heartbeat_at <= time.monotonic():
            has_failed = any(name.startswith(sightings.FAILED) for name in counts)
            interval = min(HEARTBEAT_AFTER_FAILURE, HEARTBEAT_INTERVAL) if has_failed else HEARTBEAT_INTERVAL
            heartbeat_at = time.monotonic() + interval
            counts[sightings.PART + part] += 1
            _record_heartbeat(database, counts)
        stop.wait(max(0.05, min(due_at.values()) - time.monotonic()))
    idle_filter.close()


class _IdleFilter:
    """Skips runs of frequent duties while nothing is committed; one for the thread of each part."""

    def __init__(self, database: Database) -> None:
        self._commits = CommitDetector(database)
        self._last_markers: dict[Duty, object] = {}  # the commit marker before the duty's last run
        self._run_by: dict[Duty, float] = {}  # when the duty runs even if nothing was committed

    def start_run(self, duty: Duty) -> bool:
        """Return whether the duty has to run now, and if so, record this as its last run.

        A run can be skipped if nothing was committed since the duty's last run, less than `MAX_IDLE` ago.
        """
        if duty.interval > FREQUENT:
            return True
        marker = self._commits.read_marker()
        if marker == self._last_markers.get(duty) and time.monotonic() < self._run_by.get(duty, 0.0):
            return False
        self._last_markers[duty] = marker
        self._run_by[duty] = time.monotonic() + MAX_IDLE
        return True

    def close(self) -> None:
        self._commits.close()


def _run_and_count(duty: Duty, app: Flask, counts: Counter[str]) -> None:
    """Run a duty once, and count its success or failure in `counts`."""
    has_succeeded = _run_duty(duty, app, app.extensions["database"])
    counts[(sightings.DUTY if has_succeeded else sightings.FAILED) + duty.name] += 1


def _run_duty(duty: Duty, app: Flask, database: Database) -> bool:
    """Run a duty once, and return whether it succeeded.

    An unreachable mail server doesn't count as a failure: `/readyz` reports failures, and would take the pages offline.
    `doctor` and the outbox report late mail.
    """
    try:
        with app.app_context():
            duty.run(app, database)
    except BreakerOpen:
        log.info("%s: the mail server can't be talked to, and is tried again soon", duty.name)
        return True
    except Exception as error:
        if may_succeed_later(error):
            log.warning("%s: the database was busy", duty.name)
        elif isinstance(error, NoRoom):
            log.error("%s: %s", duty.name, TAKES_NO_CHANGES)
        else:
            cause = SCHEMA_MISMATCH if is_schema_mismatch(error) else type(error).__name__
            log.error("%s: %s", duty.name, cause, extra={"fault": fault_as_data(error), "duty": duty.name})
        return False
    return True


def _record_heartbeat(database: Database, counts: Counter[str]) -> None:
    """Store how often each duty succeeded or failed, and that its part is running; then reset the counts."""
    try:
        database.write(lambda session: sightings.record_sightings(session, counts))
    except Exception as error:  # `doctor` reports if this goes on
        log.warning("the worker's signs of life: %s", type(error).__name__)
    else:
        counts.clear()
