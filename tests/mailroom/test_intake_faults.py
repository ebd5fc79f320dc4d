"""What can go wrong while mail comes in: killed workers, a locked database, the same mail again and again. Nothing is lost.

Each test is seeded and prints what it counted (`pytest -s`).
"""

import io
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.db import sqlite
from app.db.engine import Database
from app.letters.models import Letter
from app.mail import inbound
from app.mail.models import Inbound
from app.mail.reading import ParserClient
from app.mailroom import imap, pipe, webhook
from app.mailroom.placing import Settings, place_due
from app.newsletters.models import Newsletter
from app.settings.mail_accounts import parse_mailboxes
from tests.support.mail_servers import Dovecot, dovecot, lmtp_server
from tests.support.mailroom import LmtpClient, build_webhook_headers
from tests.support.sample_newsroom import Newsroom
from tests.support.waiting import WAIT_TIMEOUT, wait_until

ROOT = Path(__file__).parent.parent.parent
MAILS = 300
# Half a second each on PostgreSQL, where what is ours is the same.
KILLS = {"sqlite": 60, "postgresql": 30}
# How a worker reads, and after how many seconds at most it is killed. Most die as they begin, when they fetch or claim; some
# get as far as placing; and now and then one reads in a process of its own, as the product does, which has to start first.
LIVES = (*[("here", 0.1)] * 7, *[("here", 1.4)] * 2, ("apart", 1.8))
REFUSALS = 3  # by each way in, while the database is locked
SECRET = "the provider and the newsroom know it"


def letter(number: int) -> bytes:
    """One reader's mail, unlike all others."""
    return (
        f"From: Reader {number} <reader{number}@reader.example>\r\nTo: ask@steppe.example\r\n"
        f"Subject: Salt {number}\r\nDate: Tue, 4 Jan 2022 10:{number % 60:02}:00 +0000\r\n"
        f"Message-ID: <{number}@reader.example>\r\n\r\n"
        f"Why is the salt rising in village number {number} and not in the next one?\r\n"
    ).encode()


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecot() as running:
        yield running


@pytest.fixture
def desk(database: Database, newsroom: Newsroom) -> Newsroom:
    """The Steppe Letter, which takes mail at ask@steppe.example."""

    def take_mail(session: object) -> None:
        session.get_one(Newsletter, newsroom.newsletter_id).inbox = "ask@steppe.example"  # type: ignore[attr-defined]

    database.write(take_mail)
    return newsroom


def places(database: Database) -> dict[str, int]:
    """How many mails stand in each place; places without any are left out."""
    with database.read() as session:
        return {name: number for name, number in inbound.count_by_place(session).items() if number}


def letters(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(Letter)) or 0


def place_all(database: Database) -> None:
    with ParserClient(10) as reading:
        while place_due(database, reading, Settings()):
            pass  # however long that takes; then what a killed worker has leased
        wait_until(lambda: not place_due(database, reading, Settings()) and "stored" not in places(database), "places")


@contextmanager
def lives(url: str, address: str) -> Iterator[Callable[[str, Callable[[], object]], None]]:
    """Lives of a worker: called with how it reads, and with what is waited for until it is killed."""
    command = (sys.executable, "-m", "tests.support.killed_intake", url, address)
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as mother:
        assert mother.stdin is not None
        assert mother.stdout is not None

        def live(reading: str, wait: Callable[[], object]) -> None:
            print(reading, file=mother.stdin, flush=True)
            number = int(mother.stdout.readline())
            wait()
            os.kill(number, signal.SIGKILL)
            assert mother.stdout.readline() == "gone\n"

        yield live
        mother.stdin.close()


def test_a_worker_that_is_killed_again_and_again_loses_nothing_and_doubles_nothing(
    server: Dovecot, database: Database, desk: Newsroom, capsys: pytest.CaptureFixture[str]
) -> None:
    """300 mails come to a server; a worker that fetches and places them is killed (SIGKILL) at random moments."""
    chance, counted = random.Random(20221102), Counter[str]()
    name = "sqlite" if database.is_sqlite else "postgresql"
    user, kills = f"kill-{name}", KILLS[name]
    come, address = sorted(chance.randrange(kills) for _ in range(MAILS)), server.mailbox_url(user)
    with lives(database.url, address) as live, server.connect(user) as mailbox:
        for number in range(kills):
            for mail in (at for at, life in enumerate(come) if life == number):
                mailbox.append("INBOX", letter(mail))
            before, (reading, longest) = places(database), LIVES[number % len(LIVES)]
            live(reading, partial(time.sleep, chance.uniform(0, longest)))
            counted["had stored or placed something"] += places(database) != before
            counted["had a mail in hand"] += count_leased(database) > 0
        if not counted["had a mail in hand"]:  # chance never hit it then, as on a quick machine
            mailbox.append("INBOX", letter(len(come)))
            come.append(kills)
            live("apart", partial(wait_until, lambda: count_leased(database) > 0, "a mail in hand"))
            counted["had a mail in hand"] += count_leased(database) > 0
    by_then = places(database)
    with capsys.disabled():
        print(f"\n{kills} kills of a worker; when it was killed, it {dict(counted)}; by then {by_then}", end="")
    imap.poll(database, *parse_mailboxes(address))
    place_all(database)
    left = server.count_mails(user)
    with capsys.disabled():
        print(f"; in the end {places(database)}, {letters(database)} letters, {left} left on the server", end="")
    assert (places(database), letters(database), left) == ({"letter": len(come)}, len(come), 0)
    # It was killed while it did something, and killed or not it got on.
    assert min(*counted.values(), by_then.get("letter", 0)) >= kills // 40


