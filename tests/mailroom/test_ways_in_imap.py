"""Mail from an IMAP mailbox, with a real Dovecot: nothing is lost, nothing comes twice, and a kept mailbox stays as it is."""

import logging
import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import select

from app.db.engine import Database
from app.mail import inbound
from app.mail.models import Inbound
from app.mailroom import imap
from app.settings.mail_accounts import ImapMailbox, parse_mailboxes
from tests.support.mail_servers import Dovecot, cutting_proxy, dovecot
from tests.support.mailroom import SMALL_MAIL, list_stored_mails
from tests.support.processes import reserve_port
from tests.support.sample_newsroom import Newsroom
from tests.support.waiting import WAIT_TIMEOUT, wait_until

# Where it is the mail server that is tried, one database is enough.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
MAILS = [
    b"From: Timur <timur@reader.example>\r\nSubject: Salt %d\r\n\r\n%s\r\n" % (n, b"Why? " * 40) for n in range(60)
]


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecot() as running:
        yield running


@pytest.fixture
def user(request: pytest.FixtureRequest, database: Database) -> str:
    """A mailbox that no other test has seen."""
    return f"ask{abs(hash(request.node.name))}@steppe.example"


def mailbox(address: str) -> ImapMailbox:
    (made,) = parse_mailboxes(address)
    return made


def test_mails_are_stored_in_order_and_taken_off_the_server(server: Dovecot, database: Database, user: str) -> None:
    server.append_mails(user, *MAILS)
    seen: list[tuple[int, int]] = []
    box = mailbox(server.mailbox_url(user))
    assert imap.poll(database, box, lambda done, total: seen.append((done, total))) == 60
    assert list_stored_mails(database) == [("imap", raw) for raw in MAILS]
    assert (seen[0], seen[-1], len(seen)) == ((1, 60), (60, 60), 60)
    assert (imap.poll(database, box), server.count_mails(user)) == (0, 0)


@on_sqlite
def test_the_command_reports_the_mailbox_that_failed_and_fetches_from_the_others(
    server: Dovecot, app: Flask, database: Database, user: str
) -> None:
    server.append_mails(user, SMALL_MAIL)
    silent = f"imap://ask:hunter2@127.0.0.1:{reserve_port()}"
    app.config["MAILBOXES"] = parse_mailboxes(f"{silent} {server.mailbox_url(user)}")
    result = app.test_cli_runner().invoke(args=("mail", "poll"))
    assert (result.exit_code, result.stdout) == (1, "mailbox 2 (127.0.0.1): 1 stored\n")
    assert list_stored_mails(database) == [("imap", SMALL_MAIL)]


@on_sqlite
def test_a_kept_mailbox_is_left_as_it_was(server: Dovecot, database: Database, user: str) -> None:
    box = mailbox(server.mailbox_url(user, keep="1"))
    server.append_mails(user, *MAILS[:2])
    assert [imap.poll(database, box) for _ in range(2)] == [2, 0]
    server.append_mails(user, MAILS[2])
    assert [imap.poll(database, box) for _ in range(2)] == [1, 0]
    with server.connect(user) as client:
        flags = client.get_flags(client.search("ALL"))
    assert flags == {1: (), 2: (), 3: ()}  # not even read
    assert list_stored_mails(database) == [("imap", raw) for raw in MAILS[:3]]


def test_mails_belong_to_the_newsletter_of_their_mailbox(
    server: Dovecot, database: Database, newsroom: Newsroom, user: str
) -> None:
    server.append_mails(user, SMALL_MAIL)
    with pytest.raises(imap.NoNewsletter):
        imap.poll(database, mailbox(server.mailbox_url(user, newsletter="stepe")))
    assert (list_stored_mails(database), server.count_mails(user)) == ([], 1)  # it waits where it is
    assert imap.poll(database, mailbox(server.mailbox_url(user, newsletter=newsroom.slug))) == 1
    with database.read() as session:
        assert session.scalars(select(Inbound.newsletter_id)).all() == [newsroom.newsletter_id]


