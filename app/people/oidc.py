"""An OpenID Connect client (Core 1.0): the code flow with PKCE (RFC 7636), `state`, `nonce` and `iss` (RFC 9207).

It returns whom the provider vouches for. `identities` decides who that is at this desk, and whether they may sign in.

It uses authlib and joserfc, which the extra `oidc` installs; they are imported only if a provider is configured.
"""

import secrets
import threading
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

from app.settings.mail_accounts import is_safe
from app.settings.oidc_account import StaffProvider

from ..core import http_client
from ..crypto.seal import new_token

LIMIT = 5.0  # seconds for each response of the provider
LEEWAY = 60  # seconds by which its clock and ours may differ
OLDEST = 600  # seconds: the age of a token, and the time that somebody may spend on the provider's pages
KNOWN_FOR = 600.0  # seconds for which its discovery document is cached
AT_ONCE = 2  # concurrent exchanges per process: a slow provider must not block all threads that serve pages
# Without `none`, and without HS256, which would accept the public key as the secret.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
SCOPE = "openid email"
# Exceptions of the libraries for a malformed ID token or key.
MALFORMED = (ValueError, TypeError, AttributeError, KeyError, AssertionError, ArithmeticError, RecursionError)


class NotVouched(Exception):
    """Raised when the provider vouches for nobody. `why` is our own text for the log, without anything from outside."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.why = reason


class Away(NotVouched):
    """Raised when the provider can't be reached just now, or its answer can't be used."""


class Unfit(NotVouched):
    """Raised for an answer that doesn't match the request: too old, used already, or forged."""


class Declined(NotVouched):
    """Raised when the person cancelled at the provider, or it refused them."""


@dataclass(frozen=True)
class AuthorizationRequest:
    """The secrets of one request, kept in the browser that makes it. Each is used once."""

    state: str
    nonce: str
    verifier: str
    at: int


@dataclass(frozen=True)
class Vouched:
    """A person as the provider knows them.

    `methods` are how they signed in there (`amr`, `acr`); `signed_in_at` is when, in seconds since 1970, if the
    provider says so.
    """

    issuer: str
    subject: str
    email: str
    is_verified: bool
    methods: frozenset[str]
    signed_in_at: int | None


_lines = threading.BoundedSemaphore(AT_ONCE)
_known: dict[str, tuple[float, dict[str, Any]]] = {}


@contextmanager
def _line() -> Iterator[None]:
    if not _lines.acquire(blocking=False):
        raise Away("others are waiting for it already")
    try:
        yield
    finally:
        _lines.release()


def begin(provider: StaffProvider, redirect_uri: str, now: int) -> tuple[str, AuthorizationRequest]:
    """Return the URL at the provider to send a browser to, and the secrets to keep until it returns to `redirect_uri`.

    `now` is in seconds since 1970. Raises `Away`.
    """
    from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
    from authlib.oauth2.rfc7636 import create_s256_code_challenge

    with _line():
        found = get_provider_metadata(provider)
    asked = AuthorizationRequest(new_token(256), new_token(256), secrets.token_urlsafe(48), now)
    address: str = prepare_grant_uri(
        found["authorization_endpoint"],
        client_id=provider.client_id,
        response_type="code",
        redirect_uri=redirect_uri,
        scope=SCOPE,
        state=asked.state,
        nonce=asked.nonce,
        code_challenge=create_s256_code_challenge(asked.verifier),
        code_challenge_method="S256",
    )
    return address, asked


def finish(
    provider: StaffProvider, redirect_uri: str, auth_request: AuthorizationRequest, params: Mapping[str, str], now: int
) -> Vouched:
    """Return whom the provider vouches for, from the parameters with which a browser returned to `redirect_uri`.

    `now` is in seconds since 1970. Raises `NotVouched`.
    """
    if not secrets.compare_digest(params.get("state", "").encode(), auth_request.state.encode()):
        raise Unfit("state")
    if not 0 <= now - auth_request.at <= OLDEST:
        raise Unfit("too late")
    with _line():
        found = get_provider_metadata(provider)
        # RFC 9207, section 2.4: otherwise the code of one provider could be sent to another.
        says = bool(found.get("authorization_response_iss_parameter_supported"))
        if (says or "iss" in params) and params.get("iss") != provider.issuer:
            raise Unfit("issuer of the answer")
        if "error" in params:
            raise Declined("declined")
        if not params.get("code"):
            raise Unfit("no code")
        tokens = _tokens(provider, found, redirect_uri, auth_request, params.get("code", ""))
        claims = _claims(provider, found, auth_request, tokens, now)
        if "email" not in claims and "userinfo_endpoint" in found:
            claims = _with_address(found, tokens, claims)
    email, signed_in_at = claims.get("email"), claims.get("auth_time")
    methods = [*(claims.get("amr") or ()), claims.get("acr")]
    return Vouched(
        issuer=provider.issuer,
        subject=claims["sub"],
        email=email if isinstance(email, str) else "",
        is_verified=claims.get("email_verified") is True,
        methods=frozenset(one for one in methods if isinstance(one, str)),
        signed_in_at=int(signed_in_at) if signed_in_at and 0 < signed_in_at <= now + LEEWAY else None,
    )


