"""Every block of docs/mail.md, run as it stands on a machine of its own, beside what the newsroom's mail server did before."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import config
from app.db.engine import Database
from app.mail import outbox
from app.mail.message import Message
from app.mail.models import OutboxMail
from app.mailroom.batch import Settings
from app.mailroom.placing import place_due
from app.newsletters.models import Newsletter
from tests.support.app import PRODUCTION_SETTINGS
from tests.support.debian_machine import PROGRAM_FOLDER, wait_for_machine
from tests.support.incoming_mails import mail
from tests.support.mail_machine import PASSWORD, MailMachine, mail_machine
from tests.support.mailroom import start_mail_reader
from tests.support.source import ROOT


@dataclass(frozen=True)
class Block:
    """A block of the page: under which heading, of what kind ("sh", "env", "python"), and what stands in it."""

    heading: str
    kind: str
    text: str


def blocks_of(page: str) -> list[Block]:
    found = []
    for part in re.split(r"^##+ ", page, flags=re.MULTILINE):
        heading = part.partition("\n")[0].lstrip("# ")
        found += [
            Block(heading, *block) for block in re.findall(r"^```(\w*)\n(.*?)^```$", part, re.DOTALL | re.MULTILINE)
        ]
    return found


BLOCKS = blocks_of((ROOT / "docs" / "mail.md").read_text())
RUN: set[str] = set()


def runs(*headings: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Mark a test by the headings whose blocks it runs, all of them."""
    RUN.update(headings)
    return lambda test: test


def get_block(heading: str, kind: str, number: int = 0) -> str:
    return [block.text for block in BLOCKS if (block.heading, block.kind) == (heading, kind)][number]


@pytest.fixture(scope="module")
def house(sqlite_newsroom: tuple[Path, object]) -> Iterator[MailMachine]:
    with mail_machine(sqlite_newsroom[0]) as made:
        yield made


@pytest.fixture
def server(house: MailMachine) -> Iterator[MailMachine]:
    """The machine as its newsroom had it before it read the page."""
    with house.fresh_newsroom():
        yield house


def takes_mail_at(server: MailMachine, inbox: str) -> None:
    """The newsletter "letter" has this address for mails that come in."""

    def set_up(session: Session) -> None:
        newsletter = session.scalars(select(Newsletter)).one()
        newsletter.slug, newsletter.inbox = "letter", inbox

    server.database.write(set_up)


def writes_to_nobody(database: Database) -> None:
    """Nora writes to somebody whose address is wrong."""
    message = Message(
        kind="expert.invitation", to="gulnara@gone.example", to_name="", subject="Salt", text="Who measures it?",
        language="en", from_name="Nora Lind",
    )  # fmt: skip
    database.write(lambda session: outbox.put(session, message) and None)


def place_mails(server: MailMachine, returns: str = "") -> list[str]:
    place_due(server.database, start_mail_reader(), Settings(return_path=returns, from_address="ask@example.org"))
    return [place for _source, place, _raw in server.list_inbound_mails()]


def delivered_to(server: MailMachine) -> list[list[str]]:
    return [
        re.findall(r"(?m)^Delivered-To: (\S+)", raw.decode().replace("\r", ""))
        for _, _, raw in server.list_inbound_mails()
    ]


def bounced(database: Database) -> bool:
    """Whether her mail came back; on some days of the calendar the worker writes others of its own."""
    with database.read() as session:
        return session.scalars(select(OutboxMail).filter_by(kind="expert.invitation")).one().bounced_at is not None


def nothing_else_is_broken(server: MailMachine) -> None:
    """Mail to nora, who has an account on this server, and to another domain that it serves arrives as before."""
    for name in ("nora@example.org", "postmaster@example.org", "anna@branch.example"):
        server.send_mail(mail(to=name, subject=f"to {name}"), name)
    wait_for_machine(
        lambda: (
            server.read_noras_mailbox().count("Subject: to ") == 2
            and len(server.read_mailbox("anna@branch.example")) == 1
        ),
        "other mail",
    )


ONE, MANY = "ask@example.org", "*@reply.example.org"