def test_a_connection_that_breaks_anywhere_loses_nothing(server: Dovecot, database: Database, user: str) -> None:
    """It is cut after every so many bytes; whatever had been committed by then is not fetched again."""
    server.append_mails(user, *MAILS)
    broken = 0
    for after in range(50, 12_000, 350):
        with cutting_proxy(server.imap, after) as (port, _came):
            try:
                imap.poll(database, mailbox(server.mailbox_url(user, port)))
            except (OSError, imap.imaplib.IMAP4.error, imap.ImapToolsError):
                broken += 1
    assert broken > 20
    imap.poll(database, mailbox(server.mailbox_url(user)))
    assert (list_stored_mails(database), server.count_mails(user)) == ([("imap", raw) for raw in MAILS], 0)


@on_sqlite
def test_a_message_that_is_too_large_stays_and_holds_up_no_other(
    server: Dovecot, database: Database, user: str, caplog: pytest.LogCaptureFixture
) -> None:
    large = b"Subject: film\r\n\r\n" + (b"x" * 76 + b"\r\n") * (inbound.MAX_MAIL_BYTES // 78 + 1)
    server.append_mails(user, SMALL_MAIL, large, MAILS[0])
    box = mailbox(server.mailbox_url(user))
    with caplog.at_level(logging.ERROR):
        assert [imap.poll(database, box) for _ in range(3)] == [2, 0, 0]
    assert caplog.messages == ["a mail of over 25 MB stays in its mailbox at 127.0.0.1"]
    assert (list_stored_mails(database), server.count_mails(user)) == ([("imap", SMALL_MAIL), ("imap", MAILS[0])], 1)


@on_sqlite
def test_a_message_that_vanishes_meanwhile_is_passed_over(server: Dovecot, database: Database, user: str) -> None:
    """Somebody else tidies the mailbox between the search and the fetch of the second mail."""
    server.append_mails(user, *MAILS[:3])

    def tidy(done: int, _total: int) -> None:
        if done == 1:
            with server.connect(user) as client:
                client.delete_messages([2])
                client.expunge()

    assert imap.poll(database, mailbox(server.mailbox_url(user)), tidy) == 2
    assert list_stored_mails(database) == [("imap", MAILS[0]), ("imap", MAILS[2])]


def test_new_numbers_for_the_same_mails_are_fetched_anew(server: Dovecot, database: Database, user: str) -> None:
    """Under another UIDVALIDITY the old UIDs mean nothing; that the mails are the same is seen when they are placed."""
    box = mailbox(server.mailbox_url(user, keep="1"))
    server.append_mails(user, *MAILS[:3])
    imap.poll(database, box)
    server.reset_uids(user)
    assert [imap.poll(database, box) for _ in range(2)] == [3, 0]
    with database.read() as session:
        assert len(set(session.scalars(select(Inbound.uidvalidity)))) == 2


def test_what_was_stored_before_a_crash_is_only_removed(server: Dovecot, database: Database, user: str) -> None:
    box = mailbox(server.mailbox_url(user))
    server.append_mails(user, SMALL_MAIL)
    keys = {"mailbox": box.name, "uidvalidity": server.get_uidvalidity(user), "uid": 1}
    database.write(lambda session: inbound.store(session, SMALL_MAIL, source="imap", **keys))
    assert (imap.poll(database, box), server.count_mails(user), len(list_stored_mails(database))) == (0, 0, 1)


def test_two_workers_at_one_mailbox_store_each_mail_once(server: Dovecot, database: Database, user: str) -> None:
    server.append_mails(user, *MAILS)
    box, counts = mailbox(server.mailbox_url(user)), []

    def work() -> None:
        wait_until(lambda: counts.append(imap.poll(database, box)) or server.count_mails(user) == 0, "an empty mailbox")

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_TIMEOUT)
    assert (sum(counts), sorted(list_stored_mails(database))) == (60, sorted(("imap", raw) for raw in MAILS))


