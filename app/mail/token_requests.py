"""Requests to an OAuth provider: an access token for a refresh token (RFC 6749, section 6), and the sign-in by device
code (RFC 8628).

They go by `outside`, which follows nobody elsewhere and bounds what comes back.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from app.settings.mail_accounts import Provider, is_safe

from ..core import http_client
from ..text.clean import single_line

LIMIT = 20.0  # seconds for a whole answer
LIFE = 3600.0  # seconds that an access token lives where its provider doesn't say
LONGEST_LIFE = 86_400.0
PACE = 5.0  # seconds between two questions whether somebody has signed in (RFC 8628, section 3.5)
LONGEST_PACE = 60.0
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"

# What the error codes of RFC 6749, section 5.2 and RFC 8628, section 3.5 mean for whoever asks; the last three of those
# that end a sign-in are Microsoft's.
ENDED = (
    "invalid_grant",
    "access_denied",
    "expired_token",
    "interaction_required",
    "consent_required",
    "login_required",
)
SETTINGS = ("invalid_client", "unauthorized_client", "invalid_scope", "unsupported_grant_type", "invalid_request")


class NotGiven(Exception):
    """The provider gave no token. Its words are ours alone; `details` are the provider's, for whoever signs in."""

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details


class Away(NotGiven):
    """It may give one later."""


class Slow(Away):
    """It kept silent for too long."""


class Ended(NotGiven):
    """The sign-in was revoked, or has ended: somebody has to sign in again."""


class Misconfigured(NotGiven):
    """It doesn't know our application, or won't give it what it asks for."""


@dataclass(frozen=True)
class Tokens:
    """`access` lives for `life` seconds; `refresh` is empty where the one that was used goes on."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    life: float


@dataclass(frozen=True)
class DeviceCode:
    """The code that somebody types, `user_code` at `address`, within `life` seconds; asked for every `pace` seconds."""

    code: str = field(repr=False)
    user_code: str
    address: str
    life: float
    pace: float


def renewed(provider: Provider, refresh: str) -> Tokens:
    """A new access token for a refresh token. Raises `NotGiven`."""
    return _parse_tokens(_request_grant(provider, {"grant_type": "refresh_token", "refresh_token": refresh}))


def device_code(provider: Provider) -> DeviceCode:
    """Begin a sign-in by device code. Raises `NotGiven`."""
    found = _parse_response(*_post(provider, provider.device_url, {"scope": provider.scopes}))
    # Google's name for it is older than the standard.
    address = _get_text(found, "verification_uri") or _get_text(found, "verification_url")
    code, user_code = _get_text(found, "device_code"), single_line(_get_text(found, "user_code"))[:60]
    if not (code and user_code and is_safe(address)):
        raise Away("it gave no device code")
    return DeviceCode(
        code, user_code, address, _get_seconds(found, "expires_in", 900.0), _get_seconds(found, "interval", PACE)
    )


def wait_for_sign_in(provider: Provider, begun: DeviceCode, wait: Callable[[float], None]) -> Tokens:
    """Ask until somebody has signed in; `wait` is called with the seconds to the next question.

    Raises `Ended` where they refused or were too late, and `NotGiven`. One that keeps silent or is away is asked again,
    ever more slowly (RFC 8628, section 3.5).
    """
    pace, left = begun.pace, begun.life
    while left > 0:
        wait(min(pace, left))
        left -= pace
        try:
            tokens = _parse_tokens(_request_grant(provider, {"grant_type": DEVICE, "device_code": begun.code}))
        except _Pending as pending:
            pace = min(pace + pending.more, LONGEST_PACE)
        except Away:
            pace = min(pace * 2, LONGEST_PACE)
        else:
            if not tokens.refresh:
                raise Misconfigured("it gave no refresh token: the scopes need offline_access, or what it calls that")
            return tokens
    raise Ended("nobody signed in in time")


class _Pending(NotGiven):
    """Nobody has signed in yet; `extra_pace` seconds are added to the pace."""

    def __init__(self, extra_pace: float) -> None:
        super().__init__("nobody has signed in yet")
        self.more = extra_pace


def _request_grant(provider: Provider, params: dict[str, str]) -> dict[str, Any]:
    return _parse_response(*_post(provider, provider.token_url, params))


def _post(provider: Provider, url: str, params: dict[str, str]) -> tuple[int, bytes]:
    """The status and body of the answer. Raises `Away`."""
    secret = {"client_secret": provider.client_secret} if provider.client_secret else {}
    try:
        return http_client.request(url, {**params, "client_id": provider.client_id, **secret}, timeout=LIMIT)
    except http_client.NoResponse as silent:
        raise Slow(str(silent)) from None
    except http_client.RequestFailed as unanswered:
        raise Away(str(unanswered)) from None


def _parse_response(status: int, body: bytes) -> dict[str, Any]:
    """The answer as it was given. Raises what it means where it is none."""
    try:
        found = http_client.parse_object(status, body)
    except http_client.UnreadableResponse as fault:
        raise Away(str(fault)) from None
    if status == 200 and "error" not in found:
        return found
    code = re.sub(r"[^a-z_]", "", _get_text(found, "error"))[:40] or str(status)
    details = single_line(_get_text(found, "error_description"))[:300]
    if code in ("authorization_pending", "slow_down"):
        raise _Pending(PACE if code == "slow_down" else 0.0)
    if status < 500 and code in ENDED:
        raise Ended(f"it says {code}", details)
    if status < 500 and code in SETTINGS:
        raise Misconfigured(f"it says {code}", details)
    raise Away(f"it says {code}", details)


def _parse_tokens(data: dict[str, Any]) -> Tokens:
    access, refresh = _get_text(data, "access_token"), _get_text(data, "refresh_token")
    kind = _get_text(data, "token_type") or "bearer"
    if not re.fullmatch(r"[\x21-\x7e]+", access) or not re.fullmatch(r"[\x20-\x7e]*", refresh):
        raise Away("its answer holds no token")
    if kind.lower() != "bearer":
        raise Away("its token is of another kind")
    return Tokens(access, refresh, _get_seconds(data, "expires_in", LIFE))


def _get_text(data: dict[str, Any], name: str) -> str:
    value = data.get(name)
    return value if isinstance(value, str) else ""


def _get_seconds(data: dict[str, Any], name: str, default: float) -> float:
    """A time that the answer names, within reason; some providers write it as a text."""
    try:
        return min(max(float(data.get(name, default)), 1.0), LONGEST_LIFE)
    except (TypeError, ValueError, OverflowError):
        return default
