"""An OpenID Connect provider on this machine, and browsers that sign in there.

The provider speaks HTTP and is strict: it requires an exact redirect URI, PKCE and client authentication, and accepts
each code once. Its signing keys are real and can be rotated. A test can change its responses in every way that an
attacker or a broken provider might.
"""

import base64
import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.client import HTTPConnection
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlencode, urlsplit

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from flask import Flask
from joserfc import jwk, jwt
from sqlalchemy import select

from app.audit import Event
from app.core.clock import unix_time
from app.db.engine import Database
from app.people.models import BrowserSession, Identity
from app.settings.oidc_account import StaffProvider
from tests.support.fake_servers import CannedResponse, CannedResponseHandler, run_server
from tests.support.pages import Browser

CLIENT_ID, CLIENT_SECRET = "readers asked", "a secret: of the client"
CALLBACK_PATH = "/sign-in/provider/back"


@cache
def get_signing_key(number: int) -> jwk.RSAKey:
    return jwk.RSAKey.generate_key(2048, {"kid": f"key-{number}", "use": "sig"})


def encode_base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class OidcProvider(ThreadingHTTPServer):
    """The provider. `user` has the claims of the person who signs in. `claims` overrides those of the ID token; None
    removes a claim.

    `responses` overrides the response at a path. `response_issuer` is the `iss` of authorization responses (RFC 9207).
    With `asks_consent`, a browser has to follow a link first. `requests` has the requested paths with their forms.
    """

    daemon_threads = True

    def __init__(self, site: str, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), ProviderHandler)
        self.callback_url = site + CALLBACK_PATH
        self.user: dict[str, Any] = {"sub": "248289761001", "email": "nora@desk.example", "email_verified": True}
        self.claims: dict[str, Any] = {}
        self.responses: dict[str, CannedResponse] = {}
        self.key_number, self.published_keys = 1, (1,)
        self.algorithm = "RS256"
        self.has_minimal_id_token = False  # the e-mail address is only in userinfo
        self.response_issuer: str | None = self.issuer
        self.asks_consent = False
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.access_tokens: set[str] = set()
        self.stop = threading.Event()

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def get_account(self, second_factors: str = "") -> StaffProvider:
        """Return the provider as the settings describe it."""
        return StaffProvider(
            self.issuer, CLIENT_ID, CLIENT_SECRET, "the Daily’s account", frozenset(second_factors.split())
        )

    def get_settings(self) -> dict[str, str]:
        """Return the settings of the provider as environment variables."""
        return {
            "OIDC_ISSUER": self.issuer,
            "OIDC_CLIENT_ID": "readers-asked",
            "OIDC_CLIENT_SECRET": CLIENT_SECRET,
            "OIDC_NAME": "the Daily’s account",
        }

    def respond(self, path: str, form: dict[str, str], headers: Any) -> CannedResponse:
        self.requests.append((path, form))
        if path in self.responses:
            return self.responses[path]
        views = {
            "/.well-known/openid-configuration": self.get_discovery,
            "/authorize": lambda: self.authorize(form),
            "/token": lambda: self.exchange_code(form, headers.get("Authorization", "")),
            "/keys": lambda: CannedResponse(
                jwk.KeySet([get_signing_key(number) for number in self.published_keys]).as_dict(private=False)
            ),
            "/userinfo": lambda: self.get_userinfo(headers.get("Authorization", "")),
        }
        return views[path]() if path in views else CannedResponse(b"", 404)

    def get_discovery(self) -> CannedResponse:
        return CannedResponse({
            "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize", "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys", "userinfo_endpoint": f"{self.issuer}/userinfo", "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"], "id_token_signing_alg_values_supported": ["RS256"],
            "subject_types_supported": ["public"], "authorization_response_iss_parameter_supported": self.response_issuer is not None,
        })  # fmt: skip

    def authorize(self, form: dict[str, str]) -> CannedResponse:
        expected = {"response_type": "code", "redirect_uri": self.callback_url, "code_challenge_method": "S256"}
        if any(form.get(name) != value for name, value in expected.items()) or "openid" not in form["scope"].split():
            return CannedResponse(b"not taken", 400)
        if self.asks_consent and "yes" not in form:
            href = f"/authorize?{urlencode({**form, 'yes': '1'})}".replace("&", "&amp;")
            return CannedResponse(
                f'<h1>The Daily</h1><a href="{href}">Go on as Nora</a>'.encode(), headers={"Content-Type": "text/html"}
            )
        self.codes[code := secrets.token_urlsafe(16)] = form
        params = {"code": code, "state": form["state"]}
        if self.response_issuer:
            params["iss"] = self.response_issuer
        return CannedResponse(b"", 302, {"Location": f"{self.callback_url}?{urlencode(params)}"})

    def exchange_code(self, form: dict[str, str], authorization: str) -> CannedResponse:
        request = self.codes.pop(form["code"], None)  # a code is valid once
        pair = f"{quote_plus(request['client_id'] if request else CLIENT_ID)}:{quote_plus(CLIENT_SECRET)}".encode()
        if authorization != f"Basic {base64.b64encode(pair).decode()}":
            return CannedResponse({"error": "invalid_client"}, 401)
        if request is None or create_s256_code_challenge(form["code_verifier"]) != request["code_challenge"]:
            return CannedResponse({"error": "invalid_grant"}, 400)
        if form["redirect_uri"] != request["redirect_uri"] or form["grant_type"] != "authorization_code":
            return CannedResponse({"error": "invalid_grant"}, 400)
        self.access_tokens.add(access_token := secrets.token_urlsafe(16))
        return CannedResponse({
            "access_token": access_token, "token_type": "Bearer", "expires_in": 300, "id_token": self.sign_id_token(request),
        })  # fmt: skip

    def sign_id_token(self, request: dict[str, str]) -> str:
        now = int(unix_time())
        user_claims = {"sub": self.user["sub"]} if self.has_minimal_id_token else self.user
        default_claims = {
            "iss": self.issuer,
            "aud": request["client_id"],
            "exp": now + 300,
            "iat": now,
            "nonce": request["nonce"],
        }
        claims = {
            name: value for name, value in {**default_claims, **user_claims, **self.claims}.items() if value is not None
        }
        key = get_signing_key(self.key_number)
        if self.algorithm == "RS256":
            return jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)
        header = {"alg": self.algorithm, "kid": key.kid}
        signing_input = ".".join(encode_base64url(json.dumps(part).encode()) for part in (header, claims))
        public_key = key.as_pem(private=False)  # the attack: the public key is used as an HMAC secret
        signature = (
            hmac.digest(public_key, signing_input.encode(), hashlib.sha256) if self.algorithm == "HS256" else b""
        )
        return f"{signing_input}.{encode_base64url(signature)}"

    def get_userinfo(self, authorization: str) -> CannedResponse:
        if authorization.removeprefix("Bearer ") not in self.access_tokens:
            return CannedResponse({"error": "invalid_token"}, 401)
        return CannedResponse(self.user)

    def count_requests(self, path: str) -> int:
        return [requested_path for requested_path, _form in self.requests].count(path)


