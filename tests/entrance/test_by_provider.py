"""Nora comes in by the newsroom's own account, from a real provider on this machine; whoever twists what it says stays outside."""

import time
from base64 import urlsafe_b64decode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
from flask import Flask

from app.core.clock import unix_time, utc_now
from app.db.engine import Database
from app.entrance import by_provider, one_time_values
from app.people import oidc
from tests.support.desk_people import NORA, VERA, hire_vera, sign_in_by_code, sign_in_directly
from tests.support.fake_servers import CannedResponse
from tests.support.oidc_provider import (
    CALLBACK_PATH,
    DESK_PAGE,
    START_PATH,
    OidcProvider,
    encode_base64url,
    follow_provider,
    get_page_status,
    list_actions,
    list_linked_person_ids,
    list_sessions,
    run_oidc_provider,
    sign_in_at_provider,
    start_sign_in,
)
from tests.support.pages import Browser
from tests.support.sample_newsroom import Newsroom


@pytest.mark.both_databases
def test_nora_comes_in_and_leaves_what_every_way_in_leaves(
    app: Flask, database: Database, newsroom: Newsroom, provider: OidcProvider
) -> None:
    nora = sign_in_at_provider(app)
    assert (get_page_status(nora), nora.response and nora.response.headers["Location"]) == (303, DESK_PAGE)
    assert nora.open(DESK_PAGE).status_code == 200
    assert list_linked_person_ids(database) == [newsroom.nora.person_id]
    assert list_actions(database, "session.", "identity.") == ["identity.bind", "session.begin"]
    [began] = list_sessions(database)
    assert (began.person_id, began.door, began.seen_at is not None, began.second_at) == (
        newsroom.nora.person_id, "desk", True, None,
    )  # fmt: skip
    assert nora.client.get_cookie("__Host-known", domain="ask.newsroom.example") is not None
    nora.open("/signed-in")
    assert "Signing out here doesn’t sign you out at your provider" in nora.text
    for table in ("identities", "audit", "sessions"):
        with database.reader.connect() as line:
            assert provider.user["sub"] not in repr(line.exec_driver_sql(f"SELECT * FROM {table}").fetchall())


def test_the_request_carries_all_that_protects_it_and_nothing_of_it_twice(
    app: Flask, database: Database, newsroom: Newsroom, provider: OidcProvider
) -> None:
    asked = []
    for _ in range(2):
        there = start_sign_in(app)[1]
        assert there.startswith(f"{provider.issuer}/authorize?")
        asked.append({name: values[0] for name, values in parse_qs(urlsplit(there).query).items()})
    one, other = asked
    same = {name for name in one if one[name] == other[name]}
    assert one.keys() - same == {"state", "nonce", "code_challenge"}
    assert {name: one[name] for name in same} == {
        "response_type": "code", "client_id": "readers asked",
        "redirect_uri": f"https://ask.newsroom.example{CALLBACK_PATH}",
        "scope": "openid email", "code_challenge_method": "S256",
    }  # fmt: skip
    assert provider.count_requests("/.well-known/openid-configuration") == 1


def twisted(**claims: Any) -> Callable[[OidcProvider], None]:
    return lambda provider: provider.claims.update(claims)


def change_provider(**values: Any) -> Callable[[OidcProvider], None]:
    def fn(provider: OidcProvider) -> None:
        for name, value in values.items():
            assert hasattr(provider, name), name
            setattr(provider, name, value)

    return fn


HOUR = 3_600
HOSTILE: dict[str, Callable[[OidcProvider], None]] = {
    "another nonce": twisted(nonce="of another request"),
    "no nonce": twisted(nonce=None),
    "another issuer": twisted(iss="https://login.elsewhere.example"),
    "another audience": twisted(aud="another client"),
    "several audiences, and not said for whom": twisted(aud=["readers asked", "another client"]),
    "for another of several": twisted(aud=["readers asked", "another client"], azp="another client"),
    "expired": lambda provider: provider.claims.update(exp=int(unix_time()) - oidc.LEEWAY - 5),
    "of an hour ago": lambda provider: provider.claims.update(iat=int(unix_time()) - HOUR),
    "of tomorrow": lambda provider: provider.claims.update(iat=int(unix_time()) + 24 * HOUR),
    "not yet": lambda provider: provider.claims.update(nbf=int(unix_time()) + HOUR),
    "without an end": twisted(exp=None),
    "of nobody": twisted(sub=None),
    "of a number": twisted(sub=7),
    "unsigned": change_provider(algorithm="none"),
    "signed with the public key": change_provider(algorithm="HS256"),
    "signed by a key that it doesn't name": change_provider(key_number=2),
    "nested without an end": lambda provider: provider.responses.update(
        {"/token": CannedResponse({"id_token": f"{encode_base64url(b'[' * 20_000)}.e30.x"})}
    ),
    "of another token": twisted(at_hash="AAAAAAAAAAAAAAAAAAAAAA"),
    "no token": lambda provider: provider.responses.update({"/token": CannedResponse({"access_token": "x"})}),
    "a token that is none": lambda provider: provider.responses.update(
        {"/token": CannedResponse({"id_token": "a.b.c"})}
    ),
}


