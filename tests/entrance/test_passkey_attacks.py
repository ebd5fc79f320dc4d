"""What a passkey says counts once, for what it was asked, soon after, and at our address alone."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta
from typing import Any

import cbor2
import pytest
from flask import Flask

from app.core.clock import utc_now
from app.db.engine import Database
from app.entrance import one_time_values
from tests.support.app import BASE_URL
from tests.support.desk_people import NORA, sign_in_directly
from tests.support.pages import Browser
from tests.support.passkey_device import USER_VERIFIED, PasskeyDevice
from tests.support.sample_newsroom import Newsroom

DESK, FACTORS, SECOND = "/desk/steppe/letters", "/signed-in/factors", "/sign-in/second"
HOST = BASE_URL.removeprefix("https://")


def get_challenge(browser: Browser, path: str) -> str:
    browser.open(path)
    [form] = browser.page.tree.css("form[data-options]")
    challenge: str = json.loads(form.attributes["data-options"] or "")["challenge"]
    return challenge


def add_passkey(browser: Browser, device: PasskeyDevice) -> int:
    challenge = get_challenge(browser, f"{FACTORS}/passkey")
    credential = device.register(challenge, BASE_URL, HOST)
    return browser.submit(f"{FACTORS}/passkey", credential=credential, name="Yellow key").status_code


def can_open_desk(browser: Browser) -> bool:
    return browser.open(DESK).status_code == 200


@pytest.fixture
def device(app: Flask, database: Database, newsroom: Newsroom) -> PasskeyDevice:
    """Nora's key, whose passkey is registered."""
    device = PasskeyDevice()
    assert add_passkey(sign_in_directly(app, database, NORA), device) == 200
    return device


@pytest.mark.threat("stranger at the door")
@pytest.mark.both_databases
def test_what_a_passkey_said_once_lets_no_copy_of_the_browser_in(
    app: Flask, database: Database, device: PasskeyDevice
) -> None:
    nora = sign_in_directly(app, database, NORA)
    credential = device.sign(get_challenge(nora, SECOND), BASE_URL, HOST)
    with nora.edit_session() as cookie:
        copied = dict(cookie)
    assert nora.press(f"{SECOND}/passkey", credential=credential).headers["Location"] == "/desk/steppe/"
    assert can_open_desk(nora)
    thief = sign_in_directly(app, database, NORA)  # by a stolen mailbox
    with thief.edit_session() as cookie:
        cookie.update({name: value for name, value in copied.items() if name not in ("_user_id", "_id")})
    thief.open("/sign-in")
    assert thief.press(f"{SECOND}/passkey", credential=credential).status_code == 400
    assert not can_open_desk(thief)


@pytest.mark.threat("stranger at the door")
@pytest.mark.parametrize(
    ("minutes", "lets_in"), [(9, True), (11, False), (-1, False)], ids=["in time", "too late", "from the future"]
)
def test_a_challenge_ends_after_ten_minutes(
    app: Flask, database: Database, device: PasskeyDevice, monkeypatch: pytest.MonkeyPatch, minutes: int, lets_in: bool
) -> None:
    nora = sign_in_directly(app, database, NORA)
    credential = device.sign(get_challenge(nora, SECOND), BASE_URL, HOST)
    monkeypatch.setattr(one_time_values, "now", lambda session: utc_now() + timedelta(minutes=minutes))
    nora.press(f"{SECOND}/passkey", credential=credential)
    assert can_open_desk(nora) == lets_in


@pytest.mark.threat("stranger at the door")
@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://ask.newsroom.example.evil.example", HOST),
        (BASE_URL, "evil.example"),
        ("http://" + HOST, HOST),
        (BASE_URL + ":8443", HOST),
    ],
)
def test_what_a_passkey_said_to_another_site_lets_nobody_in(
    app: Flask, database: Database, device: PasskeyDevice, origin: str, host: str
) -> None:
    nora = sign_in_directly(app, database, NORA)
    credential = device.sign(get_challenge(nora, SECOND), origin, host)
    assert nora.press(f"{SECOND}/passkey", credential=credential).status_code == 400
    assert not can_open_desk(nora)


