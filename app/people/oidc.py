"""An OpenID Connect client (Core 1.0): the code flow with PKCE (RFC 7636), `state`, `nonce` and `iss` (RFC 9207).

It returns the account with which somebody signed in at the provider. `identities` decides whose account that is, and
whether they may sign in here.

It uses authlib and joserfc from the extra `oidc`, which are imported only if a provider is configured.
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

REQUEST_TIMEOUT = 5.0  # seconds for each request to the provider
LEEWAY = 60  # seconds by which the provider's clock and ours may differ
MAX_AGE = 600  # seconds: the greatest age of an ID token
METADATA_LIFE = 600.0  # seconds for which the discovery document is cached
MAX_CONCURRENT = 2  # exchanges per process: a slow provider must not block all threads that serve pages
# `none` is left out, and so is HS256: with it, anybody could sign, using the public key as the shared secret.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
SCOPE = "openid email"
# Exceptions of the libraries for a malformed ID token or key.
MALFORMED = (ValueError, TypeError, AttributeError, KeyError, AssertionError, ArithmeticError, RecursionError)


class OidcError(Exception):
    """The provider did not sign anybody in. `reason` is for the log: our own text, without anything from outside."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ProviderUnavailable(OidcError):
    """The provider can't be reached, or its response can't be used."""


class InvalidResponse(OidcError):
    """The response doesn't match the request: it is too old, already used, or forged."""


class SignInDeclined(OidcError):
    """The person cancelled at the provider, or the provider refused them."""


@dataclass(frozen=True)
class AuthorizationRequest:
    """The secrets of one request. The caller keeps them for the browser that makes the request, and uses them once."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True)
class ProviderAccount:
    """The account at the provider with which somebody signed in there.

    `is_verified` says that the provider has verified the address. `methods` are how they signed in (`amr`, `acr`).
    `signed_in_at` is when, in seconds since 1970, or None if the provider doesn't tell.
    """

    issuer: str
    subject: str
    email: str
    is_verified: bool
    methods: frozenset[str]
    signed_in_at: int | None


_exchanges = threading.BoundedSemaphore(MAX_CONCURRENT)
# The time at which each issuer's discovery document was fetched, by `time.monotonic`, and the document.
_metadata_cache: dict[str, tuple[float, dict[str, Any]]] = {}


@contextmanager
def _limit_concurrency() -> Iterator[None]:
    """Count the block as an exchange. Raises `ProviderUnavailable` if MAX_CONCURRENT exchanges are running already."""
    if not _exchanges.acquire(blocking=False):
        raise ProviderUnavailable("others are waiting for it already")
    try:
        yield
    finally:
        _exchanges.release()


def begin(provider: StaffProvider, redirect_uri: str) -> tuple[str, AuthorizationRequest]:
    """Return the provider's URL to redirect a browser to, and the secrets to keep until it returns to `redirect_uri`.

    Raises `ProviderUnavailable`.
    """
    from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
    from authlib.oauth2.rfc7636 import create_s256_code_challenge

    with _limit_concurrency():
        metadata = get_provider_metadata(provider)
    auth_request = AuthorizationRequest(new_token(256), new_token(256), secrets.token_urlsafe(48))
    url: str = prepare_grant_uri(
        metadata["authorization_endpoint"],
        client_id=provider.client_id,
        response_type="code",
        redirect_uri=redirect_uri,
        scope=SCOPE,
        state=auth_request.state,
        nonce=auth_request.nonce,
        code_challenge=create_s256_code_challenge(auth_request.verifier),
        code_challenge_method="S256",
    )
    return url, auth_request


def finish(
    provider: StaffProvider, redirect_uri: str, auth_request: AuthorizationRequest, params: Mapping[str, str], now: int
) -> ProviderAccount:
    """Return the account of the person who returned to `redirect_uri` with these query parameters.

    `now` is in seconds since 1970. Raises `OidcError`.
    """
    if not secrets.compare_digest(params.get("state", "").encode(), auth_request.state.encode()):
        raise InvalidResponse("state")
    with _limit_concurrency():
        metadata = get_provider_metadata(provider)
        # RFC 9207, section 2.4: otherwise the code of one provider could be sent to another.
        sends_issuer = bool(metadata.get("authorization_response_iss_parameter_supported"))
        if (sends_issuer or "iss" in params) and params.get("iss") != provider.issuer:
            raise InvalidResponse("issuer of the answer")
        if "error" in params:
            raise SignInDeclined("declined")
        if not params.get("code"):
            raise InvalidResponse("no code")
        tokens = _request_tokens(provider, metadata, redirect_uri, auth_request, params.get("code", ""))
        claims = _validate_id_token(provider, metadata, auth_request, tokens, now)
        if "email" not in claims and "userinfo_endpoint" in metadata:
            claims = _add_email(metadata, tokens, claims)
    return _build_account(provider, claims, now)


def _build_account(provider: StaffProvider, claims: dict[str, Any], now: int) -> ProviderAccount:
    email, signed_in_at = claims.get("email"), claims.get("auth_time")
    methods = [*(claims.get("amr") or ()), claims.get("acr")]
    return ProviderAccount(
        issuer=provider.issuer,
        subject=claims["sub"],
        email=email if isinstance(email, str) else "",
        is_verified=claims.get("email_verified") is True,
        methods=frozenset(method for method in methods if isinstance(method, str)),
        signed_in_at=int(signed_in_at) if signed_in_at and 0 < signed_in_at <= now + LEEWAY else None,
    )


def get_provider_metadata(provider: StaffProvider, refresh: bool = False) -> dict[str, Any]:
    """Return the provider's discovery document (Discovery 1.0, section 4), which is cached unless `refresh` is true.

    Raises `ProviderUnavailable`.
    """
    fetched_at, cached = _metadata_cache.get(provider.issuer, (0.0, {}))
    if cached and not refresh and time.monotonic() - fetched_at < METADATA_LIFE:
        return cached
    metadata = _request_json(provider.issuer.rstrip("/") + "/.well-known/openid-configuration")
    if metadata.get("issuer") != provider.issuer:
        raise ProviderUnavailable("its discovery document is of another issuer")
    endpoints = ["authorization_endpoint", "token_endpoint", "jwks_uri"]
    if "userinfo_endpoint" in metadata:
        endpoints.append("userinfo_endpoint")
    for name in endpoints:
        if not _is_safe(metadata.get(name), provider):
            raise ProviderUnavailable(f"its {name} is no address that begins with https://")
    if "S256" not in metadata.get("code_challenge_methods_supported", ["S256"]):
        raise ProviderUnavailable("it knows no PKCE by S256")
    _metadata_cache[provider.issuer] = (time.monotonic(), metadata)
    return metadata


def _is_safe(url: object, provider: StaffProvider) -> bool:
    """Return whether secrets may be sent to this URL: by HTTPS, or to this machine if the issuer is there too."""
    if not isinstance(url, str) or not is_safe(url):
        return False
    return url.startswith("https://") or provider.issuer.startswith("http://")


def _request_json(
    url: str, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return a JSON object from the provider.

    Raises `ProviderUnavailable`, and `InvalidResponse` if the provider refuses the form.
    """
    try:
        status, body = http_client.request(url, form, headers, REQUEST_TIMEOUT)
        response = http_client.parse_object(status, body)
    except (http_client.RequestFailed, http_client.UnreadableResponse) as error:
        raise ProviderUnavailable(str(error)) from None
    if form is not None and 400 <= status < 500:
        raise InvalidResponse(f"it refuses the code ({status})")
    if status != 200:
        raise ProviderUnavailable(f"it answers {status}")
    return response


