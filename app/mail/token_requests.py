"""Requests to an OAuth provider: refreshing an access token (RFC 6749, section 6), and sign-in by device code (RFC
8628).

They use `http_client`, which follows no redirects and limits the size of responses.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from app.settings.mail_accounts import Provider, is_safe

from ..core import http_client
from ..text.clean import single_line

# All durations are in seconds.
TIMEOUT = 20.0  # for a whole response
TOKEN_LIFETIME = 3600.0  # of an access token, if its provider doesn't say
DEVICE_CODE_LIFETIME = 900.0  # if its provider doesn't say
LONGEST_LIFETIME = 86_400.0
POLL_INTERVAL = 5.0  # if the provider doesn't say (RFC 8628, section 3.5)
LONGEST_POLL_INTERVAL = 60.0
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"

# The error codes of RFC 6749, section 5.2 and RFC 8628, section 3.5, by consequence. The last three of ENDED_CODES are
# Microsoft's.
ENDED_CODES = (
    "invalid_grant",
    "access_denied",
    "expired_token",
    "interaction_required",
    "consent_required",
    "login_required",
)
MISCONFIGURED_CODES = (
    "invalid_client",
    "unauthorized_client",
    "invalid_scope",
    "unsupported_grant_type",
    "invalid_request",
)


class NotGiven(Exception):
    """The provider gave no token. The message is our own text, `details` the provider's, for the person signing in."""

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details


class TokenUnavailable(NotGiven):
    """The provider may give a token later."""


class Slow(TokenUnavailable):
    """The provider didn't respond in time."""


class Ended(NotGiven):
    """The sign-in was revoked, refused or has expired: somebody has to sign in again."""


class Misconfigured(NotGiven):
    """The provider doesn't know our application, or refuses it the requested scopes or grant."""


@dataclass(frozen=True)
class Tokens:
    """An access token, valid for `lifetime` seconds, and a refresh token, empty if the previous one stays valid."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    lifetime: float


@dataclass(frozen=True)
class DeviceCode:
    """A device code, valid for `lifetime` seconds. The user types `user_code` at `address`.

    Meanwhile we poll every `interval` seconds.
    """

    code: str = field(repr=False)
    user_code: str
    address: str
    lifetime: float
    interval: float


def request_access_token(provider: Provider, refresh: str) -> Tokens:
    """Return a new access token for a refresh token. Raises `NotGiven`."""
    return _parse_tokens(_request_grant(provider, {"grant_type": "refresh_token", "refresh_token": refresh}))


def request_device_code(provider: Provider) -> DeviceCode:
    """Start a sign-in by device code (RFC 8628, section 3.1). Raises `NotGiven`."""
    data = _parse_response(*_post(provider, provider.device_url, {"scope": provider.scopes}))
    # Google uses a name from before the standard.
    address = _get_text(data, "verification_uri") or _get_text(data, "verification_url")
    code = _get_text(data, "device_code")
    user_code = single_line(_get_text(data, "user_code"))[:60]
    if not (code and user_code and is_safe(address)):
        raise TokenUnavailable("it gave no device code")
    return DeviceCode(
        code=code,
        user_code=user_code,
        address=address,
        lifetime=_get_seconds(data, "expires_in", DEVICE_CODE_LIFETIME),
        interval=_get_seconds(data, "interval", POLL_INTERVAL),
    )


def wait_for_sign_in(provider: Provider, device_code: DeviceCode, wait: Callable[[float], None]) -> Tokens:
    """Poll until the user has signed in; `wait` is called with the seconds until the next poll.

    Raises `Ended` if the user refused or was too late, and `Misconfigured`. While the provider is unavailable, polling
    goes on with growing intervals (RFC 8628, section 3.5).
    """
    grant = {"grant_type": DEVICE_GRANT, "device_code": device_code.code}
    interval = device_code.interval
    remaining = device_code.lifetime
    while remaining > 0:
        wait(min(interval, remaining))
        remaining -= interval
        try:
            tokens = _parse_tokens(_request_grant(provider, grant))
        except _Pending as pending:
            interval = min(interval + pending.extra_interval, LONGEST_POLL_INTERVAL)
        except TokenUnavailable:
            interval = min(interval * 2, LONGEST_POLL_INTERVAL)
        else:
            if not tokens.refresh:
                raise Misconfigured("it gave no refresh token: the scopes need offline_access, or what it calls that")
            return tokens
    raise Ended("nobody signed in in time")


class _Pending(NotGiven):
    """The user hasn't signed in yet; `extra_interval` seconds are added to the polling interval."""

    def __init__(self, extra_interval: float) -> None:
        super().__init__("nobody has signed in yet")
        self.extra_interval = extra_interval


def _request_grant(provider: Provider, params: dict[str, str]) -> dict[str, Any]:
    return _parse_response(*_post(provider, provider.token_url, params))


def _post(provider: Provider, url: str, params: dict[str, str]) -> tuple[int, bytes]:
    """Send a POST with the client's credentials; return status and body. Raises `TokenUnavailable`, or `Slow`."""
    secret = {"client_secret": provider.client_secret} if provider.client_secret else {}
    try:
        return http_client.request(url, {**params, "client_id": provider.client_id, **secret}, timeout=TIMEOUT)
    except http_client.NoResponse as error:
        raise Slow(str(error)) from None
    except http_client.RequestFailed as error:
        raise TokenUnavailable(str(error)) from None


def _parse_response(status: int, body: bytes) -> dict[str, Any]:
    """Return the parsed response. Raises `_Pending`, `Ended`, `Misconfigured` or `TokenUnavailable` for an error."""
    try:
        data = http_client.parse_object(status, body)
    except http_client.UnreadableResponse as error:
        raise TokenUnavailable(str(error)) from None
    if status == 200 and "error" not in data:
        return data
    code = re.sub(r"[^a-z_]", "", _get_text(data, "error"))[:40] or str(status)
    details = single_line(_get_text(data, "error_description"))[:300]
    if code in ("authorization_pending", "slow_down"):
        raise _Pending(POLL_INTERVAL if code == "slow_down" else 0.0)
    if status < 500 and code in ENDED_CODES:
        raise Ended(f"it says {code}", details)
    if status < 500 and code in MISCONFIGURED_CODES:
        raise Misconfigured(f"it says {code}", details)
    raise TokenUnavailable(f"it says {code}", details)


def _parse_tokens(data: dict[str, Any]) -> Tokens:
    access = _get_text(data, "access_token")
    refresh = _get_text(data, "refresh_token")
    kind = _get_text(data, "token_type") or "bearer"
    if not re.fullmatch(r"[\x21-\x7e]+", access) or not re.fullmatch(r"[\x20-\x7e]*", refresh):
        raise TokenUnavailable("its answer holds no token")
    if kind.lower() != "bearer":
        raise TokenUnavailable("its token is of another kind")
    return Tokens(access, refresh, _get_seconds(data, "expires_in", TOKEN_LIFETIME))


def _get_text(data: dict[str, Any], name: str) -> str:
    value = data.get(name)
    return value if isinstance(value, str) else ""


def _get_seconds(data: dict[str, Any], name: str, default: float) -> float:
    """Return a duration from the response, within limits; some providers send it as a string."""
    try:
        return min(max(float(data.get(name, default)), 1.0), LONGEST_LIFETIME)
    except (TypeError, ValueError, OverflowError):
        return default
