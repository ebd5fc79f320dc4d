"""Every check of the table, red and green: each fault is a real one, made for the test."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest
from flask import Flask
from sqlalchemy import text, update
from sqlalchemy.orm import Session

import config
from app import audit
from app.audit import chain
from app.backup import erasure_list
from app.backup.erasure_list import ErasureListWriter, Erasures
from app.core.clock import utc_now
from app.crypto.seal import Keys
from app.db import secure_delete
from app.db.engine import Database
from app.doctor import checks, findings, incoming_mail, machines
from app.letters.models import Letter
from app.mail import outbox
from app.mail.message import Message
from app.mail.models import Inbound, OutboxMail
from app.newsletters.models import Newsletter
from app.people.models import Membership
from app.server import worker
from app.server.startup_checks import find_schema_faults
from app.watching import sightings
from app.watching.each_request import ProxyStatistics
from tests.support import smtp_servers
from tests.support.app import BASE_URL, PRODUCTION_SETTINGS
from tests.support.commands import record_sighting
from tests.support.fake_servers import CannedResponse
from tests.support.incoming_mails import mail
from tests.support.mail_servers import Dovecot, dovecot
from tests.support.mailroom import NewsletterMailroom
from tests.support.oidc_provider import run_oidc_provider
from tests.support.processes import reserve_port
from tests.support.required_programs import skip_without
from tests.support.sample_newsroom import Newsroom
from tests.support.smtp_servers import RESET, SILENCE, create_self_signed_certificate
from tests.support.waiting import WAIT_TIMEOUT

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
MAIL = Message("expert.letter", "leyla@field.example", "Leyla", "Salt", "Dear Leyla", "en", "Nora Lind")


def look(app: Flask, name: str, database: Database | None = None) -> list[tuple[str, str]]:
    """What one check finds."""
    (check,) = (one for one in checks.CHECKS if one.name == name)
    with app.app_context():
        house = findings.CheckContext(database or app.extensions["database"], app.config)
        return [(one.state, one.message) for one in checks._run(check, house)]


def get_past_time(**time: float) -> datetime:
    return utc_now() - timedelta(**time)


@on_sqlite
def test_a_database_that_is_away(app: Flask) -> None:
    away = Database(f"postgresql+psycopg://nobody@127.0.0.1:{reserve_port()}/none", Keys({1: b"k" * 32}), BASE_URL)
    assert look(app, "database") == []
    assert look(app, "database", away) == [("fault", "the database does not answer: OperationalError")]
    assert look(app, "newsletter", away) == [("not made", "the database did not answer: OperationalError")]
    away.close()


def test_tables_of_another_version(app: Flask, database: Database) -> None:
    assert look(app, "migrations") == []
    database.write(lambda s: s.execute(text("UPDATE alembic_version SET version_num = '9999'")) and None)
    assert look(app, "migrations") == [
        ("fault", "the database is of a newer version than this program (migration 9999): install that version")
    ]
    database.write(lambda s: s.execute(text("UPDATE alembic_version SET version_num = '0001'")) and None)
    assert look(app, "migrations") == [
        ("fault", "the database is behind this program (migration 0001): run readers-asked migrate")
    ]


def test_a_database_without_tables_is_behind(empty_url: str) -> None:
    empty = Database(empty_url, Keys({1: b"k" * 32}), BASE_URL)
    assert list(find_schema_faults(empty)) == [
        "the database is behind this program (migration none): run readers-asked migrate"
    ]
    empty.close()


def test_keys_that_do_not_open_what_is_sealed(app: Flask, database: Database, newsroom: Newsroom) -> None:
    assert look(app, "keys") == []
    database.write(lambda s: outbox.put(s, MAIL) and None)
    stranger = Database(database.url, Keys({1: b"another secret of thirty-two bytes!!"}), BASE_URL)
    expected = [
        ("fault", f"{column} (key 1) can't be opened") for column in ("people.email_sealed", "outbox_contents.sealed")
    ]
    assert look(app, "keys", stranger) == expected
    stranger.close()


@on_sqlite
def test_a_house_without_a_newsletter(app: Flask) -> None:
    assert look(app, "newsletter") == [("fault", "there is no newsletter")]


@pytest.mark.parametrize(
    ("name", "is_told"), [("nobody", True), ("shared", False), ("", False), ("admin", False)], ids=str
)
def test_a_desk_of_several_people_that_a_mailbox_opens(
    app: Flask, database: Database, newsroom: Newsroom, name: str, is_told: bool
) -> None:
    settings = config.load({**PRODUCTION_SETTINGS, "SECOND_FACTOR": name})
    found = list(machines.check_second_factors(findings.CheckContext(database, settings, ())))
    assert [finding.state for finding in found] == ([findings.NOTE] if is_told else [])
    database.write(lambda session: session.execute(update(Membership).values(disabled_at=utc_now())))
    assert list(machines.check_second_factors(findings.CheckContext(database, settings, ()))) == []


@pytest.mark.threat("erased words")
def test_what_was_erased_stays_in_the_files(app: Flask, database: Database, newsroom: Newsroom) -> None:
    worker.run(app, run_once=True)
    assert look(app, "erasures") == []
    record_sighting(database, get_past_time(minutes=90), secure_delete.EMPTY_LOG_DUTY)
    database.write(lambda s: sightings.record_sightings(s, {sightings.FAILED + secure_delete.EMPTY_LOG_DUTY: 1}))
    assert look(app, "erasures") == [
        ("fault", "what was erased in the last 90 minutes is still in the files of the database")
    ]


def test_a_worker_is_seen_while_it_works(app: Flask, database: Database, newsroom: Newsroom) -> None:
    assert look(app, "newsletter") == []
    assert look(app, "worker") == [("fault", "no worker has ever been active")]
    worker.run(app, run_once=True)
    assert look(app, "worker") == []
    with database.read() as session:
        assert set(sightings.list_by_prefix(session, sightings.DUTY)) == {duty.name for duty in worker.DUTIES}


@on_sqlite
def test_a_worker_that_is_gone_or_fails(app: Flask, database: Database) -> None:
    record_sighting(database, get_past_time(minutes=11))
    assert look(app, "worker") == [("fault", "no worker has been active for 11 minutes")]
    record_sighting(database, get_past_time(minutes=2), "deliver mail")
    database.write(lambda s: sightings.record_sightings(s, {f"{sightings.FAILED}deliver mail": 1}))
    assert look(app, "worker") == [("fault", "the worker fails at: deliver mail")]
    record_sighting(database, duty="deliver mail")
    assert look(app, "worker") == []


def test_a_trail_that_nobody_chains_or_that_was_changed(app: Flask, database: Database, newsroom: Newsroom) -> None:
    def event(session: Session) -> None:
        audit.record(session, newsroom.nora, "newsletter.look", session.get_one(Newsletter, newsroom.newsletter_id))

    chain.extend(database)
    assert look(app, "trail") == []
    database.write(event, get_past_time(minutes=59))
    assert look(app, "trail") == []
    database.write(event, get_past_time(minutes=61))
    assert look(app, "trail") == [("fault", "2 events are not in the chain yet, some for more than an hour")]
    chain.extend(database)
    assert look(app, "trail") == []
    with database.writer.begin() as connection:
        off = (
            "DROP TRIGGER audit_is_append_only_update"
            if database.is_sqlite
            else "ALTER TABLE audit DISABLE TRIGGER USER"
        )
        connection.exec_driver_sql(off)
        connection.exec_driver_sql("UPDATE audit SET actor = 'clock' WHERE id = (SELECT max(id) FROM audit)")
    ((state, said),) = look(app, "trail")
    assert (state, said.endswith("; 1 differ in the newest 20 links")) == ("fault", True)
    assert " was changed (newsletter.look by clock, " in said


def test_a_list_of_erasures_that_nobody_writes(app: Flask, database: Database, tmp_path: Path) -> None:
    path = tmp_path / "list" / "erasures"
    app.config["ERASURES"] = str(path)
    assert look(app, "list of erasures") == [("fault", f"{path} was never written")]
    ErasureListWriter(path).update(database)
    assert look(app, "list of erasures") == []
    erasure_list.write_list(path, Erasures(get_past_time(minutes=31), frozenset()), database.keyring)
    assert look(app, "list of erasures") == [("fault", f"{path} was last written 31 minutes ago")]
    erasure_list.write_list(
        path, Erasures(get_past_time(), frozenset()), Keys({1: b"another secret of thirty-two bytes!!"})
    )
    assert look(app, "list of erasures") == [
        ("fault", f"{path} is not a list of erasures, or belongs to a newsroom with other keys")
    ]
    app.config["ERASURES"] = str(path.parent)
    assert look(app, "list of erasures") == [("not made", f"{path.parent} can't be read: Is a directory")]


@on_sqlite
def test_a_part_of_the_worker_that_hangs(app: Flask, database: Database) -> None:
    record_sighting(database, get_past_time(minutes=1))
    for part, minutes in (("intake", 1), ("sending", 12), ("indexing", 9), ("clock", 0)):
        database.write(
            lambda s, part=part: sightings.record_sightings(s, {f"{sightings.PART}{part}": 1}),
            get_past_time(minutes=minutes),
        )
    assert look(app, "worker") == [("fault", "the worker's part for sending has not been active for 12 minutes")]


def test_mail_that_does_not_go_out(app: Flask, database: Database) -> None:
    database.write(lambda s: outbox.put(s, MAIL) and None, get_past_time(minutes=9))
    assert look(app, "outgoing mail") == []
    database.write(lambda s: outbox.put(s, MAIL) and None, get_past_time(minutes=11))
    assert look(app, "outgoing mail") == [("fault", "a mail has been due for 11 minutes")]
    later = utc_now() + timedelta(minutes=20)
    tried = update(OutboxMail).values(attempts=3, state_at=get_past_time(minutes=70), due_at=later)
    database.write(lambda s: s.execute(tried) and None)
    assert look(app, "outgoing mail") == [("fault", "2 mails are waiting for a retry, the oldest for 70 minutes")]


@pytest.fixture
def smtp(app: Flask) -> Iterator[smtp_servers.SmtpServer]:
    with smtp_servers.run_smtp_server() as server:
        app.config |= {
            "MAIL_TRANSPORT": "smtp", "MAIL_SERVER": "127.0.0.1", "MAIL_PORT": server.port, "MAIL_USERNAME": "desk",
            "MAIL_PASSWORD": "open sesame",
        }  # fmt: skip
        yield server


@on_sqlite
def test_a_mail_server_that_takes_us_gets_no_mail(app: Flask, smtp: smtp_servers.SmtpServer) -> None:
    assert look(app, "mail server") == []
    assert (smtp.commands, smtp.mails) == (["EHLO", "AUTH", "QUIT"], [])


@on_sqlite
@pytest.mark.parametrize(
    ("step", "answer", "message"),
    [
        ("GREETING", b"554 no desks here", "554 no desks here"),
        ("AUTH", b"535 5.7.8 wrong, desk (desk@newsroom.example)", "535 5.7.8 wrong, … (…)"),
        ("GREETING", SILENCE, "the server kept silent for too long"),
        ("EHLO", RESET, "the server ended the connection"),
    ],
)
def test_a_mail_server_that_refuses(
    app: Flask, smtp: smtp_servers.SmtpServer, monkeypatch: pytest.MonkeyPatch, step: str, answer: bytes, message: str
) -> None:
    monkeypatch.setattr(findings, "PATIENCE", 0.3 if answer == SILENCE else WAIT_TIMEOUT)
    smtp.replies[step] = answer
    assert look(app, "mail server") == [("fault", f"127.0.0.1:{smtp.port}: {message}")]


@on_sqlite
def test_a_mail_server_that_is_not_there(app: Flask, smtp: smtp_servers.SmtpServer) -> None:
    app.config["MAIL_PORT"] = reserve_port()
    assert look(app, "mail server") == [("fault", f"127.0.0.1:{app.config['MAIL_PORT']}: Connection refused")]


@on_sqlite
def test_encryption_with_a_certificate_that_is_trusted_or_not(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = create_self_signed_certificate(tmp_path)
    with smtp_servers.run_smtp_server(certificate) as server:
        app.config |= {
            "MAIL_TRANSPORT": "smtp",
            "MAIL_SERVER": "127.0.0.1",
            "MAIL_PORT": server.port,
            "MAIL_USE_TLS": True,
        }
        said = "the server's certificate can't be trusted: self-signed certificate"
        assert look(app, "mail server") == [("fault", f"127.0.0.1:{server.port}: {said}")]
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert look(app, "mail server") == []
        assert server.commands[-4:] == ["EHLO", "STARTTLS", "EHLO", "QUIT"]


@on_sqlite
def test_a_server_without_encryption_where_it_is_wanted(app: Flask, smtp: smtp_servers.SmtpServer) -> None:
    app.config["MAIL_USE_TLS"] = True
    said = "the server knows no encryption, or no way to sign in"
    assert look(app, "mail server") == [("fault", f"127.0.0.1:{smtp.port}: {said}")]


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecot() as made:
        yield made


@on_sqlite
def test_a_mailbox_opens_or_says_why_not(app: Flask, newsroom: Newsroom, server: Dovecot) -> None:
    address = server.mailbox_url("doctor@post.example", newsletter="steppe")
    app.config["MAILBOXES"] = config.parse_mailboxes(address)
    assert look(app, "mailboxes") == []
    app.config["MAILBOXES"] = config.parse_mailboxes(address.replace("sesame", "barley").replace("steppe", "stepe"))
    assert look(app, "mailboxes") == [
        ("fault", "mailbox 1 (127.0.0.1) belongs to stepe, which is not a newsletter: nothing is fetched"),
        ("fault", "mailbox 1 (127.0.0.1) can't be opened: it rejects user, password or folder"),
    ]
    app.config["MAILBOXES"] = config.parse_mailboxes(server.mailbox_url("doctor@post.example", reserve_port()))
    assert look(app, "mailboxes") == [("fault", "mailbox 1 (127.0.0.1) can't be opened: Connection refused")]


def test_a_mail_without_a_place(app: Flask, database: Database, newsroom: Newsroom) -> None:
    room = NewsletterMailroom(database, newsroom)
    room.store_mail(mail())
    assert look(app, "incoming mail") == []
    database.write(lambda s: s.execute(update(Inbound).values(stored_at=get_past_time(minutes=11))) and None)
    assert look(app, "incoming mail") == [("fault", "a mail has waited to be filed for 11 minutes")]


def test_a_mail_whose_letter_is_gone(app: Flask, database: Database, newsroom: Newsroom) -> None:
    room = NewsletterMailroom(database, newsroom)
    row = room.receive(mail())
    assert look(app, "places of mail") == []
    database.write(lambda s: setattr(s.get_one(Letter, row.letter_id), "channel", "web"))
    assert look(app, "places of mail") == [("fault", "1 mails are placed as letters that are not there")]


@on_sqlite
def test_whether_senders_can_be_proven(app: Flask, database: Database, newsroom: Newsroom) -> None:
    nowhere = "no newsletter has an address for incoming mail (settings of the newsletter)"
    assert look(app, "senders") == [("note", nowhere)]
    database.write(lambda s: setattr(s.get_one(Newsletter, newsroom.newsletter_id), "inbox", "ask@steppe.example"))
    assert look(app, "senders") == []
    app.config |= {"MAIL_AUTHSERV_ID": "", "MAIL_RECEIVED_BY": ()}
    said = f"MAIL_AUTHSERV_ID and MAIL_RECEIVED_BY are empty and MAIL_DNS is 0: {incoming_mail.HELD}"
    assert look(app, "senders") == [("note", said)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 MB, for real."""
    mount = ("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(tmp_path))
    if os.geteuid() != 0 or subprocess.run(mount, check=False).returncode:
        skip_without("right to mount a small disk (run as root)")
    yield tmp_path
    subprocess.run(("umount", "-l", str(tmp_path)), check=True)


@on_sqlite
def test_a_disk_that_is_full(app: Flask, database: Database, small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    app.config["MAIL_FOLDER"] = str(small_disk)
    assert look(app, "disks") == []
    filling = small_disk / "filling"
    filling.write_bytes(b"x" * (60 << 20))
    there = Database(f"sqlite:///{small_disk / 'newsroom.db'}", Keys({1: b"k" * 32}), BASE_URL)
    full = [
        ("fault", f"the disk with {what} is full")
        for what in ("the database", "the mail folder", "the temporary files")
    ]
    assert look(app, "disks", there) == full
    filling.unlink()
    assert look(app, "disks", there) == []


@on_sqlite
def test_a_disk_that_is_nearly_full(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large disk can't be filled for a test: the system's answer is another one."""
    block, blocks = 4096, (100 << 30) // 4096
    for free, said in ((6, []), (0.9, ["the database", "the temporary files"])):
        left = int(free * (1 << 30)) // block
        disk = SimpleNamespace(f_bavail=left, f_frsize=block, f_blocks=blocks, f_files=9, f_favail=9)
        monkeypatch.setattr(os, "statvfs", lambda _, disk=disk: disk)
        assert look(app, "disks") == [("fault", f"the disk with {what} is nearly full: 921 MB left") for what in said]


@on_sqlite
def test_the_disk_of_postgresql_is_seen_on_the_same_machine_only(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = "the disk of the database can't be checked from here: monitor it on its own machine"
    disk = SimpleNamespace(f_bavail=0, f_frsize=4096, f_blocks=1 << 20, f_files=9, f_favail=9)
    monkeypatch.setattr(os, "statvfs", lambda folder: disk if str(folder) == str(tmp_path) else os.fstatvfs(0))
    monkeypatch.setattr(machines, "POSTGRES", tmp_path)
    for place, found in (
        ("/desk?host=/var/run/postgresql", ("fault", "the disk with the database is full")),
        ("127.0.0.1/desk", ("fault", "the disk with the database is full")),
        ("db.example.org/desk", ("not made", elsewhere)),
    ):
        database = Database(f"postgresql+psycopg://{place}", Keys({1: b"k" * 32}), BASE_URL)
        assert [one for one in look(app, "disks", database) if "database" in one[1]] == [found], place
        database.close()


@on_sqlite
def test_a_clock_that_has_gone_back(app: Flask, database: Database) -> None:
    record_sighting(database, get_past_time(minutes=-1))
    assert look(app, "clock") == []
    record_sighting(database, get_past_time(minutes=-31))
    assert look(app, "clock") == [("fault", "the clock is 30 minutes behind the newest stored time")]


@on_sqlite
@pytest.mark.parametrize(("minutes", "is_wrong"), [(0, False), (30, True)])
def test_a_clock_that_others_contradict(
    app: Flask, smtp: smtp_servers.SmtpServer, minutes: int, is_wrong: bool
) -> None:
    theirs = get_past_time(minutes=minutes)

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(200)
            self.send_header("Date", format_datetime(theirs, usegmt=True))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    smtp.replies["GREETING"] = f"220 mx.example ESMTP; {format_datetime(theirs)}".encode()
    with HTTPServer(("127.0.0.1", 0), Site) as site:
        thread = Thread(target=site.handle_request)
        thread.start()
        app.config["BASE_URL"] = f"http://127.0.0.1:{site.server_address[1]}"
        found = look(app, "clock")
        thread.join()
    said = f"says that it is {theirs:%Y-%m-%d %H:%M} UTC: one of the two clocks is wrong"
    assert found == [("fault", f"{who} {said}") for who in ("the mail server", "the site") if is_wrong]


@on_sqlite
def test_a_proxy_that_is_not_trusted_or_says_nothing(app: Flask, database: Database, newsroom: Newsroom) -> None:
    app.extensions["proxies"] = ProxyStatistics()  # other tests have used this app
    client = app.test_client()
    client.get("/steppe/")
    assert look(app, "proxy") == []
    for _ in range(4):
        client.get("/steppe/", headers={"X-Forwarded-For": "192.0.2.7"})
    assert look(app, "proxy") == [("fault", "X-Forwarded-For came, and none is trusted (TRUSTED_PROXIES=0)")]
    app.config["TRUSTED_PROXIES"] = 2
    assert look(app, "proxy") == []
    app.extensions["proxies"] = type(app.extensions["proxies"])()
    client.get("/steppe/", headers={"X-Forwarded-For": "192.0.2.7, 192.0.2.8"})
    assert look(app, "proxy") == []
    for _ in range(2):
        client.get("/steppe/", headers={"X-Forwarded-For": "192.0.2.7"})
    assert look(app, "proxy") == [("fault", "X-Forwarded-For has too few addresses (TRUSTED_PROXIES=2)")]
    with database.read() as session:
        kept = sightings.list_by_prefix(session, "proxy: ")
        assert (len(kept), {(row.number, row.seen_at.minute) for row in kept.values()}) == (2, {(1, 0)})


@on_sqlite
def test_a_check_that_trips_keeps_nobody_from_the_others(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: 1 / 0)
    with app.app_context():
        looked = checks.examine(app.extensions["database"], app.config, quick=True)
    assert [one.check.name for one in looked] == [check.name for check in checks.CHECKS if check.quick]
    assert [found.message for found in looked[-1].findings] == ["the check itself failed: ZeroDivisionError"]


@on_sqlite
def test_the_provider_of_the_newsroom_s_accounts(app: Flask) -> None:
    assert look(app, "accounts") == [], "none is set"
    says = "the provider of the newsroom's accounts: "
    with run_oidc_provider(BASE_URL) as provider:
        app.config["OIDC"] = provider.get_account()
        assert look(app, "accounts") == []
        found = {**provider.get_discovery().body, "issuer": f"{provider.issuer}/"}
        provider.responses["/.well-known/openid-configuration"] = CannedResponse(found)
        assert look(app, "accounts") == [("fault", f"{says}its discovery document is of another issuer")]
    assert look(app, "accounts") == [("fault", f"{says}it can't be reached (ConnectionRefusedError)")]
