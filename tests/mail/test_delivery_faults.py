"""Whatever a mail server does, and whenever a worker is killed: no mail is lost, and none is doubled without a reason."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

import app.models  # noqa: F401 - a forked worker knows all tables
from app.crypto.seal import Keys
from app.db.engine import Database
from app.mail import outbox
from app.mail.delivery import LEASE, deliver_due
from app.mail.message import Message
from app.mail.models import OutboxMail
from app.mail.sending import transport
from tests.support.app import BASE_URL, SECRETS
from tests.support.processes import FORKSERVER
from tests.support.smtp_servers import (
    RESET,
    SILENCE,
    create_mail_app,
    create_self_signed_certificate,
    get_message_id,
    run_smtp_server,
    start_smtp_process,
)
from tests.support.waiting import WAIT_TIMEOUT, wait_until

MONDAY = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
MAIL = Message(
    kind="expert.invitation",
    to="leyla@field.example",
    to_name="Leyla Aydın",
    subject="Readers’ question on “Salt”",
    text="Dear Leyla,\n\nwho measures the salt?\n",
    language="en",
    from_name="Nora Lind",
    from_address="nora@steppe.example",
    reply_to="nora@steppe.example",
)


def queue_mails(database: Database, count: int = 1) -> list[str]:
    """So many mails, each to a recipient of its own; gives their Message-IDs."""

    def fn(session: Any) -> list[str]:
        letters = [replace(MAIL, to=f"expert{number}@field.example") for number in range(count)]
        return [mail.message_id for one in letters if (mail := outbox.put(session, one)) is not None]

    return database.write(fn, at=MONDAY)


def row(database: Database) -> tuple[str | None, int, str | None]:
    with database.read() as session:
        mail = session.scalars(select(OutboxMail)).one()
        return mail.state, mail.attempts, mail.said


WAITS, ENDS, GOES = "queued", "failed", "sent"
# What the server does, and what becomes of the mail.
FAULTS: list[tuple[str, dict[str, bytes | None], str, str | None]] = [
    ("busy at the greeting", {"GREETING": b"421 4.3.2 too busy"}, WAITS, "421 4.3.2 too busy"),
    ("local error at the recipient", {"RCPT": b"451 4.3.0 local error"}, WAITS, "451 4.3.0 local error"),
    ("greylisted by name", {"RCPT": b"451 <expert0@field.example> greylisted"}, WAITS, "451 <…> greylisted"),
    ("no room at the text", {"DATA": b"452 4.3.1 no room"}, WAITS, "452 4.3.1 no room"),
    ("no such recipient", {"RCPT": b"550 5.1.1 <expert0@field.example>: no expert0"}, ENDS, "550 5.1.1 <…>: no …"),
    ("too large after the text", {"END": b"552 5.3.4 too large"}, ENDS, "552 5.3.4 too large"),
    ("silence after the text", {"END": SILENCE}, WAITS, "the server kept silent for too long"),
    ("silence at the greeting", {"GREETING": SILENCE}, WAITS, "the server kept silent for too long"),
    ("cut off at the recipient", {"RCPT": RESET}, WAITS, "the server ended the connection"),
    ("cut off after the final dot", {"END": RESET}, WAITS, "the server ended the connection"),
    ("cut off after its 250", {"QUIT": RESET}, GOES, None),
]


@pytest.mark.parametrize(
    ("answers", "state", "message"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS]
)
def test_what_a_server_does_and_what_becomes_of_the_mail(
    database: Database, answers: dict[str, bytes | None], state: str, message: str | None
) -> None:
    [message_id] = queue_mails(database)
    with run_smtp_server() as server:
        send = transport(create_mail_app(MAIL_PORT=server.port, MAIL_TIMEOUT=WAIT_TIMEOUT))
        soon_over = transport(create_mail_app(MAIL_PORT=server.port, MAIL_TIMEOUT=0.3))
        server.replies = answers
        deliver_due(database, soon_over if SILENCE in answers.values() else send, now=MONDAY)
        assert row(database) == (state, 1, message)
        before = len(server.mails)
        server.replies = {}
        deliver_due(database, send, now=MONDAY + timedelta(minutes=6))
        assert row(database) == (("sent", 2, None) if state == WAITS else (state, 1, message))
        # Only the server that was cut off between the dot and its answer has it twice, and can tell by the Message-ID.
        assert (before, {get_message_id(raw) for _, _, raw in server.mails}) == (
            1 if "END" in answers and answers["END"] is RESET or state == GOES else 0,
            {message_id} if state != ENDS else set(),
        )


def test_a_server_that_is_down_costs_an_attempt(database: Database) -> None:
    queue_mails(database)
    with run_smtp_server() as gone:
        port = gone.port
    deliver_due(database, transport(create_mail_app(MAIL_PORT=port)), now=MONDAY)
    assert row(database) == (WAITS, 1, "Connection refused")


@pytest.mark.threat("network observer")
def test_a_server_that_proves_nothing_gets_no_mail_and_no_password(database: Database, tmp_path: Path) -> None:
    queue_mails(database)
    settings = {"MAIL_USE_TLS": True, "MAIL_USERNAME": "desk", "MAIL_PASSWORD": "secret"}
    with run_smtp_server(create_self_signed_certificate(tmp_path)) as server:
        deliver_due(database, transport(create_mail_app(MAIL_PORT=server.port, **settings)), now=MONDAY)
        assert server.commands == ["EHLO", "STARTTLS"]
    assert row(database) == (WAITS, 1, "the server's certificate can't be trusted: self-signed certificate")


def test_a_sign_in_that_fails_says_nothing_about_the_mail(database: Database) -> None:
    queue_mails(database)
    with run_smtp_server() as server:
        server.replies["AUTH"] = b"535 5.7.8 not you"
        settings = {"MAIL_USERNAME": "desk", "MAIL_PASSWORD": "secret"}
        deliver_due(database, transport(create_mail_app(MAIL_PORT=server.port, **settings)), now=MONDAY)
        assert "MAIL" not in server.commands
    assert row(database) == (WAITS, 1, "535 5.7.8 not you")


def work(url: str, port: int, start: datetime, ready_connection: Connection, stays: bool) -> None:
    """A worker: hands over what is due, and, where it stays, waits for more until it is killed."""
    database = Database(url, Keys(SECRETS), BASE_URL)
    send = transport(create_mail_app(MAIL_PORT=port))
    ready_connection.send(None)
    while deliver_due(database, send, now=start) or stays:
        time.sleep(0.002)
    database.close()


def start_worker(url: str, port: int, start: datetime, stays: bool = False) -> Any:
    here, there = FORKSERVER.Pipe(duplex=False)
    process = FORKSERVER.Process(target=work, args=(url, port, start, there, stays))
    process.start()
    there.close()
    assert here.poll(WAIT_TIMEOUT), "the worker did not come up"
    here.recv()
    return process


class Notes:
    """What the server has written down."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self, kind: str) -> list[list[str]]:
        text = self.path.read_text() if self.path.exists() else ""
        return [words[1:] for line in text.splitlines() if (words := line.split()) and words[0] == kind]

    def list_taken(self) -> list[str]:
        """The Message-IDs of all that was taken, once nobody talks to the server any more."""
        wait_until(
            lambda: len(self.lines("opened")) == len(self.lines("closed")), "the end of all connections", pause=0.002
        )
        return [message_id for message_id, _ in self.lines("took")]