@pytest.mark.threat("stranger at the door")
@pytest.mark.parametrize("variant", HOSTILE)
def test_whoever_twists_the_token_stays_outside(
    app: Flask, database: Database, newsroom: Newsroom, provider: OidcProvider, variant: str
) -> None:
    HOSTILE[variant](provider)
    browser = sign_in_at_provider(app)
    assert (get_page_status(browser), browser.heading) == (400, "Not signed in")
    assert "it is too old. Start again." in browser.text
    assert (list_sessions(database), list_linked_person_ids(database), browser.open(DESK_PAGE).status_code) == (
        [],
        [],
        303,
    )


@pytest.mark.threat("stranger at the door")
@pytest.mark.parametrize(
    "changes",
    [{"state": "of another request"}, {"state": None}, {"iss": "https://login.elsewhere.example"}, {"iss": None}, {"code": "guessed"}, {"code": None}],
    ids=str,
)  # fmt: skip
def test_an_answer_that_was_changed_on_the_way_opens_nothing(
    app: Flask, database: Database, newsroom: Newsroom, provider: OidcProvider, changes: dict[str, str | None]
) -> None:
    browser = sign_in_at_provider(app, **changes)
    assert (get_page_status(browser), list_sessions(database), list_linked_person_ids(database)) == (400, [], [])


@pytest.mark.threat("stranger at the door")
def test_an_answer_counts_once_and_in_the_browser_that_asked(
    app: Flask, database: Database, newsroom: Newsroom, provider: OidcProvider
) -> None:
    nora, there = start_sign_in(app)
    back = follow_provider(there)
    stranger = Browser(app)
    assert stranger.open(back).status_code == 400, "led there by a link"
    other, _there = start_sign_in(app)
    assert other.open(back).status_code == 400, "in the middle of a request of their own"
    with nora.edit_session() as cookie:
        before = dict(cookie)
    assert nora.open(back).status_code == 303
    assert nora.open(back).status_code == 400
    twin = Browser(app)
    with twin.edit_session() as cookie:
        cookie.update(before)
    assert twin.open(back).status_code == 400, "the provider takes a code once"
    thief = Browser(app)
    with thief.edit_session() as cookie:
        cookie.update(before)
    assert thief.open(follow_provider(there)).status_code == 400, "and we take a request once, with any code"
    assert len(list_sessions(database)) == 1