def count_leased(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).where(Inbound.leased_until.is_not(None))) or 0


RELAYED = b"Received: from a by b; Tue, 4 Jan 2022 10:%d:00 +0000\r\nDelivered-To: ask@steppe.example\r\n"


def test_the_same_mail_five_times_is_one_letter(
    server: Dovecot, database: Database, desk: Newsroom, capsys: pytest.CaptureFixture[str]
) -> None:
    """By IMAP under two UIDVALIDITYs, by LMTP on two ways and by pipe, while two workers place at the same time."""
    user = f"five-{'sqlite' if database.is_sqlite else 'postgresql'}"
    (box,) = parse_mailboxes(server.mailbox_url(user, keep="1"))
    server.append_mails(user, letter(1))
    imap.poll(database, box)
    server.reset_uids(user)
    imap.poll(database, box)
    with lmtp_server(database) as port:
        mx = LmtpClient(port)
        for way in (11, 22):
            mx.deliver(RELAYED % way + letter(1) + b".\r\n", "ask@steppe.example")
        mx.close()
    pipe.receive(
        database, io.BytesIO(letter(1).replace(b"\r\n", b"\n")), "ask@steppe.example", "reader1@reader.example"
    )
    assert places(database) == {"stored": 5}
    workers = [threading.Thread(target=place_all, args=(database,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(WAIT_TIMEOUT)
    with capsys.disabled():
        print(f"\nthe same mail five times, two workers: {places(database)}, {letters(database)} letter", end="")
    assert (places(database), letters(database)) == ({"letter": 1, "duplicate": 4}, 1)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_while_the_database_is_locked_every_way_in_says_later_and_then_all_arrives(
    app: Flask,
    database: Database,
    newsroom: Newsroom,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Somebody else writes until each sender was refused three times; each comes again, and keeps its mail until then."""
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT", 1_000)
    for opened in (database, app.extensions["database"]):
        opened.close()  # new connections wait no longer than that
    app.config["MAIL_WEBHOOK_SECRET"] = SECRET
    provider = app.test_client()

    def by_lmtp(port: int) -> str:
        mx = LmtpClient(port)
        (reply,) = mx.deliver(letter(1) + b".\r\n", "ask@steppe.example")
        mx.close()
        return reply[:3]

    def by_pipe() -> str:
        return str(int(pipe.receive(database, io.BytesIO(letter(2)), None, None)[0]))

    def by_webhook() -> str:
        signed = build_webhook_headers(letter(3), key=SECRET.encode())
        answer = provider.post(webhook.path(SECRET), data=letter(3), headers=signed, content_type="message/rfc822")
        return f"{answer.status_code} {answer.headers.get('Retry-After', '')}".strip()

    def insist(way: Callable[[], str], taken: str) -> list[str]:
        said = [way() for _ in range(REFUSALS)]
        all_refused.wait(2 * WAIT_TIMEOUT)
        while said[-1] != taken:
            said.append(way())
        return said

    other = sqlite3.connect(database.url.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    all_refused = threading.Barrier(3, action=other.rollback)
    with lmtp_server(database) as port, ThreadPoolExecutor(3) as senders:
        heard = [
            senders.submit(insist, *way)
            for way in ((lambda: by_lmtp(port), "250"), (by_pipe, "0"), (by_webhook, "200"))
        ]
        answers = [sender.result(3 * WAIT_TIMEOUT) for sender in heard]
    other.close()
    with capsys.disabled():
        print(f"\nlocked until each was refused {REFUSALS} times; LMTP, pipe and webhook said {answers}", end="")
    assert min(len(said) for said in answers) > REFUSALS
    assert [set(said[:-1]) for said in answers] == [{"451"}, {"75"}, {"503 30"}]
    assert places(database) == {"stored": 3}