@pytest.fixture
def notes(tmp_path: Path) -> Notes:
    return Notes(tmp_path / "notes")


@pytest.fixture
def port(notes: Notes) -> Iterator[int]:
    with start_smtp_process(notes.path) as port:
        yield port


def list_sent(database: Database) -> set[str]:
    with database.read() as session:
        return set(session.scalars(select(OutboxMail.message_id).where(OutboxMail.state == "sent")))


def test_four_workers_at_once_send_each_of_two_hundred_mails_once(
    database: Database, database_url: str, notes: Notes, port: int
) -> None:
    mails = queue_mails(database, 200)
    processes = [start_worker(database_url, port, MONDAY) for _ in range(4)]
    for process in processes:
        process.join(2 * WAIT_TIMEOUT)
    assert [process.exitcode for process in processes] == [0] * 4
    assert Counter(notes.list_taken()) == Counter(mails)
    assert list_sent(database) == set(mails)


MAILS = 300
# Half a second each on PostgreSQL, where what is ours is the same.
KILLS = {"sqlite": 60, "postgresql": 30}


def test_a_worker_killed_again_and_again_loses_nothing_and_doubles_only_what_it_could_not_note(
    database: Database, database_url: str, notes: Notes, port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each life begins when the leases of the last one are over. A mail that the server has and the outbox does not know
    of after a kill is one that will be sent once more; nothing else may be."""
    mails, chance, at = queue_mails(database, MAILS), random.Random(16), MONDAY
    kills = KILLS["sqlite" if database.is_sqlite else "postgresql"]
    between, alive, known = 0, 0.0, 0
    for kills_left in range(kills, 0, -1):
        at += LEASE + timedelta(seconds=1)
        process = start_worker(database_url, port, at, stays=True)
        # At most twice what a mail takes, and such that about a third of them is left for the last life.
        wanted = max(MAILS * 2 / 3 - len(list_sent(database)), 0) / kills_left
        life = chance.uniform(0, 2) * (alive / max(known, 1) or 0.01) * min(wanted, 1)
        time.sleep(life)
        process.kill()
        process.join()
        taken = notes.list_taken()
        between += len(set(taken[known:]) - list_sent(database))
        alive, known = alive + life, len(taken)
    at += LEASE + timedelta(seconds=1)
    left = MAILS - len(list_sent(database))
    last: Counter[str] = Counter()
    while some := deliver_due(
        database, transport(create_mail_app(MAIL_PORT=port)), now=at
    ):  # in batches of a few seconds
        last += some
    taken, recipients = notes.list_taken(), {recipient: message_id for message_id, recipient in notes.lines("took")}
    doubled = len(taken) - len(set(taken))
    with capsys.disabled():
        print(f"\n{kills} kills, {MAILS} mails, {left} left for the last life; between the server's 250 and the commit: "
              f"{between}; sent again: {doubled}, each under its Message-ID")  # fmt: skip
    assert last == Counter(sent=left)
    assert (sorted(set(taken)), sorted(recipients.values())) == (sorted(mails), sorted(mails))
    assert list_sent(database) == set(mails)
    assert doubled <= between <= kills
    assert 0 < left < MAILS