@runs("A domain of its own", "One address among others", "By a pipe")
@pytest.mark.parametrize(
    ("heading", "inbox", "returns", "addresses", "source"),
    [
        ("A domain of its own", MANY, "*@reply.example.org", ("hello@reply.example.org", "ask+tips@reply.example.org"), "lmtp"),
        ("One address among others", ONE, "bounces@example.org", ("ask@example.org", "ask+tips@example.org"), "lmtp"),
        ("By a pipe", ONE, "bounces@example.org", ("ask@example.org", "ask+tips@example.org"), "pipe"),
    ],
)  # fmt: skip
def test_postfix_brings_letters_plus_addresses_and_bounces_and_serves_everybody_else_as_before(
    server: MailMachine, heading: str, inbox: str, returns: str, addresses: tuple[str, ...], source: str
) -> None:
    takes_mail_at(server, inbox)
    server.write_settings(get_block("One address among others" if source == "pipe" else heading, "env"))
    if source == "lmtp":
        server.machine.start_program("readers-asked mail lmtp")
    server.machine.run(get_block(heading, "sh"))
    if source == "lmtp":
        wait_for_machine(lambda: server.machine.has_listener(8024), "our LMTP door")
    for address in addresses:
        server.send_mail(mail(to=address, body=f"Who measures the salt, {address}?"), address)
    nothing_else_is_broken(server)
    server.wait_for_mails(2)
    assert sorted(delivered_to(server)) == sorted([address] for address in addresses)
    assert {way for way, _, _ in server.list_inbound_mails()} == {source}
    assert all(
        b"by mx.example.org " in raw for _, _, raw in server.list_inbound_mails()
    )  # what MAIL_RECEIVED_BY is about
    assert place_mails(server, returns) == ["letter", "letter"]
    writes_to_nobody(server.database)
    server.machine.run_program("readers-asked worker --once")
    server.wait_for_mails(3)
    assert (place_mails(server, returns)[2], bounced(server.database)) == ("bounce", True)
    if source == "pipe":
        what_can_not_be_taken_waits(server)


def what_can_not_be_taken_waits(server: MailMachine) -> None:
    """The settings can't be read for a while, and dash ends at once where it can't read a file."""
    server.machine.run("mv /etc/readers-asked/environment /etc/readers-asked/away")
    server.send_mail(mail(to=ONE, body="And who pays for it?"), ONE)
    wait_for_machine(lambda: "status=deferred" in server.read_log(), "a mail that waits")
    assert "status=bounced" not in [line for line in server.read_log().splitlines() if ONE in line]
    server.machine.run("mv /etc/readers-asked/away /etc/readers-asked/environment; postqueue -f")
    server.wait_for_mails(4)


@runs("1. A mailbox at a provider, with a password")
def test_a_mailbox_with_a_password(server: MailMachine) -> None:
    """Passwords go over TLS only; a bounce comes into the same mailbox and is known by what it quotes."""
    heading = "1. A mailbox at a provider, with a password"
    takes_mail_at(server, ONE)
    server.create_mailbox()
    server.write_settings(get_block(heading, "env"))
    server.send_mail(mail(to=ONE), ONE)
    wait_for_machine(lambda: len(server.read_mailbox(ONE)) == 1, "the mail at the provider")
    assert (
        server.machine.run_program(get_block(heading, "sh")).splitlines()[-1]
        == "mailbox 1 (imap.example.org): 1 stored"
    )
    writes_to_nobody(server.database)
    server.machine.run_program("readers-asked worker --once")
    wait_for_machine(lambda: len(server.read_mailbox(ONE)) == 1, "the bounce at the provider")
    server.machine.run_program("readers-asked worker --once")
    assert (place_mails(server), bounced(server.database), server.read_mailbox(ONE)) == (["letter", "bounce"], True, [])
    assert PASSWORD not in server.read_log()


