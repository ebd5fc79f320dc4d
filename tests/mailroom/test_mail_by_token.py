"""Mail by token instead of a password, with real servers: Dovecot asks the provider whose a token is, Postfix asks Dovecot."""

import email
from collections.abc import Iterator
from datetime import timedelta
from email.message import Message as Mime

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

import config
from app.db.engine import Database
from app.db.session import now
from app.mail import outbox, sign_ins
from app.mail.message import Message
from app.mail.models import Inbound, MailSignIn, OutboxMail
from app.mailroom import signing_in
from app.server import worker
from tests.support.app import PRODUCTION_SETTINGS
from tests.support.desk import Desk
from tests.support.fake_servers import CannedResponse
from tests.support.incoming_mails import mail
from tests.support.mail_servers import Dovecot, dovecot, postfix
from tests.support.sample_newsroom import Newsroom
from tests.support.token_server import TokenServer, build_token_error, run_token_server
from tests.support.waiting import wait_until

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
OPEN = "mailbox 1 (127.0.0.1): open\nSMTP (127.0.0.1): open\n"


@pytest.fixture(scope="module")
def provider() -> Iterator[TokenServer]:
    with run_token_server() as server:
        yield server


@pytest.fixture(scope="module")
def server(provider: TokenServer) -> Iterator[Dovecot]:
    with dovecot(f"{provider.url}/introspect") as running:
        yield running


@pytest.fixture(scope="module")
def mx(server: Dovecot) -> Iterator[int]:
    """Takes mail from those alone who have signed in."""
    with postfix(sasl=server.sasl, post_example=server.lmtp) as port:
        yield port


@pytest.fixture
def user(request: pytest.FixtureRequest) -> str:
    """An account that no other test has seen."""
    return f"ask{abs(hash(request.node.name))}@steppe.example"


@pytest.fixture
def desk(
    app: Flask, newsroom: Newsroom, nora: Desk, provider: TokenServer, server: Dovecot, mx: int, user: str
) -> Desk:
    """Nora's desk, whose account has no password, neither for its mailbox nor for sending; nobody has signed in yet."""
    settings = config.load(
        PRODUCTION_SETTINGS | provider.get_settings()
        | {
            "MAILBOXES": f"imap://{user.replace('@', '%40')}@127.0.0.1:{server.imap}/INBOX?oauth=1&newsletter=steppe",
            "MAIL_SERVER": "127.0.0.1", "MAIL_PORT": str(mx), "MAIL_USERNAME": user,
        }
    )  # fmt: skip
    app.config |= {name: settings[name] for name in settings if name.startswith("MAIL")}
    app.config |= {"MAIL_SUPPRESS_SEND": False}  # Flask-Mail sends nothing in tests
    provider.responses.clear()
    provider.requests.clear()
    return nora


def run(app: Flask, *command: str, given: str = "") -> tuple[int, str, list[str]]:
    """The exit status, what was printed, and the lines of standard error without the progress bar."""
    result = app.test_cli_runner().invoke(args=command, input=given)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return (
        result.exit_code,
        result.stdout,
        [line for line in result.stderr.splitlines() if not line.startswith("Waiting")],
    )


def sign_in_account(app: Flask, provider: TokenServer, user: str) -> None:
    status, _said, faults = run(
        app, "mail", "sign-in", "--refresh-token", given=f"{provider.create_refresh_token(user)}\n"
    )
    assert (status, faults) == (0, [])


def an_hour_later(database: Database) -> None:
    def age(session: Session) -> None:
        row = session.scalars(select(MailSignIn)).one()
        row.good_until = row.renewed_at = now(session) - timedelta(hours=1)

    database.write(age)


def to_gulnara(database: Database, newsroom: Newsroom) -> None:
    """Nora writes to Gulnara."""
    message = Message(
        kind="expert.invitation", to="gulnara@post.example", to_name="", subject="Salt", text="Who measures it?",
        language="en", from_name="Nora Lind",
    )  # fmt: skip
    database.write(lambda session: outbox.put(session, message, newsletter_id=newsroom.newsletter_id) and None)


def mails(database: Database) -> list[tuple[str | None, str | None]]:
    """What became of the mails to Gulnara; near a cut-off the worker writes others to Nora."""
    to_experts = select(OutboxMail).where(OutboxMail.kind == "expert.invitation").order_by(OutboxMail.id)
    with database.read() as session:
        return [(one.state, one.said) for one in session.scalars(to_experts)]


def test_a_sign_in_by_code_opens_the_mailbox_and_the_way_out(
    app: Flask, database: Database, desk: Desk, provider: TokenServer, user: str
) -> None:
    provider.responses = [
        CannedResponse({"device_code": "d", "user_code": "WDJB-MJHT", "verification_uri": "https://id.example/code",
                "expires_in": 60, "interval": 1}),
        provider.issue_tokens(user),
    ]  # fmt: skip
    said = f"Open https://id.example/code\nand type WDJB-MJHT\nas {user}.\n{user} is signed in.\n{OPEN}"
    assert run(app, "mail", "sign-in", user) == (0, said, [])
    assert [
        form.get("scope", form.get("device_code")) for path, form in provider.requests if path != "/introspect"
    ] == ["mail", "d"]
    assert run(app, "mail", "sign-in") == (0, "Every mail account is signed in.\n", [])


