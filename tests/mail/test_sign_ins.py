"""A mail account that signs in by token: whatever the provider answers, whoever asks at once, and whenever it ends."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from multiprocessing.connection import Connection

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import app.models  # noqa: F401 - a forked process knows all tables
from app.core import http_client
from app.crypto.seal import Keys
from app.db.engine import Database
from app.db.session import now
from app.mail import sign_ins, token_requests
from app.mail.models import MailSignIn
from app.mail.sign_ins import FAULTS, NoToken, access_token
from app.mail.token_requests import Tokens
from app.settings.mail_accounts import OAuthAccount
from app.workflows.key_rotation import rotate
from tests.support.app import BASE_URL, SECRETS
from tests.support.fake_servers import CannedResponse
from tests.support.processes import FORKSERVER
from tests.support.token_server import TokenServer, build_token_error, run_token_server
from tests.support.waiting import WAIT_TIMEOUT

ASK = "ask@steppe.example"
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def provider() -> Iterator[TokenServer]:
    with run_token_server() as server:
        yield server


@pytest.fixture
def account(provider: TokenServer, database: Database) -> OAuthAccount:
    """The desk's account, which somebody has signed in; its first access token has ended."""
    made = provider.get_account(ASK)
    sign_in(database, provider, made)
    pass_an_hour(database)
    return made


def sign_in(database: Database, provider: TokenServer, account: OAuthAccount) -> None:
    tokens = Tokens("access-first", provider.create_refresh_token(account.user), 3600)
    database.write(lambda session: sign_ins.store_tokens(session, account, tokens))


def change(database: Database, fn: Callable[[Session, MailSignIn], None]) -> None:
    database.write(lambda session: fn(session, session.scalars(select(MailSignIn)).one()))


def pass_an_hour(database: Database) -> None:
    """An hour goes by: the access token is about to end, and what was put off is due."""

    def age(session: Session, row: MailSignIn) -> None:
        row.renewed_at -= timedelta(hours=1)
        row.good_until = now(session)
        row.again_at = row.leased_until = None

    change(database, age)


def faults(database: Database, account: OAuthAccount) -> list[str]:
    with database.read() as session:
        return [code for _account, code in sign_ins.faults(session, [account])]


def get_refusal(database: Database, account: OAuthAccount) -> str:
    with pytest.raises(NoToken) as fault:
        access_token(database, account)
    return str(fault.value)


def test_a_token_is_used_until_shortly_before_its_end_and_then_renewed(
    database: Database, provider: TokenServer, account: OAuthAccount
) -> None:
    first = access_token(database, account)
    assert [access_token(database, account) for _ in range(3)] == [first] * 3
    with database.read() as session:
        row = session.scalars(select(MailSignIn)).one()
        assert row.good_until is not None
        assert 3200 < (row.good_until - now(session)).total_seconds() <= 3301  # five minutes before its end
    pass_an_hour(database)
    second = access_token(database, account)
    assert (second != first, list(provider.access_tokens), provider.count_requests("/token")) == (
        True,
        [first, second],
        2,
    )


def test_what_is_kept_of_a_sign_in_is_sealed_and_sealed_again_with_a_new_key(
    database: Database, provider: TokenServer, account: OAuthAccount
) -> None:
    token = access_token(database, account)
    with database.writer.connect() as connection:
        kept = repr(connection.exec_driver_sql("SELECT * FROM mail_sign_ins").all())
    assert [secret in kept for secret in (token, *provider.refresh_tokens)] == [False] * 3
    newer = Database(database.url, Keys({**SECRETS, 2: b"n" * 32}), BASE_URL)
    assert sum(rotate(newer)) == 1
    newest_only = Database(database.url, Keys({2: b"n" * 32}), BASE_URL)
    assert access_token(newest_only, account) == token
    pass_an_hour(newest_only)
    assert access_token(newest_only, account) != token
    newer.close()
    newest_only.close()