@pytest.mark.threat("stranger at the door")
def test_a_passkey_of_somebody_else_lets_nobody_in(app: Flask, database: Database, device: PasskeyDevice) -> None:
    nora = sign_in_directly(app, database, NORA)
    credential = PasskeyDevice().sign(get_challenge(nora, SECOND), BASE_URL, HOST)
    assert nora.press(f"{SECOND}/passkey", credential=credential).status_code == 400
    assert nora.press(f"{SECOND}/passkey", credential="{}").status_code == 400, "and no challenge is left"
    assert not can_open_desk(nora)


def sign(browser: Browser, device: PasskeyDevice) -> int:
    credential = device.sign(get_challenge(browser, SECOND), BASE_URL, HOST)
    return browser.press(f"{SECOND}/passkey", credential=credential).status_code


@pytest.mark.threat("stranger at the door")
@pytest.mark.parametrize(
    "claims", [{"count": 4}, {"flags": USER_VERIFIED}, {"kind": "webauthn.create"}, {"user_handle": b"somebody else"}]
)
def test_a_passkey_that_says_what_it_cannot_say_lets_nobody_in(
    app: Flask, database: Database, device: PasskeyDevice, claims: dict[str, Any]
) -> None:
    device.count = 5
    assert sign(sign_in_directly(app, database, NORA), device) == 303
    device.count += 1
    nora = sign_in_directly(app, database, NORA)
    vars(device).update(claims)
    assert sign(nora, device) == 400
    assert not can_open_desk(nora)


@pytest.mark.threat("stranger at the door")
def test_a_challenge_of_another_browser_lets_nobody_in(app: Flask, database: Database, device: PasskeyDevice) -> None:
    nora, thief = (sign_in_directly(app, database, NORA) for _ in range(2))
    credential = device.sign(get_challenge(nora, SECOND), BASE_URL, HOST)
    get_challenge(thief, SECOND)
    assert thief.press(f"{SECOND}/passkey", credential=credential).status_code == 400
    assert not can_open_desk(thief)


@pytest.mark.threat("stranger at the door")
def test_what_no_browser_sends_as_a_passkey_is_refused_without_an_error_of_ours(
    app: Flask, database: Database, device: PasskeyDevice
) -> None:
    nora = sign_in_directly(app, database, NORA)
    nora.open(SECOND)
    for credential in ("[" * 15_000, '{"a":' * 15_000, "NaN", "null", '{"id": "\\ud800"}'):
        assert nora.press(f"{SECOND}/passkey", credential=credential).status_code == 400
    assert sign(nora, device) == 303
    challenge = get_challenge(nora, f"{FACTORS}/passkey")
    forged = json.loads(PasskeyDevice().register(challenge, BASE_URL, HOST))
    attestation = cbor2.loads(urlsafe_b64decode(forged["response"]["attestationObject"] + "=="))
    attestation |= {"fmt": "packed", "attStmt": {"x5c": 1, "alg": 1, "sig": 1}}
    forged["response"]["attestationObject"] = urlsafe_b64encode(cbor2.dumps(attestation)).decode().rstrip("=")
    assert nora.press(f"{FACTORS}/passkey", credential=json.dumps(forged)).status_code == 400
    assert add_passkey(nora, device) == 400, "it is registered already"


@pytest.mark.threat("seized editor's device")
def test_a_challenge_to_prove_who_one_is_registers_no_passkey(
    app: Flask, database: Database, newsroom: Newsroom, device: PasskeyDevice
) -> None:
    nora = sign_in_directly(app, database, NORA)
    nora.open(SECOND)
    nora.press(f"{SECOND}/passkey", credential=device.sign(get_challenge(nora, SECOND), BASE_URL, HOST))
    assert can_open_desk(nora)
    challenge = get_challenge(nora, SECOND)
    credential = PasskeyDevice().register(challenge, BASE_URL, HOST)
    assert nora.press(f"{FACTORS}/passkey", credential=credential, name="Another").status_code == 400
    nora.open(FACTORS)
    assert nora.page.values("name") == ["Yellow key"]
