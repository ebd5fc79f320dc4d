"""The server refuses to start unsafe and says why, all at once."""

import base64

import pytest

import config
from app.settings.mail_accounts import ImapMailbox, parse_mailboxes
from tests.support.app import PRODUCTION_SETTINGS


def faults(**changes: str) -> list[str]:
    with pytest.raises(config.Unsafe) as refused:
        config.load({**PRODUCTION_SETTINGS, **changes})
    return [fault.split(" ")[0].rstrip(":") for fault in refused.value.faults]


def test_safe_settings_are_taken() -> None:
    settings = config.load(PRODUCTION_SETTINGS)
    assert (settings["DEMO"], settings["BASE_URL"], settings["SESSION_COOKIE_SECURE"]) == (
        False,
        "https://ask.example.org",
        True,
    )
    assert settings["SECRET_KEY"] not in settings["SECRETS"].values()


@pytest.mark.threat("unsafe start")
def test_production_without_settings_names_each_that_is_missing() -> None:
    with pytest.raises(config.Unsafe) as refused:
        config.load({})
    assert [fault.split(" ")[0] for fault in refused.value.faults] == ["SECRET_KEYS", "BASE_URL", "MAIL_FROM"]


@pytest.mark.threat("unsafe start")
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("SECRET_KEYS", "1:" + base64.b64encode(b"short").decode()),
        ("SECRET_KEYS", "nonsense"),
        ("SECRET_KEYS", "1:" + base64.b64encode(config.DEMO_SECRET.encode()).decode()),
        ("BASE_URL", "http://ask.example.org"),
        ("LIMITS", "0"),
        ("LETTERS_A_DAY", "999"),
        ("LETTERS_A_DAY", "many"),
        ("MAIL_FROM", "nobody"),
        ("MAIL_TRANSPORT", "folder"),
        ("MAIL_TRANSPORT", "pigeon"),
        ("DATABASE_URL", "mysql://x"),
        ("READERS_ASKED_ENV", "development"),
        ("TRUSTED_PROXIES", "all"),
        ("BIND_ADDRESS", "ask.example.org"),
        ("BIND_ADDRESS", "0.0.0.0:80"),
        ("MAIL_PORT", "smtp"),
        ("MAIL_RETURN_PATH", "bounces"),
        ("MAIL_AUTHSERV_ID", "mx.example.org; spf=pass"),
        ("MAIL_RECEIVED_BY", "mx.example.org; mx2.example.org"),
        ("MAIL_DNS", "yes"),
        ("MAIL_WEBHOOK_SECRET", "too short"),
        ("MAIL_WEBHOOK_SECRET", "whsec_" + base64.b64encode(b"short").decode()),
        ("MAIL_WEBHOOK_SECRET", "whsec_no base64"),
        ("LOG_FORMAT", "xml"),
        ("LOG_LEVEL", "loud"),
        ("METRICS_TOKEN", "too short"),
    ],
)
def test_one_unsafe_setting_is_enough(setting: str, value: str) -> None:
    assert set(faults(**{setting: value})) == {setting}


IN_CLEAR = "MAIL_USE_TLS or MAIL_USE_SSL is needed: MAIL_PASSWORD would be sent unencrypted"


@pytest.mark.threat("network observer")
@pytest.mark.parametrize(
    ("given", "refusals"),
    [
        ({"MAIL_SERVER": "smtp.example.org"}, [IN_CLEAR]),
        ({"MAIL_SERVER": "smtp.example.org", "MAIL_USE_TLS": "1"}, []),
        ({"MAIL_SERVER": "smtp.example.org", "MAIL_USE_SSL": "1"}, []),
        ({"MAIL_SERVER": "smtp.example.org", "MAIL_PASSWORD": ""}, []),
        ({"MAIL_SERVER": "127.0.0.1"}, []),
        ({"MAIL_SERVER": "smtp.example.org", "READERS_ASKED_ENV": "demo", "BASE_URL": ""}, [IN_CLEAR]),
    ],
)
def test_a_password_is_sent_to_another_host_encrypted_only(given: dict[str, str], refusals: list[str]) -> None:
    settings = {**PRODUCTION_SETTINGS, "MAIL_USERNAME": "desk", "MAIL_PASSWORD": "secret", **given}
    if not refusals:
        assert config.load(settings)["MAIL_SERVER"] == given["MAIL_SERVER"]
        return
    with pytest.raises(config.Unsafe) as refused:
        config.load(settings)
    assert refused.value.faults == refusals


