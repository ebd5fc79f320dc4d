"""An OpenID Connect provider on this machine, and browsers that sign in there.

It speaks HTTP, has real keys that it can change, and is strict: an exact redirect address, PKCE, codes that count once,
clients that prove themselves. A test can twist its answers in each way that an attacker or a broken provider would.
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
from tests.support.fake_servers import AnswerHandler, CannedAnswer, run_server
from tests.support.pages import Browser

CLIENT_ID, CLIENT_SECRET = "readers asked", "a secret: of the client"
CALLBACK_PATH = "/sign-in/provider/back"


@cache
def signing_key(number: int) -> jwk.RSAKey:
    return jwk.RSAKey.generate_key(2048, {"kid": f"key-{number}", "use": "sig"})


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class OidcProvider(ThreadingHTTPServer):
    """`user` are the claims of who signs in there; `claims` are put over those of the ID token, and None takes one out.

    `answers` are given at a path in place of the usual one. `says_iss` is the `iss` of its answers (RFC 9207); `asks` lets a
    browser press a button first. `asked` are the paths that were asked for, with the forms.
    """

    daemon_threads = True

    def __init__(self, site: str, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), ProviderHandler)
        self.back = site + CALLBACK_PATH
        self.user: dict[str, Any] = {"sub": "248289761001", "email": "nora@desk.example", "email_verified": True}
        self.claims: dict[str, Any] = {}
        self.answers: dict[str, CannedAnswer] = {}
        self.key, self.published = 1, (1,)
        self.algorithm = "RS256"
        self.is_plain = False  # the address stands in userinfo alone
        self.says_iss: str | None = self.issuer
        self.asks = False
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.tokens: set[str] = set()
        self.over = threading.Event()

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def account(self, second: str = "") -> StaffProvider:
        """The provider as the settings name it."""
        return StaffProvider(self.issuer, CLIENT_ID, CLIENT_SECRET, "the Daily’s account", frozenset(second.split()))

    def settings(self) -> dict[str, str]:
        """The same as environment variables."""
        return {
            "OIDC_ISSUER": self.issuer,
            "OIDC_CLIENT_ID": "readers-asked",
            "OIDC_CLIENT_SECRET": CLIENT_SECRET,
            "OIDC_NAME": "the Daily’s account",
        }

    def answer(self, path: str, form: dict[str, str], head: Any) -> CannedAnswer:
        self.asked.append((path, form))
        if path in self.answers:
            return self.answers[path]
        views = {
            "/.well-known/openid-configuration": self.discovery,
            "/authorize": lambda: self.authorize(form),
            "/token": lambda: self.token(form, head.get("Authorization", "")),
            "/keys": lambda: CannedAnswer(
                jwk.KeySet([signing_key(one) for one in self.published]).as_dict(private=False)
            ),
            "/userinfo": lambda: self.userinfo(head.get("Authorization", "")),
        }
        return views[path]() if path in views else CannedAnswer(b"", 404)

    def discovery(self) -> CannedAnswer:
        return CannedAnswer({
            "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize", "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys", "userinfo_endpoint": f"{self.issuer}/userinfo", "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"], "id_token_signing_alg_values_supported": ["RS256"],
            "subject_types_supported": ["public"], "authorization_response_iss_parameter_supported": self.says_iss is not None,
        })  # fmt: skip

    def authorize(self, form: dict[str, str]) -> CannedAnswer:
        right = {"response_type": "code", "redirect_uri": self.back, "code_challenge_method": "S256"}
        if any(form.get(name) != value for name, value in right.items()) or "openid" not in form["scope"].split():
            return CannedAnswer(b"not taken", 400)
        if self.asks and "yes" not in form:
            href = f"/authorize?{urlencode({**form, 'yes': '1'})}".replace("&", "&amp;")
            return CannedAnswer(
                f'<h1>The Daily</h1><a href="{href}">Go on as Nora</a>'.encode(), head={"Content-Type": "text/html"}
            )
        self.codes[code := secrets.token_urlsafe(16)] = form
        answer = {"code": code, "state": form["state"], **({"iss": self.says_iss} if self.says_iss else {})}
        return CannedAnswer(b"", 302, {"Location": f"{self.back}?{urlencode(answer)}"})

    def token(self, form: dict[str, str], proof: str) -> CannedAnswer:
        began = self.codes.pop(form["code"], None)  # it counts once
        pair = f"{quote_plus(began['client_id'] if began else CLIENT_ID)}:{quote_plus(CLIENT_SECRET)}".encode()
        if proof != f"Basic {base64.b64encode(pair).decode()}":
            return CannedAnswer({"error": "invalid_client"}, 401)
        if began is None or create_s256_code_challenge(form["code_verifier"]) != began["code_challenge"]:
            return CannedAnswer({"error": "invalid_grant"}, 400)
        if form["redirect_uri"] != began["redirect_uri"] or form["grant_type"] != "authorization_code":
            return CannedAnswer({"error": "invalid_grant"}, 400)
        self.tokens.add(access := secrets.token_urlsafe(16))
        return CannedAnswer({
            "access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": self.id_token(began),
        })  # fmt: skip

    def id_token(self, began: dict[str, str]) -> str:
        now = int(unix_time())
        own = {"sub": self.user["sub"]} if self.is_plain else self.user
        usual = {"iss": self.issuer, "aud": began["client_id"], "exp": now + 300, "iat": now, "nonce": began["nonce"]}
        claims = {name: value for name, value in {**usual, **own, **self.claims}.items() if value is not None}
        key = signing_key(self.key)
        if self.algorithm == "RS256":
            return jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)
        head = {"alg": self.algorithm, "kid": key.kid}
        signed = ".".join(base64url(json.dumps(part).encode()) for part in (head, claims))
        public = key.as_pem(private=False)  # what everybody knows, as if it were a secret
        mark = hmac.digest(public, signed.encode(), hashlib.sha256) if self.algorithm == "HS256" else b""
        return f"{signed}.{base64url(mark)}"

    def userinfo(self, proof: str) -> CannedAnswer:
        return (
            CannedAnswer(self.user)
            if proof.removeprefix("Bearer ") in self.tokens
            else CannedAnswer({"error": "invalid_token"}, 401)
        )

    def count(self, path: str) -> int:
        return [asked for asked, _form in self.asked].count(path)


class ProviderHandler(AnswerHandler):
    server: OidcProvider

    def answer(self) -> CannedAnswer:
        form = {name: values[0] for name, values in parse_qs(self.sent().decode()).items()}
        return self.server.answer(urlsplit(self.path).path, form, self.headers)


@contextmanager
def staff_provider(site: str) -> Iterator[OidcProvider]:
    """A provider that sends browsers back to a site, until the block ends."""
    server = OidcProvider(site)
    with run_server(server, server.over):
        yield server


def follow_provider(address: str) -> str:
    """Open an address of the provider as a browser would. Returns where it leads to."""
    parts = urlsplit(address)
    line = HTTPConnection(str(parts.hostname), parts.port, timeout=10)
    line.request("GET", f"{parts.path}?{parts.query}")
    answer = line.getresponse()
    answer.read()
    line.close()
    assert answer.status == 302, (answer.status, address)
    return str(answer.headers["Location"])


DESK_PAGE, START_PATH = "/desk/steppe/letters", "/sign-in/provider"


def start_sign_in(app: Flask, onward: str = DESK_PAGE) -> tuple[Browser, str]:
    """A browser that pressed the button, and where it was sent to."""
    browser = Browser(app)
    browser.open(f"/sign-in?next={onward}")
    led = browser.open(browser.read.attributes(f'a[href^="{START_PATH}"]', "href")[0])
    assert led.status_code == 303, browser.heading
    return browser, led.headers["Location"]


def sign_in_at_provider(app: Flask, onward: str = DESK_PAGE, **changed: str | None) -> Browser:
    """A browser that was at the provider and is back, with some parts of the answer changed."""
    browser, there = start_sign_in(app, onward)
    parts = urlsplit(follow_provider(there))
    answer = {name: values[0] for name, values in parse_qs(parts.query).items()} | changed
    browser.open(f"{parts.path}?{urlencode({name: text for name, text in answer.items() if text is not None})}")
    return browser


def page_status(browser: Browser) -> int:
    assert browser.page is not None
    return browser.page.status_code


def list_actions(database: Database, *prefixes: str) -> list[str]:
    with database.read() as session:
        found = session.scalars(select(Event.action).order_by(Event.id))
        return [action for action in found if action.startswith(prefixes)]


def list_sessions(database: Database) -> list[BrowserSession]:
    with database.read() as session:
        return list(session.scalars(select(BrowserSession).order_by(BrowserSession.id)))


def linked_person_ids(database: Database) -> list[int]:
    with database.read() as session:
        return list(session.scalars(select(Identity.person_id).order_by(Identity.id)))