def test_a_refresh_token_is_pasted_where_there_are_no_codes(
    app: Flask, desk: Desk, provider: TokenServer, user: str
) -> None:
    (box,) = app.config["MAILBOXES"]
    assert box.account == app.config["MAIL_SMTP_ACCOUNT"]
    given = f" {provider.create_refresh_token(user)}\n"
    assert run(app, "mail", "sign-in", "--refresh-token", given=given) == (0, f"{user} is signed in.\n{OPEN}", [])
    assert run(app, "mail", "sign-in", "nobody")[2] == [f"Error: no such account; there is {user}"]


def test_whoever_signs_in_as_somebody_else_is_told_by_the_servers(
    app: Flask, desk: Desk, provider: TokenServer, user: str
) -> None:
    given = f"{provider.create_refresh_token('timur@post.example')}\n"
    assert run(app, "mail", "sign-in", "--refresh-token", given=given) == (
        1, f"{user} is signed in.\n", ["mailbox 1 (127.0.0.1): SignInRefused", "SMTP (127.0.0.1): SMTPAuthenticationError"],
    )  # fmt: skip


def test_a_provider_that_says_no_is_quoted_to_whoever_signs_in(
    app: Flask, desk: Desk, provider: TokenServer, user: str
) -> None:
    provider.responses = [build_token_error("invalid_client", 401, "AADSTS7000218: public client flows are off")]
    assert run(app, "mail", "sign-in") == (
        1, "",
        [f"Error: {user} is not signed in: 127.0.0.1: it says invalid_client", "AADSTS7000218: public client flows are off"],
    )  # fmt: skip


def test_mail_comes_and_goes_by_token_and_a_token_that_has_ended_is_renewed(
    app: Flask, database: Database, newsroom: Newsroom, desk: Desk, provider: TokenServer, server: Dovecot, user: str
) -> None:
    sign_in_account(app, provider, user)
    for hour in range(2):
        server.append_mails(user, mail(body=f"Who measures the salt, {hour}?"))
        to_gulnara(database, newsroom)
        worker.run(app, run_once=True)
        an_hour_later(database)
    assert [state for state, _said in mails(database)] == ["sent"] * 2
    wait_until(lambda: server.count_mails("gulnara@post.example") >= 2, "the mails")
    with server.connect("gulnara@post.example") as box:
        found = box.fetch(box.search("ALL"), ["RFC822"])
    came: list[Mime] = [email.message_from_bytes(one[b"RFC822"]) for one in found.values()]
    assert [one["Subject"] for one in came] == ["Salt"] * 2
    with database.read() as session:
        assert [row.state for row in session.scalars(select(Inbound))] == ["letter"] * 2
    assert (server.count_mails(user), provider.count_requests("/token")) == (0, 2)


def test_a_server_that_refuses_a_token_before_its_time_gets_another_one(
    app: Flask, database: Database, newsroom: Newsroom, desk: Desk, provider: TokenServer, user: str
) -> None:
    sign_in_account(app, provider, user)
    provider.access_tokens.clear()  # the provider has taken them back
    database.write(
        lambda session: setattr(
            session.scalars(select(MailSignIn)).one(), "renewed_at", now(session) - timedelta(minutes=9)
        )
    )
    to_gulnara(database, newsroom)
    worker.run(app, run_once=True)
    ((state, said),) = mails(database)
    assert (state, said is not None) == ("sent", False)  # the mailbox was refused first, and the mail had a new token


def test_a_revoked_sign_in_is_told_at_the_desk_and_by_the_doctor_and_no_mail_is_lost(
    app: Flask, database: Database, newsroom: Newsroom, desk: Desk, provider: TokenServer, server: Dovecot, user: str
) -> None:
    sign_in_account(app, provider, user)
    provider.revoke(user)
    an_hour_later(database)
    server.append_mails(user, mail(body="Who measures the salt?"))
    for _ in range(2):
        to_gulnara(database, newsroom)
    worker.run(app, run_once=True)
    assert (mails(database), provider.count_requests("/token")) == ([("queued", sign_ins.SIGNED_OUT)] * 2, 2)
    assert server.count_mails(user) == 1
    assert desk.get("").texts("section.alarm p") == [
        f"The mail account {user} is signed out. Nothing is lost: what goes out waits in the outbox, what comes in waits in its "
        "mailbox. The operator signs it in again with `readers-asked mail sign-in`."
    ]
    status, said, _ = run(app, "doctor")
    lines = [" ".join(line.split()) for line in said.splitlines() if sign_ins.SIGNED_OUT in line]
    assert (status, lines) == (
        1,
        [f"FAULT mail server: 127.0.0.1:{app.config['MAIL_PORT']}: {sign_ins.SIGNED_OUT}",
         f"FAULT mail accounts: {user}: {sign_ins.SIGNED_OUT}"],
    )  # fmt: skip
    sign_in_account(app, provider, user)
    worker.run(app, run_once=True)
    assert (mails(database), server.count_mails(user)) == ([("sent", None)] * 2, 0)
    assert desk.get("").texts("section.alarm") == []


def test_a_wait_for_a_code_is_shown(monkeypatch: pytest.MonkeyPatch, database: Database) -> None:
    shown: list[int] = []
    monkeypatch.setattr(signing_in, "STEP", 0.01)

    class Bar:
        update = staticmethod(shown.append)

    signing_in._wait(0.05, Bar())
    assert len(shown) > 2