@pytest.mark.threat("unsafe start")
def test_limits_are_switched_off_in_the_demo_alone() -> None:
    with pytest.raises(config.Unsafe) as refused:
        config.load({**PRODUCTION_SETTINGS, "LIMITS": "0"})
    assert refused.value.faults == [
        "LIMITS: 0 is for the demo only, because it lets anybody guess codes and numbers without limit"
    ]
    assert config.load({"READERS_ASKED_ENV": "demo", "LIMITS": "0"})["LIMITS"] is False


def test_settings_of_mail_that_comes_in() -> None:
    given = {
        "MAIL_AUTHSERV_ID": "mx.example.org",
        "MAIL_RETURN_PATH": "*@bounce.example.org",
        "MAIL_WEBHOOK_SECRET": "s" * 32,
    }
    settings = config.load({**PRODUCTION_SETTINGS, **given, "MAIL_RECEIVED_BY": "MX.example.org  mx2.example.org"})
    assert {name: settings[name] for name in given} == given
    assert settings["MAIL_RECEIVED_BY"] == ("mx.example.org", "mx2.example.org")
    assert (settings["MAIL_DNS"], settings["MAILBOXES"]) == (False, ())


def test_a_mailbox_is_read_from_its_address_and_never_shows_its_password() -> None:
    given = "imaps://ask%40example.org:p%2Fss%20w%C3%B6rd@mail.example.org/Letters/In?newsletter=steppe&keep=1"
    plain = "imap://ask:secret@localhost:1143"
    first, second = parse_mailboxes(f"{given}\n  {plain}")
    assert first == ImapMailbox(
        "mail.example.org", 993, "ask@example.org", "p/ss wörd", "Letters/In", "tls", "steppe", keep=True
    )
    assert second == ImapMailbox("localhost", 1143, "ask", "secret", "INBOX", "")
    assert (first.name, second.name) == ("ask@example.org@mail.example.org/Letters/In", "ask@localhost/INBOX")
    assert ("wörd" in repr(first), "secret" in repr(second)) == (False, False)


MAILBOXES = {
    "pop://ask:hunter2@mail.example.org": "must begin with",
    "imap://ask:hunter2@mail.example.org": "unencrypted",
    "imaps://ask@mail.example.org": "needs user, password and host",
    "imaps://ask:hunter2@": "needs user, password and host",
    "imaps://ask:hunter2@mail.example.org:many": "is not a valid URL",
    "imaps://ask:hunter2@[mail": "is not a valid URL",
    "imaps://ask:hunter2\uff0f@mail.example.org": "is not a valid URL",
    "imaps://ask:hunter2@mail.example.org?keep=1&delete=1": "unknown options: delete",
    "imaps://ask:hunter2@mail.example.org/" + "x" * 200: "more than 200",
    "imaps://ask:hunter2%0A@mail.example.org": "can't be printed",
}


@pytest.mark.parametrize("address", MAILBOXES)
def test_a_faulty_mailbox_is_named_by_its_number_and_not_quoted(address: str) -> None:
    with pytest.raises(config.Unsafe) as refused:
        config.load({**PRODUCTION_SETTINGS, "MAILBOXES": f"imaps://a:hunter2@one.example.org {address}"})
    (fault,) = refused.value.faults
    assert (fault.startswith("MAILBOXES: mailbox 2 "), MAILBOXES[address] in fault) == (True, True), fault
    assert "hunt" not in fault