@pytest.mark.threat("stranger at the door")
@pytest.mark.parametrize(("minutes", "comes_in"), [(9, True), (11, False), (-1, False)])
def test_whoever_takes_too_long_at_the_provider_begins_again(
    app: Flask, database: Database, newsroom: Newsroom, provider: OidcProvider, minutes: int, comes_in: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    nora, there = start_sign_in(app)
    back = follow_provider(there)
    monkeypatch.setattr(one_time_values, "now", lambda session: utc_now() + timedelta(minutes=minutes))
    assert (nora.open(back).status_code, len(list_sessions(database))) == ((303, 1) if comes_in else (400, 0))


@pytest.mark.threat("stranger at the door")
def test_no_secret_of_a_request_can_be_read_in_the_cookie(
    app: Flask, database: Database, newsroom: Newsroom, provider: OidcProvider
) -> None:
    nora, there = start_sign_in(app)
    query = parse_qs(urlsplit(there).query)
    with nora.edit_session() as cookie:
        content = urlsafe_b64decode(cookie[by_provider.PURPOSE])
        whole_cookie = repr(dict(cookie))
    nora.open(follow_provider(there))
    [token_request] = [form for path, form in provider.requests if path == "/token"]
    secrets = [query["state"][0], query["nonce"][0], token_request["code_verifier"]]
    assert [secret for secret in secrets if secret in whole_cookie or secret.encode() in content] == []


def test_clocks_may_differ_by_less_than_a_minute(
    app: Flask, database: Database, newsroom: Newsroom, provider: OidcProvider
) -> None:
    at = int(unix_time())
    provider.claims.update(exp=at - oidc.LEEWAY + 20, iat=at + oidc.LEEWAY - 20)
    assert get_page_status(sign_in_at_provider(app)) == 303


@pytest.mark.threat("stranger at the door")
def test_the_provider_changes_its_keys_and_nora_comes_in_at_once(
    app: Flask, database: Database, newsroom: Newsroom, provider: OidcProvider
) -> None:
    assert get_page_status(sign_in_at_provider(app)) == 303
    provider.key_number, provider.published_keys = 2, (1, 2)
    assert get_page_status(sign_in_at_provider(app)) == 303
    provider.published_keys = (2,)
    assert get_page_status(sign_in_at_provider(app)) == 303
    provider.key_number = 1
    assert get_page_status(sign_in_at_provider(app)) == 400, "by a key that was taken back"


def test_an_address_that_stands_in_userinfo_alone_is_asked_for_there(
    app: Flask, database: Database, newsroom: Newsroom, provider: OidcProvider
) -> None:
    provider.has_minimal_id_token = True
    assert get_page_status(sign_in_at_provider(app)) == 303
    provider.responses["/userinfo"] = CannedResponse({"sub": "somebody else", "email": VERA, "email_verified": True})
    hire_vera(database, newsroom)
    assert (get_page_status(sign_in_at_provider(app)), list_linked_person_ids(database)) == (
        400,
        [newsroom.nora.person_id],
    )


def huge(provider: OidcProvider, path: str) -> None:
    provider.responses[path] = CannedResponse(b'{"issuer": "' + b"x" * 200_000 + b'"}')


ELSEWHERE = {"Location": "https://elsewhere.example/"}
BROKEN: dict[str, CannedResponse] = {
    "500": CannedResponse({"error": "server_error"}, 500),
    "huge": CannedResponse(b'{"x": "' + b"x" * 200_000 + b'"}'),
    "no JSON": CannedResponse(b"<h1>We are moving</h1>"),
    "a list": CannedResponse([1, 2]),
    "elsewhere": CannedResponse(b"", 302, ELSEWHERE),
    "slow": CannedResponse({"issuer": "x" * 4_000}, byte_delay=0.01),
}


@pytest.mark.threat("silent servers")
@pytest.mark.parametrize("variant", BROKEN)
@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/keys"])
def test_a_provider_that_is_down_is_said_to_be_and_the_way_by_mail_works(
    app: Flask, database: Database, newsroom: Newsroom, provider: OidcProvider, path: str, variant: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(oidc, "REQUEST_TIMEOUT", 0.5)
    provider.responses[path] = BROKEN[variant]
    browser, began = Browser(app), time.monotonic()
    if path.startswith("/."):
        browser.open(START_PATH)
    else:
        browser = sign_in_at_provider(app)
    assert (get_page_status(browser), browser.heading) == (503, "Not signed in")
    assert "The Daily’s account can’t be reached right now. You can still sign in by mail." in browser.text
    assert time.monotonic() - began < 5
    assert list_sessions(database) == []
    assert sign_in_by_code(app, database, NORA).open(DESK_PAGE).status_code == 200


def test_a_provider_that_is_not_there_at_all(app: Flask, database: Database, newsroom: Newsroom) -> None:
    with run_oidc_provider(app.config["BASE_URL"]) as gone:
        app.config["OIDC"] = gone.get_account()
    browser = Browser(app)
    assert browser.open(START_PATH).status_code == 503


@pytest.mark.threat("stranger at the door")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("issuer", "https://login.elsewhere.example"),
        ("token_endpoint", "http://login.elsewhere.example/token"),
        ("jwks_uri", "file:///etc/passwd"),
        ("authorization_endpoint", "javascript:alert(1)"),
        ("authorization_endpoint", None),
        ("userinfo_endpoint", "http://10.0.0.1/"),
        ("code_challenge_methods_supported", ["plain"]),
    ],
)
def test_a_discovery_document_that_leads_elsewhere_is_not_followed(
    app: Flask, database: Database, newsroom: Newsroom, provider: OidcProvider, name: str, value: object
) -> None:
    provider.responses["/.well-known/openid-configuration"] = CannedResponse(
        {**provider.get_discovery().body, name: value}
    )
    browser = Browser(app)
    assert browser.open(START_PATH).status_code == 503
    assert [path for path, _form in provider.requests] == ["/.well-known/openid-configuration"]


def test_a_provider_behind_tls_names_no_address_on_this_machine(app: Flask, provider: OidcProvider) -> None:
    one = provider.get_account()
    behind = type(one)(
        "https://login.example.org", one.client_id, one.client_secret, one.name, one.second_factor_methods
    )
    assert [oidc._is_safe(url, behind) for url in ("http://127.0.0.1:5432/", "https://keys.example.org/")] == [
        False,
        True,
    ]


@pytest.mark.threat("silent servers")
def test_two_slow_conversations_hold_two_threads_and_no_third(
    app: Flask, database: Database, newsroom: Newsroom, provider: OidcProvider
) -> None:
    with oidc._limit_concurrency(), oidc._limit_concurrency():
        browser = Browser(app)
        assert browser.open(START_PATH).status_code == 503
    assert browser.open(START_PATH).status_code == 303