@runs("Microsoft 365", "Gmail")
@pytest.mark.parametrize("heading", ["Microsoft 365", "Gmail"])
def test_an_account_that_signs_in_by_token(server: MailMachine, heading: str) -> None:
    """Their names lead to a provider and a mail server on this machine, in whose place the recipe can't tell them apart."""
    takes_mail_at(server, ONE)
    server.create_mailbox()
    server.write_settings(get_block(heading, "env"))
    server.send_mail(mail(to=ONE), ONE)
    wait_for_machine(lambda: len(server.read_mailbox(ONE)) == 1, "the mail at the provider")
    refresh = server.start_provider(ONE)
    said = server.machine.run_program(
        get_block(heading, "sh"), b"" if heading == "Microsoft 365" else f"{refresh}\n".encode()
    )
    names = (
        ("outlook.office365.com", "smtp.office365.com")
        if heading == "Microsoft 365"
        else ("imap.gmail.com", "smtp.gmail.com")
    )
    assert re.findall(r"^\S.*: open$", said, re.MULTILINE) == [
        f"mailbox 1 ({names[0]}): open",
        f"SMTP ({names[1]}): open",
    ]
    writes_to_nobody(server.database)
    server.machine.run_program("readers-asked worker --once")
    wait_for_machine(lambda: len(server.read_mailbox(ONE)) == 1, "the bounce at the provider")
    assert (place_mails(server), [way for way, _, _ in server.list_inbound_mails()]) == (["letter"], ["imap"])


@runs("4. A webhook")
def test_a_webhook(server: MailMachine) -> None:
    heading = "4. A webhook"
    takes_mail_at(server, ONE)
    server.machine.run(get_block(heading, "sh", 0))
    address = server.machine.run_program(get_block(heading, "sh", 1)).strip()
    assert address.startswith("https://ask.example.org/mail/in/")
    server.machine.start(server.machine.as_account("exec readers-asked web"))
    front = ROOT / "tests" / "support" / "tls_proxy.py"
    server.machine.start(
        server.machine.as_account(f"exec python {front} 443 8000 /etc/ssl/newsroom.pem /etc/ssl/newsroom.key")
    )
    wait_for_machine(
        lambda: server.machine.has_listener(8000) and server.machine.has_listener(443),
        "the web process and what stands in front",
    )
    script = get_block(heading, "python")
    secret = server.machine.run_program('echo "$MAIL_WEBHOOK_SECRET"').strip()
    raw = mail(to=ONE)
    assert server.machine.run_python(script, stdin=raw, SECRET=secret, ADDRESS=address) == "200\n"
    assert [(way, kept) for way, _, kept in server.list_inbound_mails()] == [("webhook", raw)]
    assert place_mails(server) == ["letter"]


@runs("Who says who wrote it")
def test_names_of_the_newsrooms_own_server() -> None:
    lines = dict(line.replace('"', "").split("=") for line in get_block("Who says who wrote it", "env").splitlines())
    settings = config.load({**PRODUCTION_SETTINGS, **lines})
    assert (settings["MAIL_AUTHSERV_ID"], settings["MAIL_RECEIVED_BY"]) == (
        "mx.example.org", ("mx.example.org", "mx2.example.org"),
    )  # fmt: skip


@runs("Looking after it")
def test_looking_after_it(server: MailMachine) -> None:
    takes_mail_at(server, ONE)
    first, second = get_block("Looking after it", "sh", 0), get_block("Looking after it", "sh", 1)
    server.machine.run_program("readers-asked worker --once")  # a worker is at work
    said = server.machine.run_program(first).splitlines()
    assert [line for line in said if line in ("no mail is waiting", "letters with new text: 0")] == [
        "no mail is waiting",
        "letters with new text: 0",
        "no mail is waiting",
    ]
    (server.shared / "message.eml").write_bytes(mail(to=ONE))
    said = server.machine.run_program(f"cd {server.shared}; export FLASK_APP={PROGRAM_FOLDER}/wsgi.py; {second}")
    assert json.loads(said)["place"] == "letter"


def test_every_block_of_the_page_is_run() -> None:
    kinds = {block.kind for block in BLOCKS}
    assert (kinds, len(BLOCKS) > 12) == ({"sh", "env", "python"}, True)
    assert {block.heading for block in BLOCKS} == RUN
    assert not re.search(
        r"(?m)^ {4,}\S", re.sub(r"(?s)^```.*?^```$", "", (ROOT / "docs" / "mail.md").read_text(), flags=re.MULTILINE)
    )