@pytest.mark.threat("network observer")
@on_sqlite
def test_tls_with_a_certificate_that_nobody_vouches_for_is_refused(
    server: Dovecot, database: Database, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.append_mails(user, *MAILS[:2])
    plain = server.mailbox_url(user)
    secure = [
        mailbox(plain.replace("imap:", "imaps:").replace(f":{server.imap}", f":{server.imaps}")),
        mailbox(f"{plain}starttls=1"),
    ]
    for box in secure:
        with pytest.raises(imap.ssl.SSLCertVerificationError):
            imap.poll(database, box)
    assert list_stored_mails(database) == []
    monkeypatch.setenv("SSL_CERT_FILE", str(server.tls))
    assert [imap.poll(database, box) for box in secure] == [2, 0]


@on_sqlite
def test_a_wrong_password_is_told_without_the_password(
    server: Dovecot, database: Database, user: str, caplog: pytest.LogCaptureFixture
) -> None:
    box = mailbox(f"imap://{user.replace('@', '%40')}:hunter2@127.0.0.1:{server.imap}")
    stop = threading.Event()
    (thread,) = imap.watch_all(database, [box], stop)
    wait_until(lambda: caplog.messages != [], "a line in the log")
    stop.set()
    thread.join(WAIT_TIMEOUT)
    assert caplog.messages == ["mailbox at 127.0.0.1: MailboxLoginError"]
    assert "hunter2" not in repr(box)


@on_sqlite
def test_a_new_mail_is_fetched_within_moments(server: Dovecot, database: Database, user: str) -> None:
    """The server tells of it (IDLE): nobody waits for the next look, which would come after minutes."""
    stop = threading.Event()
    (thread,) = imap.watch_all(database, [mailbox(server.mailbox_url(user))], stop)
    try:
        for number in range(1, 4):
            server.append_mails(user, MAILS[number])
            wait_until(lambda number=number: len(list_stored_mails(database)) == number, "the mail")
        wait_until(lambda: server.count_mails(user) == 0, "an empty mailbox")
    finally:
        stop.set()
        thread.join(WAIT_TIMEOUT)
    assert not thread.is_alive()


@on_sqlite
def test_a_mail_that_comes_while_idle_begins_is_fetched_within_moments(
    server: Dovecot, database: Database, user: str
) -> None:
    """The server announces it in one packet with its consent to IDLE, where nobody looks for news."""
    stop, late = threading.Event(), [MAILS[0]]

    def deliver(command: bytes) -> None:
        if b"IDLE" in command and late:
            server.append_mails(user, late.pop())

    with cutting_proxy(server.imap, None, deliver) as (port, _):
        (thread,) = imap.watch_all(database, [mailbox(server.mailbox_url(user, port))], stop)
        wait_until(lambda: len(list_stored_mails(database)) == 1, "the mail")
        stop.set()
        thread.join(WAIT_TIMEOUT)
    assert (late, server.count_mails(user)) == ([], 0)


@on_sqlite
def test_a_server_that_goes_away_is_tried_again(
    server: Dovecot, database: Database, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connections break while they wait for news; mail that came meanwhile is there as soon as the server is."""
    monkeypatch.setattr(imap, "FIRST_WAIT", 0.2)
    stop = threading.Event()
    with cutting_proxy(server.imap, 10_000) as (port, came):
        (thread,) = imap.watch_all(database, [mailbox(server.mailbox_url(user, port))], stop)
        server.append_mails(user, MAILS[0])
        wait_until(lambda: len(list_stored_mails(database)) == 1, "the first mail")
        large = b"Subject: map\r\n\r\n" + (b"x" * 76 + b"\r\n") * 200  # more than this way carries
        server.append_mails(user, large)
        tried = len(came)
        wait_until(lambda: len(came) > tried + 2, "further tries")
        assert len(list_stored_mails(database)) == 1
    stop.set()
    thread.join(WAIT_TIMEOUT)
    assert imap.poll(database, mailbox(server.mailbox_url(user))) == 1
    assert [raw for _, raw in list_stored_mails(database)] == [MAILS[0], large]
