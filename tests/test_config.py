"""The server refuses to start unsafe and says why, all at once."""

import base64

import pytest

import config

SAFE = {
    "SECRET_KEYS": "1:" + base64.b64encode(b"s" * 32).decode(),
    "BASE_URL": "https://ask.example.org",
    "MAIL_FROM": "desk@example.org",
}


def faults(**changes: str) -> list[str]:
    with pytest.raises(config.Unsafe) as refused:
        config.load({**SAFE, **changes})
    return [fault.split(" ")[0].rstrip(":") for fault in refused.value.faults]


def test_safe_settings_are_taken() -> None:
    settings = config.load(SAFE)
    assert (settings["DEMO"], settings["BASE_URL"], settings["SESSION_COOKIE_SECURE"]) == (
        False,
        "https://ask.example.org",
        True,
    )
    assert settings["SECRET_KEY"] not in settings["SECRETS"].values()


def test_production_without_settings_names_each_that_is_missing() -> None:
    with pytest.raises(config.Unsafe) as refused:
        config.load({})
    assert [fault.split(" ")[0] for fault in refused.value.faults] == ["SECRET_KEYS", "BASE_URL", "MAIL_FROM"]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("SECRET_KEYS", "1:" + base64.b64encode(b"short").decode()),
        ("SECRET_KEYS", "nonsense"),
        ("SECRET_KEYS", "1:" + base64.b64encode(config.DEMO_SECRET.encode()).decode()),
        ("BASE_URL", "http://ask.example.org"),
        ("MAIL_FROM", "nobody"),
        ("MAIL_TRANSPORT", "folder"),
        ("MAIL_TRANSPORT", "pigeon"),
        ("DATABASE_URL", "mysql://x"),
        ("READERS_ASKED_ENV", "development"),
        ("TRUSTED_PROXIES", "all"),
        ("MAIL_PORT", "smtp"),
    ],
)
def test_one_unsafe_setting_is_enough(setting: str, value: str) -> None:
    assert set(faults(**{setting: value})) == {setting}


def test_an_onion_address_may_be_plain_http() -> None:
    onion = "http://" + "a" * 56 + ".onion"
    assert config.load({**SAFE, "BASE_URL": onion})["BASE_URL"] == onion


def test_the_demo_stays_on_its_machine() -> None:
    with pytest.raises(config.Unsafe) as refused:
        config.load({"READERS_ASKED_ENV": "demo", "BASE_URL": "https://ask.example.org"})
    assert [fault.split(":")[0] for fault in refused.value.faults] == ["BASE_URL"]


def test_the_demo_needs_no_settings_and_never_mails() -> None:
    settings = config.load({"READERS_ASKED_ENV": "demo", "PORT": "8123"})
    assert (settings["DEMO"], settings["BASE_URL"], settings["MAIL_TRANSPORT"]) == (
        True,
        "http://127.0.0.1:8123",
        "folder",
    )
