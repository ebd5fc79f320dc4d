"""LMTP and the pipe: what a mail server hands over is committed as it is, and acknowledged only then."""

import asyncio
import base64
import io
import os
import subprocess
import sys
from collections.abc import Awaitable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from app.db.engine import Database
from app.db.fault_kinds import Busy
from app.mail import inbound
from app.mailroom import lmtp, pipe
from app.mailroom.envelope import with_envelope
from tests.support import clock
from tests.support.app import BASE_URL, PRODUCTION_SETTINGS, SECRETS
from tests.support.mail_servers import lmtp_server
from tests.support.mailroom import SMALL_MAIL, LmtpClient, list_stored_mails

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def door(database: Database) -> Iterator[int]:
    with lmtp_server(database) as port:
        yield port


@pytest.fixture
def mx(door: int) -> Iterator[LmtpClient]:
    client = LmtpClient(door)
    yield client
    client.close()


def test_a_mail_to_three_is_one_row_and_answered_three_times(database: Database, mx: LmtpClient) -> None:
    """RFC 2033, section 4.2: one reply for each recipient that was taken."""
    recipients = ("ask@steppe.example", "ask+b4ndx@steppe.example", "tips@steppe.example")
    assert mx.deliver(SMALL_MAIL + b".\r\n", *recipients) == ["250 2.0.0 stored"] * 3
    envelope = (
        b"Return-Path: <timur@reader.example>\r\nDelivered-To: ask@steppe.example\r\n"
        b"Delivered-To: ask+b4ndx@steppe.example\r\nDelivered-To: tips@steppe.example\r\n"
    )
    assert list_stored_mails(database) == [("lmtp", envelope + SMALL_MAIL)]


ODD = {
    "dots": (b"S: x\r\n\r\n..\r\n...two\r\nend.\r\n", b"S: x\r\n\r\n.\r\n..two\r\nend.\r\n"),
    "a line of 300 kB": (b"S: x\r\n\r\n" + b"y" * 300_000 + b"\r\n",) * 2,
    "a line of 300 kB of dots": (
        b"S: x\r\n\r\n." + b"." * 300_000 + b"\r\n",
        b"S: x\r\n\r\n" + b"." * 300_000 + b"\r\n",
    ),
    "bare line ends": (b"S: x\n\ra\nb\rc\n.\nd\r\n",) * 2,
    "any byte": (b"S: x\r\n\r\n" + bytes(set(range(256)) - {10, 13}) + b"\r\n",) * 2,
    "nothing": (b"", b""),
}


@pytest.mark.parametrize("odd", ODD)
def test_bytes_come_through_as_they_are(database: Database, mx: LmtpClient, odd: str) -> None:
    sent, meant = ODD[odd]
    assert mx.deliver(sent + b".\r\n", "ask@steppe.example") == ["250 2.0.0 stored"]
    ((_, raw),) = list_stored_mails(database)
    assert raw.partition(b"steppe.example")[2].lstrip(b"\r\n") == meant.lstrip(b"\r\n")


def test_a_bounce_keeps_its_null_return_path(database: Database, mx: LmtpClient) -> None:
    mx.deliver(SMALL_MAIL + b".\r\n", "ask@steppe.example", sender="")
    assert list_stored_mails(database)[0][1].startswith(b"Return-Path: <>\r\n")