def test_a_provider_that_does_not_rotate_keeps_its_refresh_token(
    database: Database, provider: TokenServer, account: OAuthAccount
) -> None:
    provider.rotates = False
    for _ in range(3):
        access_token(database, account)
        pass_an_hour(database)
    assert (len(provider.access_tokens), len(provider.refresh_tokens)) == (3, 1)


def ask(url: str, account: OAuthAccount, ready_connection: Connection, go: Connection) -> None:
    database = Database(url, Keys(SECRETS), BASE_URL)
    ready_connection.send(None)
    go.recv()
    ready_connection.send(access_token(database, account))
    database.close()


def test_processes_that_need_a_token_at_once_use_a_refresh_token_once(
    database: Database, database_url: str, provider: TokenServer, account: OAuthAccount
) -> None:
    provider.delay = 0.3
    answers, starts = [], []
    for _ in range(4):
        here, there = FORKSERVER.Pipe()
        waits, start = FORKSERVER.Pipe(duplex=False)
        FORKSERVER.Process(target=ask, args=(database_url, account, there, waits)).start()
        answers.append(here)
        starts.append(start)
    for here in answers:
        assert here.poll(WAIT_TIMEOUT)
        here.recv()
    for start in starts:
        start.send(None)
    tokens = {here.recv() for here in answers if here.poll(WAIT_TIMEOUT)}
    assert (tokens, provider.count_requests("/token"), len(provider.used_tokens)) == (set(provider.access_tokens), 1, 1)