OAUTH = {"MAIL_OAUTH": "microsoft", "MAIL_OAUTH_CLIENT_ID": "4711"}
BY_TOKEN = "imaps://ask%40example.org@outlook.office365.com/INBOX?oauth=1"


def test_mailbox_and_sending_sign_in_by_token_as_one_account() -> None:
    """Google's and Microsoft's addresses are known; a password beside them is still a password."""
    given = (
        PRODUCTION_SETTINGS
        | OAUTH
        | {"MAIL_OAUTH_TENANT": "example.org", "MAILBOXES": f"{BY_TOKEN} imaps://b:secret@imap.example.org"}
    )
    settings = config.load(
        given | {"MAIL_USERNAME": "ask@example.org", "MAIL_USE_TLS": "1", "MAIL_SERVER": "smtp.office365.com"}
    )
    (account,) = settings["MAIL_ACCOUNTS"]
    assert (account.user, account.provider.token_url, account.provider.host) == (
        "ask@example.org", "https://login.microsoftonline.com/example.org/oauth2/v2.0/token", "login.microsoftonline.com",
    )  # fmt: skip
    assert [box.account for box in settings["MAILBOXES"]] == [account, None]
    assert settings["MAIL_SMTP_ACCOUNT"] == account
    google = config.load(
        PRODUCTION_SETTINGS
        | OAUTH
        | {"MAIL_OAUTH": "google", "MAIL_OAUTH_CLIENT_SECRET": "hunter2", "MAILBOXES": BY_TOKEN}
    )
    provider = google["MAIL_ACCOUNTS"][0].provider
    assert (provider.device_url, provider.scopes, "hunter2" in repr(google["MAILBOXES"])) == (
        "",
        "https://mail.google.com/",
        False,
    )
    by_password = config.load(given | {"MAIL_USERNAME": "desk", "MAIL_PASSWORD": "secret", "MAILBOXES": ""})
    assert (by_password["MAIL_SMTP_ACCOUNT"], by_password["MAIL_ACCOUNTS"]) == (None, ())


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"MAILBOXES": BY_TOKEN}, "MAILBOXES: mailbox 1 has oauth=1, but MAIL_OAUTH is empty"),
        (OAUTH | {"MAIL_OAUTH": "yahoo"}, "MAIL_OAUTH must be one of microsoft, google, custom, or empty"),
        (OAUTH | {"MAIL_OAUTH_CLIENT_ID": ""}, "MAIL_OAUTH_CLIENT_ID is empty: set it to the client ID of your application"),
        (OAUTH | {"MAIL_OAUTH_TENANT": "a/../b"}, "MAIL_OAUTH_TENANT must be a name or an ID, such as example.org"),
        (OAUTH | {"MAIL_OAUTH": "custom"}, "MAIL_OAUTH_TOKEN_URL must be a complete URL that begins with https://"),
        (OAUTH | {"MAIL_OAUTH_TOKEN_URL": "http://id.example.org/token"}, "MAIL_OAUTH_TOKEN_URL must be a complete URL that begins with https://"),
        (OAUTH | {"MAIL_OAUTH_TOKEN_URL": "https://a:b@id.example.org/"}, "MAIL_OAUTH_TOKEN_URL must be a complete URL that begins with https://"),
        (OAUTH | {"MAIL_OAUTH_DEVICE_URL": "file:///etc/passwd"}, "MAIL_OAUTH_DEVICE_URL must be a complete URL that begins with https://"),
        (OAUTH | {"MAILBOXES": BY_TOKEN.replace("@outlook", ":hunter2@outlook")}, "MAILBOXES: mailbox 1 has both a password and oauth=1: use one of them"),
        (OAUTH | {"MAILBOXES": BY_TOKEN.replace("ask", "ask%01")}, "MAILBOXES: mailbox 1 has a user name that contains a character that a sign-in by token can't use"),
        (OAUTH | {"MAIL_USERNAME": "ask", "MAIL_SERVER": "smtp.example.org"}, "MAIL_USE_TLS or MAIL_USE_SSL is needed: a token would be sent unencrypted"),
    ],
)  # fmt: skip
def test_what_can_not_sign_in_by_token_is_said(settings: dict[str, str], fault: str) -> None:
    with pytest.raises(config.Unsafe) as refused:
        config.load(PRODUCTION_SETTINGS | settings)
    assert refused.value.faults == [fault]