@pytest.mark.threat("hostile mail")
def test_what_is_too_large_is_refused_for_good_and_the_next_mail_is_taken(database: Database, mx: LmtpClient) -> None:
    line = b"x" * 76 + b"\r\n"
    large = line * (inbound.MAX_MAIL_BYTES // len(line) + 1)
    assert mx.deliver(large + b".\r\n", "a@steppe.example", "b@steppe.example") == ["552 5.3.4 larger than 25 MB"] * 2
    assert mx.send_command(f"MAIL FROM:<x@reader.example> SIZE={inbound.MAX_MAIL_BYTES + 1}")[:3] == "552"
    assert mx.deliver(SMALL_MAIL + b".\r\n", "ask@steppe.example") == ["250 2.0.0 stored"]
    assert len(list_stored_mails(database)) == 1


def test_commands_may_come_in_one_go(database: Database, mx: LmtpClient) -> None:
    """PIPELINING, which RFC 2033 asks of every LMTP server."""
    one = b"MAIL FROM:<a@reader.example>\r\nRCPT TO:<ask@steppe.example>\r\nDATA\r\n"
    mx.socket.sendall(one)
    assert [mx.read_reply()[:3] for _ in range(3)] == ["250", "250", "354"]
    mx.socket.sendall(SMALL_MAIL + b".\r\n" + one)
    assert [mx.read_reply()[:3] for _ in range(4)] == ["250", "250", "250", "354"]
    mx.socket.sendall(SMALL_MAIL + b".\r\nQUIT\r\n")
    assert [mx.read_reply()[:3] for _ in range(2)] == ["250", "221"]
    assert len(list_stored_mails(database)) == 2


def test_order_is_asked_for(database: Database, mx: LmtpClient) -> None:
    assert mx.send_command("EHLO mx.reader.example")[:3] == "500"
    assert mx.send_command("DATA")[:3] == "503"
    assert mx.send_command("RCPT TO:<ask@steppe.example>")[:3] == "503"
    assert list_stored_mails(database) == []


def test_a_server_that_hangs_up_has_handed_in_nothing(database: Database, door: int) -> None:
    """Only the dot ends a message: half of one is none, and the server still has it."""
    broken, next_one = LmtpClient(door), LmtpClient(door)
    broken.send_line("MAIL FROM:<timur@reader.example>")
    broken.send_line("RCPT TO:<ask@steppe.example>")
    broken.send_line("DATA")
    broken.socket.sendall(SMALL_MAIL)
    broken.close()
    assert next_one.deliver(SMALL_MAIL + b".\r\n", "ask@steppe.example") == ["250 2.0.0 stored"]
    next_one.close()
    assert len(list_stored_mails(database)) == 1


@pytest.mark.threat("hostile words")
def store_together(intake: lmtp.Intake, *raws: bytes) -> Awaitable[list[BaseException | None]]:
    """What each hears of the commit that was to have its message."""
    return asyncio.gather(*map(intake.store, raws), return_exceptions=True)


def test_what_many_hand_over_at_once_is_committed_together(database: Database) -> None:
    raws, commits = [b"Subject: %d\r\n\r\n" % number for number in range(20)], list[object]()
    note = commits.append
    event.listen(database.writer, "commit", note)

    async def hand_over() -> list[BaseException | None]:
        return await store_together(lmtp.Intake(database), *raws)

    assert asyncio.run(hand_over()) == [None] * 20
    event.remove(database.writer, "commit", note)
    assert (list_stored_mails(database), len(commits)) == ([("lmtp", raw) for raw in raws], 1)


def test_where_nothing_can_be_committed_each_is_told_so(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(_: object) -> None:
        raise Busy

    async def hand_over() -> tuple[list[str], list[BaseException | None]]:
        intake = lmtp.Intake(database)
        with monkeypatch.context() as broken:
            broken.setattr(database, "write", busy)
            refused = await store_together(intake, SMALL_MAIL, SMALL_MAIL, b"x" * (inbound.MAX_MAIL_BYTES + 1))
        return [type(fault).__name__ for fault in refused], await store_together(intake, SMALL_MAIL)

    assert asyncio.run(hand_over()) == (["Busy", "Busy", "TooLarge"], [None])
    assert list_stored_mails(database) == [("lmtp", SMALL_MAIL)]


def test_no_recipient_begins_a_header_of_its_own() -> None:
    assert (
        with_envelope(b"S: x\n", "a@b\r\nBcc: c", ["d\n\ne"]) == b"Return-Path: <a@bBcc: c>\nDelivered-To: de\nS: x\n"
    )


PIPED = {
    "as it is": (SMALL_MAIL, None, None, SMALL_MAIL),
    "with its envelope": (
        SMALL_MAIL, "ask@steppe.example", "timur@reader.example",
        b"Return-Path: <timur@reader.example>\r\nDelivered-To: ask@steppe.example\r\n" + SMALL_MAIL,
    ),
    "below the line of an mbox file": (b"From timur@reader.example Mon Jan  1 00:00:00 2022\n" + SMALL_MAIL, None, None, SMALL_MAIL),
    "from nobody": (b"S: x\n", None, "", b"Return-Path: <>\nS: x\n"),
}  # fmt: skip


@pytest.mark.parametrize("variant", PIPED)
def test_a_piped_mail_is_stored(database: Database, variant: str) -> None:
    source, recipient, sender, raw = PIPED[variant]
    assert pipe.receive(database, io.BytesIO(source), recipient, sender) == (0, "stored")
    assert list_stored_mails(database) == [("pipe", raw)]


def test_only_its_size_sends_a_piped_mail_back(database: Database) -> None:
    """A pipe that broke before its first byte comes again (75), and what is too large would only come again in vain (65)."""
    assert pipe.receive(database, io.BytesIO(b""), None, None)[0] == 75
    assert pipe.receive(database, io.BytesIO(b"x" * (inbound.MAX_MAIL_BYTES + 1)), None, None)[0] == 65
    assert list_stored_mails(database) == []


def flask(*arguments: str, given: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The command as a mail server starts it, with nothing in its environment but what is said here."""
    command = (sys.executable, "-m", "flask", "--app", "wsgi", *arguments)
    environment = {**clock.clock_environment(), "PATH": os.environ["PATH"], **environment}
    return subprocess.run(command, check=False, cwd=ROOT, input=given, capture_output=True, env=environment, timeout=60)


def test_the_command_ends_as_a_mail_server_expects(database: Database) -> None:
    settings = {
        **PRODUCTION_SETTINGS,
        "SECRET_KEYS": "1:" + base64.b64encode(SECRETS[1]).decode(),
        "BASE_URL": BASE_URL,
    }
    done = flask("mail", "receive", given=SMALL_MAIL, DATABASE_URL=database.url, **settings)
    assert (done.returncode, done.stderr) == (0, b"")
    assert list_stored_mails(database) == [("pipe", SMALL_MAIL)]
    unsafe = flask("mail", "receive", given=SMALL_MAIL)
    assert (unsafe.returncode, unsafe.stderr.splitlines()[0]) == (75, b"the settings can't be used:")
    gone = flask(
        "mail", "receive", given=SMALL_MAIL, **settings, DATABASE_URL="postgresql+psycopg://nobody@127.0.0.1:1/none"
    )
    assert (gone.returncode, gone.stderr) == (75, b"not stored, try again later (Busy)\n")
