"""The webhook: a secret address, a signature by the Standard Webhooks scheme, and 200 only after the commit."""

import base64
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from jinja2 import FileSystemBytecodeCache
from werkzeug.test import TestResponse

import config
from app import create_app
from app.core.clock import unix_time, utc_now
from app.db.engine import Database
from app.mail import inbound
from app.mailroom import webhook
from app.programs.signed_calls import signature
from tests.support.app import BASE_URL, TEST_SETTINGS
from tests.support.commands import record_sighting
from tests.support.mailroom import SMALL_MAIL, build_webhook_headers, list_stored_mails
from tests.support.sample_newsroom import Newsroom

SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()


def client_of(
    database: Database, folder: Path, bytecode_cache: FileSystemBytecodeCache, **environ: str
) -> Iterator[FlaskClient]:
    given = {"READERS_ASKED_ENV": "demo", "DATABASE_URL": database.url, "MAIL_FOLDER": str(folder), **environ}
    made = create_app({**config.load(given), **TEST_SETTINGS})
    made.jinja_env.bytecode_cache = bytecode_cache
    yield made.test_client()
    made.extensions["database"].close()


@pytest.fixture
def provider(database: Database, tmp_path: Path, bytecode_cache: FileSystemBytecodeCache) -> Iterator[FlaskClient]:
    """A mail provider before a newsroom that takes its webhooks."""
    yield from client_of(database, tmp_path, bytecode_cache, MAIL_WEBHOOK_SECRET=SECRET)


def post(
    provider: FlaskClient,
    raw: bytes,
    signed: dict[str, str],
    kind: str = "message/rfc822",
    path: str = webhook.path(SECRET),
) -> TestResponse:
    return provider.post(path, data=raw, headers=signed, content_type=kind, base_url=BASE_URL)


def test_a_signed_mail_is_stored_and_no_cookie_is_set(database: Database, provider: FlaskClient) -> None:
    answer = post(provider, SMALL_MAIL, build_webhook_headers(SMALL_MAIL))
    assert (answer.status_code, answer.data, "Set-Cookie" in answer.headers) == (200, b"stored\n", False)
    assert list_stored_mails(database) == [("webhook", SMALL_MAIL)]


def test_the_example_of_the_scheme_itself() -> None:
    """From the Standard Webhooks specification: this secret, this message, this signature."""
    key = config.webhook_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_one_fitting_signature_of_several_is_enough(database: Database, provider: FlaskClient) -> None:
    """A provider that changes its secret signs with both."""
    signed = build_webhook_headers(SMALL_MAIL)
    signed["webhook-signature"] = f"v1a,xyz v1,AAAA {signed['webhook-signature']}"
    assert post(provider, SMALL_MAIL, signed).status_code == 200
    assert len(list_stored_mails(database)) == 1


def headers_without(name: str) -> dict[str, str]:
    return {key: value for key, value in build_webhook_headers(SMALL_MAIL).items() if key != f"webhook-{name}"}


UNSIGNED = {
    "another's key": lambda: build_webhook_headers(SMALL_MAIL, key=b"x" * 24),
    "other bytes": lambda: build_webhook_headers(SMALL_MAIL + b"!"),
    "six minutes old": lambda: build_webhook_headers(SMALL_MAIL, timestamp=unix_time() - 360),
    "from tomorrow": lambda: build_webhook_headers(SMALL_MAIL, timestamp=unix_time() + 86_400),
    "another's id": lambda: {**build_webhook_headers(SMALL_MAIL), "webhook-id": "msg_2"},
    "a time that is none": lambda: {**build_webhook_headers(SMALL_MAIL), "webhook-timestamp": "²²"},
    "no id": lambda: headers_without("id"),
    "no time": lambda: headers_without("timestamp"),
    "no signature": lambda: headers_without("signature"),
    "a signature in another script": lambda: {**build_webhook_headers(SMALL_MAIL), "webhook-signature": "v1,\u00fc"},
}


@pytest.mark.threat("forged expert")
@pytest.mark.parametrize("fault", UNSIGNED)
def test_what_is_not_signed_is_not_stored(database: Database, provider: FlaskClient, fault: str) -> None:
    assert post(provider, SMALL_MAIL, UNSIGNED[fault]()).status_code == 401
    assert list_stored_mails(database) == []


def test_whoever_does_not_know_the_address_finds_nothing(database: Database, provider: FlaskClient) -> None:
    for path in ("/mail/in/0123456789ab", "/mail/in/", f"{webhook.path(SECRET)}x", webhook.path("s" * 32)):
        assert post(provider, SMALL_MAIL, build_webhook_headers(SMALL_MAIL), path=path).status_code == 404
    assert provider.get(webhook.path(SECRET), base_url=BASE_URL).status_code == 405
    assert list_stored_mails(database) == []


def test_without_a_secret_the_door_is_shut(
    database: Database, tmp_path: Path, bytecode_cache: FileSystemBytecodeCache
) -> None:
    for shut in client_of(database, tmp_path, bytecode_cache):
        assert post(shut, SMALL_MAIL, build_webhook_headers(SMALL_MAIL)).status_code == 404
        assert (
            post(shut, SMALL_MAIL, build_webhook_headers(SMALL_MAIL, key=b""), path="/mail/in/" + "a" * 32).status_code
            == 404
        )


def test_the_same_delivery_again_is_no_fault(database: Database, provider: FlaskClient) -> None:
    signed = build_webhook_headers(SMALL_MAIL)
    assert [post(provider, SMALL_MAIL, signed).status_code for _ in range(2)] == [200, 200]
    assert list_stored_mails(database) == [("webhook", SMALL_MAIL)] * 2


def test_a_mail_of_twenty_megabytes_is_taken_and_one_of_thirty_is_not(
    database: Database, provider: FlaskClient
) -> None:
    """A page takes 256 kB at most; this address takes what a mail may be."""
    large, larger = b"S: x\n\n" + b"x" * 20_000_000, b"x" * (inbound.MAX_MAIL_BYTES + 1)
    assert post(provider, large, build_webhook_headers(large)).status_code == 200
    assert post(provider, larger, build_webhook_headers(larger)).status_code == 413
    assert [len(raw) for _, raw in list_stored_mails(database)] == [len(large)]


def test_a_form_or_an_empty_body_is_no_mail(database: Database, provider: FlaskClient) -> None:
    assert post(provider, b"a=1", build_webhook_headers(b"a=1"), "application/x-www-form-urlencoded").status_code == 415
    assert post(provider, b"", build_webhook_headers(b"")).status_code == 400
    assert list_stored_mails(database) == []


def test_mail_that_waits_too_long_is_seen_from_outside(
    database: Database, newsroom: Newsroom, provider: FlaskClient
) -> None:
    """`/readyz` says that no worker places mail; that the process is up is another question."""
    record_sighting(database)

    def list_statuses() -> dict[str, int]:
        return {path: provider.get(path, base_url=BASE_URL).status_code for path in ("/healthz", "/readyz")}

    assert list_statuses() == {"/healthz": 200, "/readyz": 200}
    for minutes, ready in ((9, 200), (11, 503)):
        at = utc_now() - timedelta(minutes=minutes)
        database.write(lambda session: inbound.store(session, SMALL_MAIL, source="pipe"), at)
        assert list_statuses() == {"/healthz": 200, "/readyz": ready}