class ProviderHandler(CannedResponseHandler):
    server: OidcProvider

    def get_response(self) -> CannedResponse:
        form = {name: values[0] for name, values in parse_qs(self.read_body().decode()).items()}
        return self.server.respond(urlsplit(self.path).path, form, self.headers)


@contextmanager
def run_oidc_provider(site: str) -> Iterator[OidcProvider]:
    """Run a provider that redirects browsers back to `site`, until the block ends."""
    server = OidcProvider(site)
    with run_server(server, server.stop):
        yield server


def follow_provider(url: str) -> str:
    """Open a URL of the provider as a browser would, and return the URL that it redirects to."""
    parts = urlsplit(url)
    connection = HTTPConnection(str(parts.hostname), parts.port, timeout=10)
    connection.request("GET", f"{parts.path}?{parts.query}")
    response = connection.getresponse()
    response.read()
    connection.close()
    assert response.status == 302, (response.status, url)
    return str(response.headers["Location"])


DESK_PAGE, START_PATH = "/desk/steppe/letters", "/sign-in/provider"


def start_sign_in(app: Flask, next_path: str = DESK_PAGE) -> tuple[Browser, str]:
    """Follow the sign-in link. Return the browser and the provider's URL that it is redirected to."""
    browser = Browser(app)
    browser.open(f"/sign-in?next={next_path}")
    response = browser.open(browser.page.attributes(f'a[href^="{START_PATH}"]', "href")[0])
    assert response.status_code == 303, browser.heading
    return browser, response.headers["Location"]


def sign_in_at_provider(app: Flask, next_path: str = DESK_PAGE, **changes: str | None) -> Browser:
    """Sign in at the provider and return the browser. `changes` overrides parameters of the provider's response; None
    removes a parameter.
    """
    browser, provider_url = start_sign_in(app, next_path)
    parts = urlsplit(follow_provider(provider_url))
    answer = {name: values[0] for name, values in parse_qs(parts.query).items()} | changes
    browser.open(f"{parts.path}?{urlencode({name: value for name, value in answer.items() if value is not None})}")
    return browser


def get_page_status(browser: Browser) -> int:
    assert browser.response is not None
    return browser.response.status_code


def list_actions(database: Database, *prefixes: str) -> list[str]:
    with database.read() as session:
        actions = session.scalars(select(Event.action).order_by(Event.id))
        return [action for action in actions if action.startswith(prefixes)]


def list_sessions(database: Database) -> list[BrowserSession]:
    with database.read() as session:
        return list(session.scalars(select(BrowserSession).order_by(BrowserSession.id)))


def list_linked_person_ids(database: Database) -> list[int]:
    with database.read() as session:
        return list(session.scalars(select(Identity.person_id).order_by(Identity.id)))
