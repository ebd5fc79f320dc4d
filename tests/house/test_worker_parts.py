"""A mail server that keeps silent, or says a word now and then, holds up nothing but what it is asked for."""

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import select

from app.core.clock import utc_now
from app.db.engine import Database
from app.db.fault_kinds import Busy
from app.letters.models import Letter
from app.mail import delivery, outbox
from app.mail.delivery import Breaker, BreakerOpen, deliver_due
from app.mail.message import Message
from app.mail.models import OutboxMail
from app.mail.sending import transport
from app.server import worker
from app.settings.mail_accounts import parse_mailboxes
from app.watching import sightings
from tests.support.incoming_mails import mail
from tests.support.mailroom import NewsletterMailroom
from tests.support.sample_newsroom import Newsroom
from tests.support.smtp_servers import SILENCE, TRICKLE, SmtpServer, create_mail_app, run_smtp_server
from tests.support.waiting import WAIT_TIMEOUT, wait_until

MAIL = Message("expert.letter", "leyla@field.example", "Leyla", "Salt", "Dear Leyla", "en", "Nora Lind")


def queue_mails(database: Database, number: int) -> None:
    for one in range(number):
        database.write(lambda s, one=one: outbox.put(s, replace(MAIL, to=f"expert{one}@field.example")) and None)


def states(database: Database) -> Counter[tuple[str | None, int, str | None]]:
    with database.read() as session:
        return Counter((mail.state, mail.attempts, mail.said) for mail in session.scalars(select(OutboxMail)))


@contextmanager
def at_work(app: Flask, monkeypatch: pytest.MonkeyPatch, beat: float = 0.2) -> Iterator[None]:
    """The worker in a thread, as long as the block lasts; it writes down what it did five times a second, or each `beat`."""
    monkeypatch.setattr(worker, "HEARTBEAT_INTERVAL", beat)
    monkeypatch.setattr(worker, "STOP_TIMEOUT", 0.1)
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(app,), kwargs={"stop": stop})
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def rounds(database: Database, duty: str) -> int:
    with database.read() as session:
        found = sightings.list_by_prefix(session, sightings.DUTY).get(duty)
        return found.number if found else 0


def sends_by(app: Flask, server: SmtpServer, seconds: float = 10 * WAIT_TIMEOUT) -> None:
    where = {"MAIL_SERVER": "127.0.0.1", "MAIL_PORT": server.port, "MAIL_TIMEOUT": seconds}
    app.config.update(MAIL_TRANSPORT="smtp", MAIL_SUPPRESS_SEND=False, **where)