def test_one_mailbox_is_named_once() -> None:
    given = "imaps://a:b@one.example.org imaps://a:c@one.example.org?keep=1"
    assert faults(MAILBOXES=given) == ["MAILBOXES"]


def test_an_onion_address_may_be_plain_http() -> None:
    onion = "http://" + "a" * 56 + ".onion"
    assert config.load({**PRODUCTION_SETTINGS, "BASE_URL": onion})["BASE_URL"] == onion


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_newsroom_of_this_machine_alone_may_be_plain_http(host: str) -> None:
    """It is served at the port of its URL, and its mails are written to files, because nobody else could follow them."""
    settings = config.load({**PRODUCTION_SETTINGS, "BASE_URL": f"http://{host}:8973"})
    names = ("BASE_URL", "PORT", "BIND_ADDRESS", "MAIL_TRANSPORT", "DEMO", "LIMITS", "SESSION_COOKIE_SECURE")
    assert [settings[name] for name in names] == [
        *(f"http://{host}:8973", 8973, "127.0.0.1", "folder", False, True, False)
    ]
    mailed = config.load({**PRODUCTION_SETTINGS, "BASE_URL": f"http://{host}:8973", "MAIL_SERVER": "localhost"})
    assert mailed["MAIL_TRANSPORT"] == "smtp"


@pytest.mark.threat("unsafe start")
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("BIND_ADDRESS", "0.0.0.0"),  # noqa: S104 - what is refused
        ("BIND_ADDRESS", "10.0.0.5"),
        ("HOSTS", "ask.example.org"),
        ("TRUSTED_PROXIES", "1"),
        ("PORT", "8000"),
        ("LIMITS", "0"),
        ("SECRET_KEYS", "1:" + base64.b64encode(config.DEMO_SECRET.encode()).decode()),
    ],
)
def test_a_newsroom_in_plain_http_stays_on_its_machine(setting: str, value: str) -> None:
    assert set(faults(**{"BASE_URL": "http://127.0.0.1:8973", setting: value})) == {setting}


@pytest.mark.threat("unsafe start")
@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://127.0.0.1",
            "http://127.0.0.2:8973",
            "http://0.0.0.0:8973",
            "http://10.0.0.5:8973",
            "http://[::1]:8973",
        ),
        *("http://localhost.example.org:8973", "http://127.0.0.1:8973@example.org", "http://localhost:0"),
        *("http://localhost:65536", "http://192.168.1.5:8973", "ftp://localhost:8973", "http://127.0.0.1:8973\n"),
        *("https://ask.example.org/ask", "https://example.org?ask", "https://example.org#ask", "https://"),
        *(
            "https://nora:secret@ask.example.org",
            "https://ask.example.org:port",
            "https://[ask",
            "https:ask.example.org",
        ),
    ],
)
def test_an_url_that_links_can_not_begin_with_is_refused(url: str) -> None:
    assert faults(BASE_URL=url) == ["BASE_URL"]


def test_a_slash_at_the_end_of_the_url_makes_no_difference() -> None:
    assert config.load({**PRODUCTION_SETTINGS, "BASE_URL": "https://ask.example.org:8443/"})["BASE_URL"] == (
        "https://ask.example.org:8443"
    )


