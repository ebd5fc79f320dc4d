"""A process that reads mails can be killed at any time, and no mail is lost by it."""

import os
import signal
import sys
from collections.abc import Iterator
from threading import Timer

import psutil
import pytest

from app.mail.reading import CACHE_SIZE, LARGEST_CACHED, LONGEST_UNTRIMMED, MEMORY, ParserClient
from app.mailtext.incoming import Mail, Mailbox, TrimContext
from app.mailtext.parsing.parse import MAX_PARSED, parse
from app.mailtext.trim import trim
from tests.support.required_programs import skip_without

LETTER = "\r\n".join((
    "From: =?utf-8?q?=D0=A2=D0=B8=D0=BC=D1=83=D1=80?= <timur@example.org>", "To: ask@example.org", "Cc: b@example.org",
    "Subject: A question", "Message-ID: <1@example.org>", "References: <2@example.org>", "Return-Path: <>",
    "Date: Tue, 21 Jul 2026 10:00:00 +0600", "Delivered-To: ask+t0k@example.org",
    "Content-Type: multipart/report; boundary=b", "", "--b", "", "می\u200cخواهم", "--b", "Content-Type: message/delivery-status",
    "", "Status: 5.1.1", "--b--", "",
)).encode()  # fmt: skip
PICTURE = b"Subject: x\r\nContent-Type: image/png; name=a.png\r\n\r\n1234"
# Takes a third of a second of one core: nothing that is read keeps a process busy for longer.
HEAVY = (
    LETTER.partition(b"Content-Type")[0]
    + b"Content-Type: text/plain; format=flowed\r\n\r\n"
    + b"> a \r\n>> b\r\n" * 800_000
)


@pytest.fixture(autouse=True)
def _ignore_other_processes() -> Iterator[None]:
    """Tests that ran before in this process have a child of their own, which stays."""
    OTHERS.update(one.pid for one in _reading())
    yield
    OTHERS.clear()


@pytest.fixture
def reading() -> Iterator[ParserClient]:
    with ParserClient() as opened:
        yield opened


OTHERS: set[int] = set()


def _reading() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if "app.mail.reading" in one.cmdline()]


def children() -> list[psutil.Process]:
    return [one for one in _reading() if one.pid not in OTHERS]


def child() -> psutil.Process:
    (only,) = children()
    return only


@pytest.mark.parametrize("raw", [LETTER, PICTURE, b"", b"\0\xff" * 500, HEAVY[:100_000]])
def test_it_reads_what_this_process_would_read(reading: ParserClient, raw: bytes) -> None:
    assert reading.parse(raw) == parse(raw)


def test_it_starts_at_the_first_mail_and_stays(reading: ParserClient) -> None:
    assert children() == []
    reading.parse(LETTER)
    first = child().pid
    reading.parse(LETTER)
    assert child().pid == first


def test_closing_ends_the_process() -> None:
    with ParserClient() as reading:
        reading.parse(LETTER)
        process = child()
    assert (process.is_running(), children()) == (False, [])


@pytest.mark.parametrize("limit", [{"seconds": 0.02}, {"cpu": 0.05}])
def test_a_mail_that_takes_too_long_is_known_by_its_headers(limit: dict[str, float]) -> None:
    with ParserClient(**limit) as reading:
        mail = reading.parse(HEAVY)
        assert children() == []
    assert (mail.senders, mail.subject, mail.message_id, mail.body, mail.faults) == (
        (Mailbox("Тимур", "timur@example.org"),), "A question", "<1@example.org>", "", ("time",),
    )  # fmt: skip


def test_the_next_mail_is_read_by_a_new_process() -> None:
    with ParserClient(seconds=1) as reading:
        reading.parse(LETTER)
        first = child()
        first.suspend()
        assert reading.parse(LETTER).faults == ("time",)
        assert reading.parse(LETTER) == parse(LETTER)
        assert (first.is_running(), child().pid == first.pid) == (False, False)


def test_a_process_that_dies_over_a_mail_is_a_fault_of_that_mail(reading: ParserClient) -> None:
    reading.parse(LETTER)
    child().suspend()  # so that the mail waits in the pipe
    Timer(0.2, os.kill, (child().pid, signal.SIGKILL)).start()
    assert (reading.parse(LETTER).faults, reading.parse(LETTER).faults) == (("broken",), ())


def test_a_process_that_died_between_two_mails_is_nobodys_fault(reading: ParserClient) -> None:
    reading.parse(LETTER)
    process = child()
    process.kill()
    process.wait()
    assert reading.parse(LETTER) == parse(LETTER)


def test_a_message_over_10_mb_is_not_carried_over_as_a_whole(reading: ParserClient) -> None:
    raw = LETTER + b"x" * 2 * MAX_PARSED
    assert reading.parse(raw) == parse(raw)


def test_the_process_may_take_a_gigabyte(reading: ParserClient) -> None:
    if sys.platform != "linux":
        skip_without("Linux, which limits the address space of a process")
    reading.parse(LETTER)
    assert child().rlimit(psutil.RLIMIT_AS) == (MEMORY, MEMORY)


def test_a_reply_is_trimmed_there(reading: ParserClient) -> None:
    reply = Mail(
        plain="My words.\n\nOn Monday Nora Lind wrote:\n> Hello",
        body="My words.\n\nOn Monday Nora Lind wrote:\n> Hello",
    )
    assert reading.trim(reply, TrimContext(frozenset({"ask@example.org"}), ("Hello",))).text == "My words."


def test_a_reply_that_was_parsed_there_is_trimmed_as_this_process_would(reading: ParserClient) -> None:
    """Also where the process has it no more: it is another one, many came after it, or it is large."""
    mails = [
        reading.parse(b"Subject: x\r\n\r\nWords %d.\r\n\r\nOn Monday Nora wrote:\r\n> Hello\r\n" % n)
        for n in range(CACHE_SIZE + 1)
    ]
    large = reading.parse(
        b"Subject: x\r\n\r\nMine.\r\n\r\nOn Monday Nora wrote:\r\n" + b"> Hello\r\n" * (LARGEST_CACHED // 9)
    )

    def texts() -> list[str]:
        return [reading.trim(mail, TrimContext()).text for mail in (mails[0], mails[-1], large)]

    assert texts() == ["Words 0.", f"Words {CACHE_SIZE}.", "Mine."]
    process = child()
    process.kill()
    process.wait()
    assert texts() == ["Words 0.", f"Words {CACHE_SIZE}.", "Mine."]
    assert reading.trim(mails[3], TrimContext()) == trim(mails[3], TrimContext())


def test_a_text_that_takes_too_long_to_trim_is_kept_uncut() -> None:
    with ParserClient(seconds=1) as reading:
        reading.parse(LETTER)
        child().suspend()
        trimmed = reading.trim(Mail(plain="слово " * 5000, body="слово " * 5000), TrimContext())
    assert (trimmed.text, trimmed.rest) == (("слово " * 5000)[:LONGEST_UNTRIMMED], "")


def test_ctrl_c_is_for_the_worker_only(reading: ParserClient) -> None:
    reading.parse(LETTER)
    process = child()
    process.send_signal(signal.SIGINT)
    assert (reading.parse(LETTER), child().pid) == (parse(LETTER), process.pid)
