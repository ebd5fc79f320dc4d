"""`readers-asked mail test`: a mail goes out for real and comes back by a way in, and the command tells which."""

import email
import re
import smtplib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage

import pytest
from flask import Flask
from sqlalchemy import select

import config
from app.db.engine import Database
from app.doctor import round_trip
from app.letters.models import Letter
from app.mail import inbound
from app.mail.models import Inbound, InboundRaw, OutboxContent, OutboxMail
from app.newsletters.models import Newsletter
from tests.support import smtp_servers
from tests.support.commands import record_sighting
from tests.support.incoming_mails import MX, dmarc_pass, mail
from tests.support.mail_servers import NewsroomServers, newsroom_servers
from tests.support.mailroom import NewsletterMailroom
from tests.support.sample_newsroom import Newsroom
from tests.support.waiting import wait_until

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(scope="module")
def servers() -> Iterator[NewsroomServers]:
    with newsroom_servers() as made:
        yield made


def takes_mail(database: Database, newsroom: Newsroom, inbox: str) -> None:
    database.write(lambda s: setattr(s.get_one(Newsletter, newsroom.newsletter_id), "inbox", inbox))


@pytest.fixture
def house(app: Flask, database: Database, newsroom: Newsroom, servers: NewsroomServers) -> NewsroomServers:
    """The newsletter takes mail at ask@steppe.example and sends by the same server."""
    takes_mail(database, newsroom, "ask@steppe.example")
    app.config |= {
        "MAIL_TRANSPORT": "smtp", "MAIL_SERVER": "127.0.0.1", "MAIL_PORT": servers.mx, "MAIL_FROM": "desk@steppe.example",
        "MAIL_RETURN_PATH": "bounces@steppe.example", "MAIL_SUPPRESS_SEND": False, "MAILBOXES": (),
    }  # fmt: skip
    servers.newsroom = database
    return servers


def run(app: Flask, *command: str) -> tuple[int, list[str]]:
    """The exit status, and the lines with their times and tokens taken out."""
    result = app.test_cli_runner().invoke(args=("mail", "test", *command))
    assert isinstance(result.exception, SystemExit | None), result.exception
    said = re.sub(r"\+[a-z2-7]{16}@", "+TOKEN@", re.sub(r"\d+\.\d s", "N s", result.stdout))
    return result.exit_code, said.splitlines()


def letters(database: Database) -> int:
    with database.read() as session:
        return len(session.scalars(select(Letter)).all())


NO_WORKER = "No worker is running: until one does, this command polls the mailboxes and files what arrives."
UNPROVEN = 'its sender is not believed: not checked (docs/mail.md, "Who says who wrote it")'


def test_the_mail_itself_comes_in_where_it_was_sent_to_an_address_of_ours(
    app: Flask, database: Database, house: NewsroomServers
) -> None:
    assert run(app, "ask@steppe.example", "--wait", "60") == (
        0,
        [
            "Replies go to ask+TOKEN@steppe.example",
            f"outbox > handed to 127.0.0.1:{house.mx}, after N s",
            NO_WORKER,
            "LMTP > automatic (the mail itself, or an answer to it), N s after it was written",
            UNPROVEN,
        ],
    )
    assert letters(database) == 0
    with database.read() as session:
        assert session.scalar(select(OutboxContent)) is None  # the address went with the hand-over


@contextmanager
def answering(house: NewsroomServers, user: str, answer: Callable[[EmailMessage], EmailMessage]) -> Iterator[None]:
    """Somebody who reads the mailbox and answers what comes there once, by Postfix."""

    def read() -> None:
        wait_until(lambda: house.dovecot.count_mails(user) == 1, "the test mail")
        with house.dovecot.connect(user) as box:
            ((_, found),) = box.fetch(box.search("ALL"), ["RFC822"]).items()
        made = answer(email.message_from_bytes(found[b"RFC822"], _class=EmailMessage))  # type: ignore[arg-type]
        with smtplib.SMTP("127.0.0.1", house.mx) as client:
            client.send_message(made, user, [made["To"]])

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def reply(to: str, **headers: str) -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"], made["Message-ID"] = (
        "nora@post.example",
        to,
        "Re: a test",
        "<1@post.example>",
    )
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    made.set_content("It has come. Why is the salt rising?")
    return made


@pytest.mark.parametrize(
    "by", [lambda m: {"In_Reply_To": m["Message-ID"]}, lambda m: {}], ids=["an answer", "a new mail to its address"]
)
def test_an_answer_never_becomes_a_letter(
    app: Flask,
    database: Database,
    house: NewsroomServers,
    by: Callable[[EmailMessage], dict[str, str]],
    request: pytest.FixtureRequest,
) -> None:
    user = f"nora-{len(request.node.callspec.id)}@post.example"
    with answering(house, user, lambda asked: reply(asked["Reply-To"], **by(asked))):
        status, lines = run(app, user, "--wait", "60")
    assert (status, lines[3]) == (0, "LMTP > automatic (the mail itself, or an answer to it), N s after it was written")
    assert letters(database) == 0