def get_provider_metadata(provider: StaffProvider, refresh: bool = False) -> dict[str, Any]:
    """Return the provider's discovery document (Discovery 1.0, section 4), cached for ten minutes. Raises `Away`."""
    since, known = _known.get(provider.issuer, (0.0, {}))
    if known and not refresh and time.monotonic() - since < KNOWN_FOR:
        return known
    found = _request_json(provider.issuer.rstrip("/") + "/.well-known/openid-configuration")
    if found.get("issuer") != provider.issuer:
        raise Away("its discovery document is of another issuer")
    needed = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    for name in (*needed, *(["userinfo_endpoint"] if "userinfo_endpoint" in found else [])):
        if not _is_safe(found.get(name), provider):
            raise Away(f"its {name} is no address that begins with https://")
    if "S256" not in found.get("code_challenge_methods_supported", ["S256"]):
        raise Away("it knows no PKCE by S256")
    _known[provider.issuer] = (time.monotonic(), found)
    return found


def _is_safe(url: object, provider: StaffProvider) -> bool:
    """Return whether the URL may be called: by HTTPS, or without it on this machine if the issuer itself is so."""
    is_encrypted = isinstance(url, str) and url.startswith("https://")
    return isinstance(url, str) and is_safe(url) and (is_encrypted or provider.issuer.startswith("http://"))


def _request_json(
    url: str, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return a JSON object from the provider. Raises `Away`, and `Unfit` if the provider refuses the form."""
    try:
        status, body = http_client.request(url, form, headers, LIMIT)
        found = http_client.parse_object(status, body)
    except (http_client.RequestFailed, http_client.UnreadableResponse) as fault:
        raise Away(str(fault)) from None
    if form is not None and 400 <= status < 500:
        raise Unfit(f"it refuses the code ({status})")
    if status != 200:
        raise Away(f"it answers {status}")
    return found


def _tokens(
    provider: StaffProvider, metadata: dict[str, Any], redirect_uri: str, auth_request: AuthorizationRequest, code: str
) -> dict[str, Any]:
    """Exchange a code, which works once, for tokens."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": auth_request.verifier,
    }
    head = {}
    if "client_secret_basic" in metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"]):
        pair = f"{quote_plus(provider.client_id)}:{quote_plus(provider.client_secret)}"  # RFC 6749, section 2.3.1
        head = {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
    else:
        form |= {"client_id": provider.client_id, "client_secret": provider.client_secret}
    return _request_json(metadata["token_endpoint"], form, head)


def _claims(
    provider: StaffProvider,
    metadata: dict[str, Any],
    auth_request: AuthorizationRequest,
    tokens: dict[str, Any],
    now: int,
) -> dict[str, Any]:
    """Return the claims of the ID token after validating it (Core 1.0, section 3.1.3.7).

    The keys are fetched each time, since a provider may change them at any time.
    """
    from authlib.oidc.core import CodeIDToken
    from joserfc import jwk, jwt
    from joserfc.errors import JoseError

    keys = _request_json(metadata["jwks_uri"]).get("keys")
    if not isinstance(keys, list):
        raise Away("it gives no keys")
    try:
        signing = [key for key in keys if key.get("kty") != "oct" and key.get("use", "sig") == "sig"]
        ring = jwk.KeySet([jwk.import_key(key) for key in signing])
        token = jwt.decode(str(tokens.get("id_token", "")), ring, algorithms=ALGORITHMS)
        options = {"iss": {"essential": True, "value": provider.issuer}}
        options["aud"] = {"essential": True, "value": provider.client_id}
        params = {
            "nonce": auth_request.nonce,
            "client_id": provider.client_id,
            "access_token": tokens.get("access_token"),
        }
        claims = CodeIDToken(token.claims, token.header, options, params)
        claims.validate(now, LEEWAY)
        fits = isinstance(claims["sub"], str) and 0 < len(claims["sub"]) <= 255 and now - claims["iat"] <= OLDEST
    except (JoseError, *MALFORMED) as error:
        raise Unfit(f"ID token ({type(error).__name__})") from error
    if not fits:
        raise Unfit("ID token (too old, or of nobody)")
    return dict(claims)


def _with_address(metadata: dict[str, Any], tokens: dict[str, Any], claims: dict[str, Any]) -> dict[str, Any]:
    """Add the address from userinfo (Core 1.0, section 5.3.2): many providers leave it out of the ID token."""
    more = _request_json(metadata["userinfo_endpoint"], None, {"Authorization": f"Bearer {tokens.get('access_token')}"})
    if more.get("sub") != claims["sub"]:
        raise Unfit("userinfo is of somebody else")
    return claims | {name: more[name] for name in ("email", "email_verified") if name in more}