@pytest.mark.threat("silent servers")
@pytest.mark.parametrize("answer", [SILENCE, TRICKLE], ids=["silent", "trickling"])
def test_mail_comes_in_and_duties_are_done_while_a_mail_server_keeps_us_waiting(
    app: Flask, database: Database, newsroom: Newsroom, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = NewsletterMailroom(database, newsroom)
    queue_mails(database, 3)
    with run_smtp_server() as server:
        server.replies["EHLO"] = answer
        sends_by(app, server)
        with at_work(app, monkeypatch):
            wait_until(lambda: server.commands == ["EHLO"], "the first mail on its way")
            began = time.monotonic()
            room.store_mail(mail())
            wait_until(lambda: bool(letters(database)), "the letter")
            wait_until(lambda: letters(database) == ["indexed"], "its place in the index")
            assert time.monotonic() - began < WAIT_TIMEOUT
            wait_until(
                lambda: rounds(database, "keep the list of erasures") > 1, "the clock's next round"
            )  # every ten seconds
            assert (server.commands, rounds(database, "deliver mail")) == (["EHLO"], 0)
            server.stop.set()


def letters(database: Database) -> list[str]:
    with database.read() as session:
        rows = session.scalars(select(Letter))
        return ["indexed" if letter.indexed_version == letter.version else "new" for letter in rows]


@pytest.mark.threat("silent servers")
def test_a_silent_mailbox_keeps_no_mail_from_going_out(
    app: Flask, database: Database, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue_mails(database, 3)
    with run_smtp_server() as server, socket.create_server(("127.0.0.1", 0)) as silent:
        sends_by(app, server)
        mailbox = f"imap://user:secret@127.0.0.1:{silent.getsockname()[1]}/INBOX"
        app.config["MAILBOXES"] = parse_mailboxes(mailbox, None)
        with at_work(app, monkeypatch):
            line, _ = silent.accept()
            with line:
                wait_until(lambda: len(server.mails) == 3, "the mails")


@pytest.mark.threat("silent servers")
@pytest.mark.parametrize("step", ["GREETING", "EHLO", "MAIL", "DATA", "END"])
def test_a_server_that_says_a_word_now_and_then_has_no_more_time_than_a_silent_one(
    database: Database, step: str
) -> None:
    queue_mails(database, 1)
    with run_smtp_server() as server:
        server.replies[step] = TRICKLE
        began = time.monotonic()
        deliver_due(database, transport(create_mail_app(MAIL_PORT=server.port, MAIL_TIMEOUT=1.0)))
        assert time.monotonic() - began < 10.0
        server.stop.set()
    assert states(database) == {("queued", 1, "the server kept silent for too long"): 1}


@pytest.mark.threat("silent servers")
def test_a_server_that_cannot_be_talked_to_is_tried_with_one_mail_and_the_others_stay_as_they_are(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaker, asked = Breaker(), time.monotonic
    queue_mails(database, 4)
    with run_smtp_server() as server:
        send = transport(create_mail_app(MAIL_PORT=server.port, MAIL_TIMEOUT=0.5))
        patient = transport(create_mail_app(MAIL_PORT=server.port, MAIL_TIMEOUT=WAIT_TIMEOUT))
        server.replies["GREETING"] = SILENCE
        for _ in range(2):  # the second comes too early, and calls nobody
            with pytest.raises(BreakerOpen):
                deliver_due(database, send, breaker=breaker)
        waits = ("queued", 1, "the server kept silent for too long")
        assert states(database) == {waits: 1, ("queued", 0, None): 3}
        server.replies = {}
        monkeypatch.setattr(delivery.time, "monotonic", lambda: asked() + delivery.FIRST_PAUSE)
        assert deliver_due(database, patient, breaker=breaker) == {"sent": 3}
    assert states(database) == {waits: 1, ("sent", 1, None): 3}


def failures(database: Database) -> dict[str, int]:
    """How often each duty has failed of which it isn't written down that it was done since."""
    with database.read() as session:
        done, failed = (sightings.list_by_prefix(session, start) for start in (sightings.DUTY, sightings.FAILED))
    return {name: row.number for name, row in failed.items() if name not in done or done[name].seen_at < row.seen_at}


def test_a_mail_server_that_is_gone_is_no_fault_of_the_worker(
    app: Flask, database: Database, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue_mails(database, 2)
    with run_smtp_server() as server:
        server.replies["GREETING"] = b"421 not now"
        sends_by(app, server)
        with at_work(app, monkeypatch):
            wait_until(lambda: rounds(database, "deliver mail") > 1, "a round in which no mail may go")
            assert sorted(attempts for _state, attempts, _said in states(database)) == [0, 1]
            assert failures(database) == {}


def test_that_a_duty_failed_once_is_taken_back_soon(
    app: Flask, database: Database, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[bool] = []

    def fails_once(_app: Flask, _database: Database) -> None:
        tries.append(True)
        if len(tries) == 1:
            raise Busy("somebody wrote")

    duties = (
        replace(one, interval=0.2, run=fails_once) if one.name == "morning mails" else one for one in worker.DUTIES
    )
    monkeypatch.setattr(worker, "DUTIES", tuple(duties))
    monkeypatch.setattr(worker, "HEARTBEAT_AFTER_FAILURE", 0.3)
    with at_work(app, monkeypatch, beat=600.0):
        wait_until(lambda: failures(database) == {"morning mails": 1}, "the failure")
        wait_until(lambda: failures(database) == {}, "the round after it")


def test_the_pause_grows_to_a_minute_and_ends_with_the_first_word_about_a_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    breaker, at = Breaker(), [0.0]
    monkeypatch.setattr(delivery.time, "monotonic", lambda: at[0])
    pauses = []
    for _ in range(4):
        breaker.record(delivery.Unreachable("silence"))
        began = at[0]
        while breaker.is_open:
            at[0] += 1.0
        pauses.append(at[0] - began)
    assert pauses == [15.0, 30.0, 60.0, 60.0]
    breaker.record(delivery.Transient("451 greylisted"))
    assert not breaker.is_open


@pytest.mark.threat("silent servers")
def test_a_batch_begins_no_further_mail_once_its_time_is_over(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed, asked = [0.0], time.monotonic
    monkeypatch.setattr(delivery.time, "monotonic", lambda: asked() + passed[0])
    queue_mails(database, 3)

    def slow(_message: Message, _message_id: str) -> None:
        passed[0] += delivery.BATCH_SECONDS

    assert [deliver_due(database, slow) for _ in range(4)] == [{"sent": 1}, {"sent": 1}, {"sent": 1}, {}]


def test_each_part_writes_down_that_it_lives(
    app: Flask, database: Database, newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lives() -> set[str]:
        with database.read() as session:
            return set(sightings.list_by_prefix(session, sightings.PART))

    assert {duty.part for duty in worker.DUTIES} == set(sightings.PARTS)
    began = utc_now()
    with at_work(app, monkeypatch):
        wait_until(lambda: lives() == set(sightings.PARTS), "signs of life")
    with database.read() as session:
        assert min(row.seen_at for row in sightings.list_by_prefix(session, sightings.PART).values()) >= began
