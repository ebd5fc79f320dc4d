"""Mail on its whole way, with the servers that newsrooms run: Postfix takes and carries it, Dovecot keeps it."""

import email
import smtplib
from collections.abc import Iterator
from email.header import decode_header, make_header

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.engine import Database
from app.mail import inbound, outbox
from app.mail.message import Message
from app.mail.models import Inbound, OutboxMail
from app.newsletters.models import Newsletter
from app.server import worker
from app.settings.mail_accounts import parse_mailboxes
from tests.support.desk import Desk
from tests.support.incoming_mails import mail
from tests.support.mail_servers import Dovecot, NewsroomServers, newsroom_servers
from tests.support.sample_newsroom import Newsroom
from tests.support.waiting import wait_until

WORDS = "Почему соль в колодцах поднимается каждую весну? 为什么? چرا؟"


@pytest.fixture(scope="module")
def servers() -> Iterator[NewsroomServers]:
    with newsroom_servers() as made:
        yield made


@pytest.fixture
def server(servers: NewsroomServers) -> Dovecot:
    return servers.dovecot


@pytest.fixture
def mx(servers: NewsroomServers, database: Database) -> int:
    servers.newsroom = database
    return servers.mx


@pytest.fixture
def desk(app: Flask, database: Database, newsroom: Newsroom, mx: int) -> Desk:
    """Nora at her desk. The newsletter takes mail at ask@steppe.example and sends by the same server."""

    def take_mail(session: Session) -> None:
        session.get_one(Newsletter, newsroom.newsletter_id).inbox = "ask@steppe.example"

    database.write(take_mail)
    app.config |= {
        "MAIL_TRANSPORT": "smtp", "MAIL_SERVER": "127.0.0.1", "MAIL_PORT": mx, "MAIL_FROM": "desk@steppe.example",
        "MAIL_RETURN_PATH": "bounces@steppe.example", "MAIL_SUPPRESS_SEND": False,  # Flask-Mail sends nothing in tests
    }  # fmt: skip
    return Desk(app, newsroom.nora)


def send(port: int, raw: bytes, *recipients: str) -> None:
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.sendmail("timur@post.example", recipients, raw)


def places(database: Database) -> dict[str, int]:
    with database.read() as session:
        return {name: number for name, number in inbound.count_by_place(session).items() if number}


def test_a_readers_mail_comes_through_postfix_to_our_lmtp_door_and_stands_in_the_inbox(
    app: Flask, database: Database, desk: Desk, mx: int
) -> None:
    raw = mail(to="ask@steppe.example", subject="Соль", body=WORDS)
    send(mx, raw, "ask@steppe.example", "ask+tips@steppe.example")
    wait_until(lambda: places(database) == {"stored": 1}, "the mail")
    with database.read() as session:
        row = session.scalars(select(Inbound)).one()
        kept = inbound.get_raw(session, row)
    envelope = sorted(line for line in kept.split(b"\r\n") if line.startswith((b"Return-Path:", b"Delivered-To:")))
    assert (row.source, envelope) == (
        "lmtp",
        [
            b"Delivered-To: ask+tips@steppe.example",
            b"Delivered-To: ask@steppe.example",
            b"Return-Path: <timur@post.example>",
        ],
    )
    assert kept.endswith(raw.partition(b"\r\n\r\n")[2] + b"\r\n")
    worker.run(app, run_once=True)
    assert places(database) == {"letter": 1}
    assert WORDS in desk.get_text("letters")


def test_a_readers_mail_comes_through_postfix_and_dovecot_into_the_inbox(
    app: Flask, database: Database, desk: Desk, mx: int, server: Dovecot
) -> None:
    """The newsroom's address is a mailbox somewhere; the worker fetches from it."""
    user = f"steppe-{'sqlite' if database.is_sqlite else 'postgresql'}@post.example"
    app.config["MAILBOXES"] = parse_mailboxes(server.mailbox_url(user, newsletter="steppe"))
    send(mx, mail(to=user, subject="Соль", body=WORDS), user.replace("@", "+steppe@"))
    wait_until(lambda: server.count_mails(user) == 1, "the mail on the server")
    worker.run(app, run_once=True)
    assert (places(database), server.count_mails(user)) == ({"letter": 1}, 0)
    assert WORDS in desk.get_text("letters")


SUBJECT = "Вопрос читателей: 中国在塞尔维亚买了什么, و چرا همه درباره‌ی آن می‌پرسند؟ — Ж" + "ы" * 60
TEXT = "سلام گلنارا،\n\n中国在塞尔维亚买了什么？\n\nFrom the wells\n.\n..\n" + "Қазақша сөйлем. " * 90 + "\n"


def to_gulnara(database: Database, newsroom: Newsroom, to: str) -> str:
    """Nora writes to Gulnara; gives the Message-ID."""
    message = Message(
        kind="expert.invitation", to=to, to_name="Гүлнара Есенова", subject=SUBJECT, text=TEXT, language="fa",
        from_name="Nora Lind",
    )  # fmt: skip

    def write(session: Session) -> str:
        written = outbox.put(session, message, newsletter_id=newsroom.newsletter_id)
        assert written is not None
        return written.message_id

    return database.write(write)


def test_the_desks_mail_is_read_by_another_library_letter_for_letter(
    app: Flask, database: Database, newsroom: Newsroom, desk: Desk, server: Dovecot
) -> None:
    user = f"gulnara-{'sqlite' if database.is_sqlite else 'postgresql'}@post.example"
    message_id = to_gulnara(database, newsroom, user)
    worker.run(app, run_once=True)
    wait_until(lambda: server.count_mails(user) == 1, "the mail")
    with server.connect(user) as mailbox:
        ((_, found),) = mailbox.fetch(mailbox.search("ALL"), ["ENVELOPE", "RFC822"]).items()
    envelope, mime = found[b"ENVELOPE"], email.message_from_bytes(found[b"RFC822"])
    part = next(part for part in mime.walk() if part.get_content_type() == "text/plain")
    body = part.get_payload(decode=True)
    assert isinstance(body, bytes)
    assert envelope.message_id.decode() == message_id
    assert str(make_header(decode_header(envelope.subject.decode()))) == SUBJECT
    assert str(make_header(decode_header(envelope.to[0].name.decode()))) == "Гүлнара Есенова"
    assert body.decode().replace("\r\n", "\n") == TEXT
    assert max(map(len, found[b"RFC822"].split(b"\r\n"))) <= 998


def test_a_bounce_finds_its_mail(app: Flask, database: Database, newsroom: Newsroom, desk: Desk) -> None:
    """Postfix can't deliver the mail and says so to the return path, which is our LMTP door."""
    message_id = to_gulnara(database, newsroom, "gulnara@gone.example")
    worker.run(app, run_once=True)
    wait_until(lambda: places(database) == {"stored": 1}, "the bounce")
    worker.run(app, run_once=True)
    with database.read() as session:
        sent = session.scalars(select(OutboxMail).filter_by(message_id=message_id)).one()
        # Near a cut-off the worker has written to Nora too, and that comes back as well.
        bounces = session.scalars(select(Inbound.state).filter_by(outbox_id=sent.id)).all()
    assert (bounces, sent.bounced_at is not None) == (["bounce"], True)