def test_whoever_turns_back_at_the_provider_is_told_so(
    app: Flask, database: Database, newsroom: Newsroom, provider: OidcProvider
) -> None:
    browser = sign_in_at_provider(app, error="access_denied", code=None)
    assert (get_page_status(browser), "or you cancelled it there" in browser.text) == (403, True)


@pytest.mark.threat("stranger at the door")
def test_an_address_that_the_provider_has_not_confirmed_opens_nothing(
    app: Flask, database: Database, newsroom: Newsroom, provider: OidcProvider
) -> None:
    for claimed in (False, None, "true", 1):
        provider.claims["email_verified"] = claimed
        browser = sign_in_at_provider(app)
        assert (get_page_status(browser), "hasn’t confirmed your address" in browser.text) == (403, True), claimed
    assert list_linked_person_ids(database) == []


def with_app(app: Flask, database: Database) -> str:
    """Give Nora an app that makes codes. Returns its secret."""
    nora = sign_in_directly(app, database, NORA)
    nora.open("/signed-in/factors/app")
    secret = nora.value("secret")
    nora.submit("/signed-in/factors/app", code=pyotp.TOTP(secret).now())
    return secret


@pytest.mark.threat("stranger at the door")
@pytest.mark.parametrize(
    ("second", "claims", "asked"),
    [
        ("", {"amr": ["pwd", "mfa"], "acr": "2"}, True),
        ("mfa", {"amr": ["pwd"]}, True),
        ("mfa", {}, True),
        ("mfa", {"amr": "mfa"}, None),
        ("mfa hwk", {"amr": ["pwd", "hwk"]}, False),
        ("urn:two", {"acr": "urn:two"}, False),
        ("urn:two", {"acr": ["urn:two"]}, True),
    ],
)
def test_the_settings_say_by_what_the_provider_s_sign_in_counts_as_a_second_factor(
    app: Flask, database: Database, newsroom: Newsroom, provider: OidcProvider,
    second: str, claims: dict[str, Any], asked: bool | None,
) -> None:  # fmt: skip
    with_app(app, database)
    app.config["OIDC"] = provider.get_account(second)
    provider.claims = claims
    nora = sign_in_at_provider(app)
    if asked is None:
        assert get_page_status(nora) == 400, "no list of methods, so no token"
        return
    led = nora.open(DESK_PAGE)
    assert (led.status_code, led.headers.get("Location")) == (
        (303, f"/sign-in/second?next={DESK_PAGE}") if asked else (200, None)
    )


@pytest.mark.threat("seized editor's device")
def test_a_session_at_the_provider_is_no_fresh_proof_of_who_sits_there(
    app: Flask, database: Database, newsroom: Newsroom, provider: OidcProvider
) -> None:
    at = int(unix_time())
    fresh = []
    for moment in (None, at - HOUR, at - 60, at + 40, 10**30):
        claims = {"auth_time": moment} if moment else {}
        provider.claims = claims
        nora = sign_in_at_provider(app)
        nora.open("/desk/steppe/experts/files")
        led = nora.submit("/desk/steppe/experts/export")
        fresh.append(led.status_code == 200)
        led.get_data()
    assert fresh == [False, False, True, True, False]
    stepped = [row.stepped_up_at for row in list_sessions(database)]
    assert stepped[:3] == [None, *(datetime.fromtimestamp(at - ago, UTC) for ago in (HOUR, 60))]
    assert stepped[3] is not None
    assert at <= stepped[3].timestamp() < at + 40, "a clock that goes before ours proves nothing for the time to come"


def test_the_button_is_there_where_a_provider_is_set_and_for_the_desk_alone(
    app: Flask, database: Database, newsroom: Newsroom, provider: OidcProvider
) -> None:
    browser, button = Browser(app), "Sign in with the Daily’s account"
    browser.open("/sign-in")
    assert button in browser.text
    browser.open("/sign-in?to=expert")
    assert button not in browser.text
    browser.open(follow_provider(browser.open(f"{START_PATH}?next=https://elsewhere.example/").headers["Location"]))
    assert browser.response is not None and browser.response.headers["Location"] == "/desk/steppe/", "and nowhere else"
    asked = len(provider.requests)
    browser.client.environ_base["HTTP_SEC_FETCH_SITE"] = "cross-site"
    assert browser.open(f"{START_PATH}?next={DESK_PAGE}").headers["Location"] == f"/sign-in?next={DESK_PAGE}", (
        "another site's moment"
    )
    assert len(provider.requests) == asked
    app.config["OIDC"] = None
    browser.open("/sign-in")
    assert button not in browser.text
    assert [browser.open(path).status_code for path in (START_PATH, f"{CALLBACK_PATH}?code=x&state=y")] == [404, 404]