def test_without_a_worker_the_command_looks_into_the_mailbox(
    app: Flask, database: Database, newsroom: Newsroom, house: NewsroomServers
) -> None:
    takes_mail(database, newsroom, "letters@post.example")
    app.config["MAILBOXES"] = config.parse_mailboxes(house.dovecot.mailbox_url("letters@post.example"))
    status, lines = run(app, "letters@post.example", "--wait", "60")
    assert (status, lines[3]) == (
        0,
        "the mailbox letters@post.example@127.0.0.1/INBOX > automatic (the mail itself, or an answer to it), N s after it "
        "was written",
    )


def test_a_bounce_tells_why(app: Flask, database: Database, house: NewsroomServers) -> None:
    status, lines = run(app, "gulnara@gone.example", "--wait", "60")
    assert (status, lines[3]) == (1, "LMTP > bounce (a bounce), N s after it was written")
    assert lines[4].startswith("it could not be delivered: 5.1.1 ")


def test_a_server_that_refuses_the_mail_ends_it(app: Flask, newsroom: Newsroom) -> None:
    with smtp_servers.run_smtp_server() as server:
        server.replies["RCPT"] = b"550 5.1.1 no such person as nora@post.example"
        app.config |= {
            "MAIL_TRANSPORT": "smtp", "MAIL_SERVER": "127.0.0.1", "MAIL_PORT": server.port, "MAIL_SUPPRESS_SEND": False,
        }  # fmt: skip
        assert run(app, "nora@post.example") == (
            1,
            [
                "No newsletter has an address that replies could be sent to",
                "outbox > failed: 550 5.1.1 no such person as …",
                NO_WORKER,
                "Nothing came back: outbox > failed: 550 5.1.1 no such person as …",
            ],
        )


def test_nothing_comes_back_in_time(app: Flask, database: Database, newsroom: Newsroom) -> None:
    """While a worker runs, fetching and placing is its business."""
    takes_mail(database, newsroom, "ask@steppe.example")
    record_sighting(database)
    folder = f"written to the folder {app.config['MAIL_FOLDER']}, where nobody gets it, after N s"
    assert run(app, "nora@post.example", "--wait", "0.1") == (
        1, ["Replies go to ask+TOKEN@steppe.example", f"outbox > {folder}", f"Nothing came back: outbox > {folder}"],
    )  # fmt: skip


def test_what_is_no_address_is_refused_and_nothing_is_written(app: Flask, database: Database) -> None:
    status, _ = run(app, "nobody")
    with database.read() as session:
        assert (status, session.scalar(select(OutboxMail))) == (2, None)


@pytest.mark.parametrize(
    ("settings", "is_shown", "message"),
    [
        ({}, True, "its sender is believed: dmarc"),
        ({}, False, 'its sender is not believed: not checked (docs/mail.md, "Who says who wrote it")'),
        ({"MAIL_AUTHSERV_ID": ""}, False,
         "its sender is not believed: MAIL_AUTHSERV_ID and MAIL_RECEIVED_BY are not both set, and MAIL_DNS is 0"),
    ],
)  # fmt: skip
def test_whether_the_sender_of_an_answer_is_believed(
    app: Flask, database: Database, newsroom: Newsroom, settings: dict[str, str], is_shown: bool, message: str
) -> None:
    room, nora = NewsletterMailroom(database, newsroom), "nora@post.example"
    app.config |= {"MAIL_AUTHSERV_ID": MX, "MAIL_RECEIVED_BY": (MX,), **settings}
    mail_id, back_to = round_trip.queue_test_mail(database, nora)
    row = room.receive(mail(nora, back_to or "", **({"Authentication_Results": dmarc_pass(nora)} if is_shown else {})))
    trip = round_trip.get_trip(database, mail_id)
    assert trip.back is not None
    assert (row.state, trip.back.id) == ("automatic", row.id)
    assert list(round_trip.describe_return(database, app.config, mail_id, trip.back))[1:] == [message]
    with database.read() as session:
        assert session.scalar(select(InboundRaw)) is None  # what somebody answered is nobody's to read


def test_a_reader_who_writes_meanwhile_is_heard(database: Database, newsroom: Newsroom) -> None:
    room = NewsletterMailroom(database, newsroom)
    round_trip.queue_test_mail(database, "nora@post.example")
    assert room.receive(mail()).state == "letter"
    with database.read() as session:
        assert inbound.count_by_place(session)["letter"] == len(session.scalars(select(Inbound)).all()) == 1