@pytest.mark.threat("unsafe start")
def test_the_demo_stays_on_its_machine() -> None:
    with pytest.raises(config.Unsafe) as refused:
        config.load({"READERS_ASKED_ENV": "demo", "BASE_URL": "https://ask.example.org"})
    assert [fault.split(":")[0] for fault in refused.value.faults] == ["BASE_URL"]
    with pytest.raises(config.Unsafe) as refused:
        config.load({"READERS_ASKED_ENV": "demo", "BIND_ADDRESS": "0.0.0.0"})  # noqa: S104 - what is refused
    assert [fault.split(":")[0] for fault in refused.value.faults] == ["BIND_ADDRESS"]


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "[::]", "10.0.0.5"])  # noqa: S104 - what a container needs
def test_pages_can_be_served_beyond_this_machine_where_the_proxy_is_another_one(address: str) -> None:
    assert config.load({**PRODUCTION_SETTINGS, "BIND_ADDRESS": address})["BASE_URL"] == PRODUCTION_SETTINGS["BASE_URL"]


def test_the_demo_needs_no_settings_and_never_mails() -> None:
    settings = config.load({"READERS_ASKED_ENV": "demo", "PORT": "8123"})
    assert (settings["DEMO"], settings["BASE_URL"], settings["MAIL_TRANSPORT"]) == (
        True,
        "http://127.0.0.1:8123",
        "folder",
    )


def test_the_demo_and_a_newsroom_share_no_files() -> None:
    """In one clone, `make run` and then `readers-asked init`: each has its own keys and its own mails."""
    demo, newsroom = config.load({"READERS_ASKED_ENV": "demo"}), config.load(PRODUCTION_SETTINGS)
    names = ("DATABASE_URL", "MAIL_FOLDER", "ERASURES")
    assert [name for name in names if demo[name] == newsroom[name]] == []


OIDC = {
    "OIDC_ISSUER": "https://login.example.org",
    "OIDC_CLIENT_ID": "desk",
    "OIDC_CLIENT_SECRET": "secret of the desk",
}


def test_a_provider_of_accounts_is_off_unless_all_of_it_is_set_and_its_secret_is_never_shown() -> None:
    assert config.load(PRODUCTION_SETTINGS)["OIDC"] is None
    taken = config.load({**PRODUCTION_SETTINGS, **OIDC, "OIDC_SECOND_FACTOR": "mfa hwk"})["OIDC"]
    assert (taken.issuer, taken.second_factor_methods) == ("https://login.example.org", {"mfa", "hwk"})
    assert OIDC["OIDC_CLIENT_SECRET"] not in repr(taken)


@pytest.mark.parametrize(
    ("setting", "value", "fault"),
    [
        ("OIDC_ISSUER", "http://login.example.org", "OIDC_ISSUER"),
        ("OIDC_ISSUER", "login.example.org", "OIDC_ISSUER"),
        ("OIDC_ISSUER", "https://login.example.org/?realm=1", "OIDC_ISSUER"),
        ("OIDC_ISSUER", "https://user:word@login.example.org", "OIDC_ISSUER"),
        ("OIDC_ISSUER", "", "OIDC_ISSUER"),
        ("OIDC_CLIENT_ID", "", "OIDC_CLIENT_ID"),
        ("OIDC_CLIENT_ID", "two words", "OIDC_CLIENT_ID"),
        ("OIDC_CLIENT_SECRET", "", "OIDC_CLIENT_SECRET"),
        ("OIDC_NAME", "x" * 41, "OIDC_NAME"),
        ("OIDC_SECOND_FACTOR", "mfa, двойной", "OIDC_SECOND_FACTOR"),
    ],
)
def test_a_setting_of_the_provider_that_is_wrong_is_named(setting: str, value: str, fault: str) -> None:
    assert faults(**{**OIDC, setting: value}) == [fault]
