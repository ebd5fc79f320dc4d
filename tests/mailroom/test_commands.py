"""`readers-asked mail ...`: what the person who runs the machines types, and what a mail server starts."""

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from app.db.engine import Database
from app.mail.models import Inbound
from app.mailroom import webhook
from app.settings.mail_accounts import parse_mailboxes
from tests.support import clock
from tests.support.app import BASE_URL, SECRETS
from tests.support.incoming_mails import QUESTION, mail
from tests.support.mailroom import LmtpClient, NewsletterMailroom, list_stored_mails
from tests.support.processes import reserve_port
from tests.support.sample_newsroom import Newsroom
from tests.support.waiting import WAIT_TIMEOUT

ROOT = Path(__file__).parent.parent.parent
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def room(database: Database, newsroom: Newsroom) -> NewsletterMailroom:
    return NewsletterMailroom(database, newsroom)


def run(app: Flask, *command: str, given: bytes = b"") -> tuple[int, str]:
    """The exit status and what was printed, without what went to standard error."""
    result = app.test_cli_runner().invoke(args=command, input=given)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout


@contextmanager
def start_command(*command: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command as a process of its own, ended at the end if it has not ended by itself."""
    child = subprocess.Popen(
        (sys.executable, "-m", "flask", "--app", "wsgi", *command), cwd=ROOT, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, env={**clock.clock_environment(), "PATH": os.environ["PATH"], **environment},
    )  # fmt: skip
    try:
        yield child
    finally:
        child.send_signal(signal.SIGTERM)
        child.communicate(timeout=WAIT_TIMEOUT)


def test_inspect_tells_what_would_become_of_a_mail_and_stores_nothing(app: Flask, room: NewsletterMailroom) -> None:
    status, printed = run(app, "mail", "inspect", given=mail(subject="Соль", Message_ID="<1@post.example>"))
    assert (status, json.loads(printed)) == (
        0,
        {
            "from_name": "Timur Aliev", "from_address": "timur@post.example", "to": ["ask@steppe.example"],
            "subject": "Соль", "date": "2026-10-12T10:00:00+00:00", "message_id": "<1@post.example>",
            "body": QUESTION, "text": QUESTION, "attachments": [], "place": "letter", "reasons": [],
        },
    )  # fmt: skip
    assert "Соль" in printed
    assert list_stored_mails(room.database) == []


def test_inspect_answers_line_by_line_in_one_process_without_settings() -> None:
    """Each answer comes before the next question is asked: nothing waits in a buffer."""

    def line(number: object, raw: bytes) -> bytes:
        return json.dumps({"id": number, "raw_b64": base64.b64encode(raw).decode()}).encode() + b"\n"

    asked = {
        line("a", mail(body="Why is the salt rising?")): ("a", "Why is the salt rising?"),
        b"nonsense\n": (None, "the line is not {id, raw_b64} in JSON"),
        b'{"id": 7, "raw_b64": "?"}\n': (7, "raw_b64 is not base64"),
        b"[1]\n": (None, "the line is not {id, raw_b64} in JSON"),
        line(8, mail(body="و چرا؟")): (8, "و چرا؟"),
    }
    with start_command("mail", "inspect", "--jsonl") as child:
        assert child.stdin is not None
        assert child.stdout is not None
        for question, (number, words) in asked.items():
            child.stdin.write(question)
            child.stdin.flush()
            answer = json.loads(child.stdout.readline())
            assert (answer["id"], answer.get("error") or answer["text"]) == (number, words)


def test_receive_and_place(app: Flask, room: NewsletterMailroom) -> None:
    assert run(app, "mail", "receive", "--recipient", "ask@steppe.example", given=mail()) == (0, "")
    assert run(app, "mail", "receive", given=mail(body="And who pays for the new wells?")) == (0, "")
    assert run(app, "mail", "place") == (0, "letter: 2\n")
    assert run(app, "mail", "place") == (0, "no mail is waiting\n")


@on_sqlite
def test_poll_tells_of_each_mailbox_and_fails_where_one_did(app: Flask) -> None:
    assert run(app, "mail", "poll") == (0, "")
    app.config["MAILBOXES"] = parse_mailboxes(f"imap://ask:hunter2@127.0.0.1:{reserve_port()}")
    result = app.test_cli_runner().invoke(args=("mail", "poll"))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1] == "mailbox 1 (127.0.0.1): ConnectionRefusedError"


def test_reprocess_reads_again_what_was_set_aside(app: Flask, room: NewsletterMailroom) -> None:
    """One or all; a letter is none of them."""
    robots = [mail(body=f"I am away until day {n}.", Auto_Submitted="auto-replied") for n in (1, 2)]
    first, second, _ = (room.store_mail(raw) for raw in (*robots, mail()))
    room.place_mails()
    assert room.list_states() == ["automatic", "automatic", "letter"]
    with room.database.read() as session:
        names = dict(session.execute(select(Inbound.id, Inbound.public_id)).all())
    assert run(app, "mail", "reprocess", names[first]) == (0, "letters with new text: 0\nautomatic: 1\n")
    assert run(app, "mail", "reprocess", "--all") == (0, "letters with new text: 0\nautomatic: 2\n")
    assert run(app, "mail", "reprocess", "0123456789AB")[0] == 1
    assert [run(app, "mail", "reprocess", *wrong)[0] for wrong in ((), (names[second], "--all"))] == [2, 2]


@on_sqlite
def test_the_address_of_the_webhook_is_printed_where_there_is_one(app: Flask) -> None:
    assert run(app, "mail", "webhook-address")[0] == 1
    app.config["MAIL_WEBHOOK_SECRET"] = "s" * 32
    status, printed = run(app, "mail", "webhook-address")
    assert (status, printed) == (0, f"{BASE_URL}{webhook.path('s' * 32)}\n")
    assert len(webhook.path("s" * 32)) == len("/mail/in/") + 32  # 160 bits


@on_sqlite
@pytest.mark.parametrize("action", ["port", "socket"])
def test_the_lmtp_door_is_a_process_that_ends_when_it_is_told(database: Database, tmp_path: Path, action: str) -> None:
    port, socket = reserve_port(), tmp_path / "lmtp"
    where = ("--port", str(port)) if action == "port" else ("--socket", str(socket))
    settings = {
        "READERS_ASKED_ENV": "demo",
        "DATABASE_URL": database.url,
        "SECRET_KEYS": "1:" + base64.b64encode(SECRETS[1]).decode(),
    }
    with start_command("mail", "lmtp", *where, **settings) as child:
        assert child.stdout is not None
        said = child.stdout.readline().decode()
        assert said == f"LMTP listens at {socket if action == 'socket' else f'127.0.0.1:{port}'}\n"
        if action == "port":
            mx = LmtpClient(port)
            assert mx.deliver(b"S: x\r\n.\r\n", "ask@steppe.example") == ["250 2.0.0 stored"]
            mx.close()
            assert len(list_stored_mails(database)) == 1
        else:
            assert socket.stat().st_mode & 0o777 == 0o660
        child.send_signal(signal.SIGTERM)
        assert child.wait(WAIT_TIMEOUT) == 0