def _request_tokens(
    provider: StaffProvider, metadata: dict[str, Any], redirect_uri: str, auth_request: AuthorizationRequest, code: str
) -> dict[str, Any]:
    """Exchange a code, which works once, for tokens."""
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": auth_request.verifier,
    }
    headers = {}
    if "client_secret_basic" in metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"]):
        # RFC 6749, section 2.3.1
        credentials = f"{quote_plus(provider.client_id)}:{quote_plus(provider.client_secret)}"
        headers = {"Authorization": f"Basic {b64encode(credentials.encode()).decode()}"}
    else:
        form |= {"client_id": provider.client_id, "client_secret": provider.client_secret}
    return _request_json(metadata["token_endpoint"], form, headers)


def _validate_id_token(
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
        raise ProviderUnavailable("it gives no keys")
    try:
        signing_keys = [key for key in keys if key.get("kty") != "oct" and key.get("use", "sig") == "sig"]
        key_set = jwk.KeySet([jwk.import_key(key) for key in signing_keys])
        token = jwt.decode(str(tokens.get("id_token", "")), key_set, algorithms=ALGORITHMS)
        required_claims = {
            "iss": {"essential": True, "value": provider.issuer},
            "aud": {"essential": True, "value": provider.client_id},
        }
        params = {
            "nonce": auth_request.nonce,
            "client_id": provider.client_id,
            "access_token": tokens.get("access_token"),
        }
        claims = CodeIDToken(token.claims, token.header, required_claims, params)
        claims.validate(now, LEEWAY)
        is_subject = isinstance(claims["sub"], str) and 0 < len(claims["sub"]) <= 255
        is_recent = now - claims["iat"] <= MAX_AGE
    except (JoseError, *MALFORMED) as error:
        raise InvalidResponse(f"ID token ({type(error).__name__})") from error
    if not (is_subject and is_recent):
        raise InvalidResponse("ID token (too old, or of nobody)")
    return dict(claims)


def _add_email(metadata: dict[str, Any], tokens: dict[str, Any], claims: dict[str, Any]) -> dict[str, Any]:
    """Return the claims with the address from userinfo (Core 1.0, section 5.3.2), as many ID tokens have no address."""
    headers = {"Authorization": f"Bearer {tokens.get('access_token')}"}
    userinfo = _request_json(metadata["userinfo_endpoint"], headers=headers)
    if userinfo.get("sub") != claims["sub"]:
        raise InvalidResponse("userinfo is of somebody else")
    return claims | {name: userinfo[name] for name in ("email", "email_verified") if name in userinfo}