def test_threads_that_need_a_token_at_once_use_a_refresh_token_once(
    database: Database, provider: TokenServer, account: OAuthAccount
) -> None:
    provider.delay, tokens = 0.3, []
    threads = [threading.Thread(target=lambda: tokens.append(access_token(database, account))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_TIMEOUT)
    assert (tokens, provider.count_requests("/token")) == ([*provider.access_tokens] * 5, 1)


def test_whoever_was_killed_while_renewing_holds_nobody_up_for_long(
    database: Database, provider: TokenServer, account: OAuthAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(session: Session, row: MailSignIn) -> None:
        row.leased_until = now(session) + timedelta(seconds=0.7)

    change(database, killed)
    began = time.monotonic()
    assert (access_token(database, account), time.monotonic() - began > 0.6) == (
        next(iter(provider.access_tokens)),
        True,
    )
    change(database, lambda session, row: setattr(row, "leased_until", now(session) + sign_ins.LEASE))
    passed_over = time.monotonic()
    monkeypatch.setattr(sign_ins, "PATIENCE", 0.5)
    change(database, lambda session, row: setattr(row, "good_until", now(session)))
    assert (get_refusal(database, account), time.monotonic() - passed_over < 5) == (FAULTS["away"][1], True)


def test_a_revoked_sign_in_is_told_with_what_mends_it_and_its_provider_is_left_alone(
    database: Database, provider: TokenServer, account: OAuthAccount, caplog: pytest.LogCaptureFixture
) -> None:
    provider.revoke(ASK)
    with caplog.at_level(logging.WARNING):
        assert [get_refusal(database, account) for _ in range(3)] == [sign_ins.SIGNED_OUT] * 3
    assert caplog.messages == [
        "no token for a mail account at 127.0.0.1: it says invalid_grant; the mail account is signed out: run `readers-asked mail sign-in`"
    ]
    assert (provider.count_requests("/token"), faults(database, account)) == (1, ["out"])
    with database.read() as session:
        row = session.scalars(select(MailSignIn)).one()
        assert (row.refresh_sealed, row.access_sealed) == (None, None)
    sign_in(database, provider, account)
    assert (access_token(database, account), faults(database, account)) == ("access-first", [])


def test_a_sign_in_while_another_process_renews_the_old_one_is_the_one_that_counts(
    database: Database, provider: TokenServer, account: OAuthAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_provider = token_requests.request_access_token

    def slowly(about: object, refresh: str) -> Tokens:
        monkeypatch.setattr(sign_ins, "request_access_token", ask_provider)
        sign_in(database, provider, account)  # by a person, meanwhile
        return Tokens("access-of-the-old-sign-in", "refresh-of-the-old-sign-in", 3600)

    monkeypatch.setattr(sign_ins, "request_access_token", slowly)
    assert access_token(database, account) == "access-first"
    pass_an_hour(database)
    assert access_token(database, account) in provider.access_tokens


# What the provider answers, what is wrong then, and what the log says of it.
FAULTY: dict[str, tuple[CannedResponse, str, str]] = {
    "garbage": (CannedResponse(b"<html>Sign in to the hotel's network</html>"), "away", "its answer (200) can't be read"),
    "no object": (CannedResponse(["access_token"]), "away", "its answer (200) can't be read"),
    "a hill of brackets": (CannedResponse(b"[" * 60_000), "away", "its answer (200) can't be read"),
    "not text": (CannedResponse(b"\xff\xfe\x00"), "away", "its answer (200) can't be read"),
    "too much": (CannedResponse(b"x" * 70_000), "away", "its answer is too large"),
    "no token": (CannedResponse({"token_type": "Bearer"}), "away", "its answer holds no token"),
    "a token of two lines": (CannedResponse({"access_token": "a\r\nb"}), "away", "its answer holds no token"),
    "another kind": (CannedResponse({"access_token": "a", "token_type": "mac"}), "away", "its token is of another kind"),
    "busy": (CannedResponse(b"", 503), "away", "its answer (503) can't be read"),
    "an error of its own": (build_token_error("server_error", 500), "away", "it says server_error"),
    "a grant that it can't look up": (build_token_error("invalid_grant", 500), "away", "it says invalid_grant"),
    "elsewhere": (CannedResponse(b"", 302, {"Location": "http://169.254.169.254/"}), "away", "it sends us elsewhere, and nobody follows"),
    "our settings": (build_token_error("invalid_client", 401, "AADSTS700016: no such application"), "settings", "it says invalid_client"),
    "a person is wanted": (build_token_error("interaction_required"), "out", "it says interaction_required"),
}  # fmt: skip


@on_sqlite
@pytest.mark.parametrize("name", FAULTY)
def test_what_a_provider_answers_and_what_becomes_of_it(
    database: Database, provider: TokenServer, account: OAuthAccount, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer, code, said = FAULTY[name]
    provider.responses = [answer]
    assert (get_refusal(database, account), faults(database, account)) == (FAULTS[code][1], [code])
    assert caplog.messages == [f"no token for a mail account at 127.0.0.1: {said}; {FAULTS[code][1]}"]
    # Nobody asks again at once, and once it is time, all is as it was.
    assert (get_refusal(database, account), provider.count_requests("/token")) == (FAULTS[code][1], 1)
    if code != "out":
        pass_an_hour(database)
        assert (access_token(database, account) in provider.access_tokens, faults(database, account)) == (True, [])
    assert [path for path, _ in provider.requests] == ["/token"] * (1 if code == "out" else 2)


@pytest.mark.threat("silent servers")
@on_sqlite
@pytest.mark.parametrize("slowly", [0.05, 60.0])
def test_a_provider_that_is_slow_is_cut_off(
    database: Database, provider: TokenServer, account: OAuthAccount, slowly: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One byte now and then, or none at all."""
    monkeypatch.setattr(http_client, "IDLE_TIMEOUT", 0.4)
    monkeypatch.setattr(token_requests, "TIMEOUT", 0.8)
    provider.responses = [CannedResponse({"access_token": "a" * 200}, byte_delay=slowly)]
    began = time.monotonic()
    assert get_refusal(database, account) == FAULTS["away"][1]
    assert time.monotonic() - began < 8


@on_sqlite
def test_a_provider_that_is_down_costs_a_minute(database: Database, account: OAuthAccount) -> None:
    with run_token_server() as gone:
        elsewhere = gone.get_account("desk@steppe.example")
        sign_in(database, gone, elsewhere)
    database.write(
        lambda session: setattr(
            session.scalars(select(MailSignIn).filter_by(account=elsewhere.user)).one(), "good_until", now(session)
        )
    )
    assert get_refusal(database, elsewhere) == FAULTS["away"][1]


@on_sqlite
def test_a_refresh_token_is_sent_to_no_other_provider(
    database: Database, provider: TokenServer, account: OAuthAccount
) -> None:
    with run_token_server() as other:
        assert get_refusal(database, other.get_account(ASK)) == sign_ins.SIGNED_OUT
        assert other.requests == []


@on_sqlite
def test_a_token_that_a_mail_server_refuses_is_renewed_unless_it_is_new(
    database: Database, provider: TokenServer, account: OAuthAccount
) -> None:
    token = access_token(database, account)
    sign_ins.mark_token_refused(database, account, token)
    assert access_token(database, account) == token
    change(database, lambda session, row: setattr(row, "renewed_at", now(session) - 2 * sign_ins.FRESH))
    sign_ins.mark_token_refused(database, account, "access-of-before")
    assert access_token(database, account) == token
    sign_ins.mark_token_refused(database, account, token)
    assert access_token(database, account) != token


def begun(**more: object) -> CannedResponse:
    return CannedResponse(
        {"device_code": "d", "user_code": "U", "verification_uri": "https://id.example/code", "expires_in": 100, **more}
    )


def test_a_sign_in_by_code_is_asked_for_at_the_pace_that_the_provider_wants(provider: TokenServer) -> None:
    account, waits = provider.get_account(ASK), []
    provider.responses = [
        begun(interval=7),
        build_token_error("authorization_pending"),
        build_token_error("slow_down"),
        CannedResponse(b"", 503),
        provider.issue_tokens(ASK),
    ]
    tokens = token_requests.wait_for_sign_in(
        account.provider, token_requests.request_device_code(account.provider), waits.append
    )
    # As it said; five seconds more once it is too fast for it; twice as many once it can't be reached.
    assert (waits, tokens.access) == ([7, 7, 12, 24], next(iter(provider.access_tokens)))
    assert [form.get("device_code") for _, form in provider.requests] == [None, "d", "d", "d", "d"]


@pytest.mark.parametrize(
    ("answers", "message", "waits"),
    [
        ([begun(), build_token_error("access_denied")], "it says access_denied", [5]),
        (
            [begun(), build_token_error("authorization_pending"), build_token_error("expired_token")],
            "it says expired_token",
            [5, 5],
        ),
        ([begun(expires_in=12, interval=5), *[build_token_error("authorization_pending")] * 3],
         "nobody signed in in time", [5, 5, 2]),
        ([begun(), CannedResponse({"access_token": "a"})], "it gave no refresh token: the scopes need offline_access, or what it calls that", [5]),
        ([begun(verification_uri="http://id.example/code")], "it gave no device code", []),
        ([begun(user_code="")], "it gave no device code", []),
        ([build_token_error("unauthorized_client", 400, "AADSTS7000218")], "it says unauthorized_client", []),
    ],
)  # fmt: skip
def test_a_sign_in_by_code_that_comes_to_nothing(
    provider: TokenServer, answers: list[CannedResponse], message: str, waits: list[float]
) -> None:
    account, waited = provider.get_account(ASK), []
    provider.responses = list(answers)
    with pytest.raises(token_requests.NotGiven) as fault:
        token_requests.wait_for_sign_in(
            account.provider, token_requests.request_device_code(account.provider), waited.append
        )
    assert (str(fault.value), waited) == (message, waits)


def test_a_code_is_printed_without_what_could_steer_a_terminal(provider: TokenServer) -> None:
    provider.responses = [begun(user_code="AB\x1b[2J-\nCD")]
    assert token_requests.request_device_code(provider.get_account(ASK).provider).user_code == "AB[2J- CD"
