"""The limits on requests: who counts as one, and where it is counted."""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, TypeVar

from flask import current_app, has_request_context, request
from flask_limiter import Limiter
from limits.strategies import RateLimiter

from ..core.clock import unix_time

T = TypeVar("T")

REDIS_TIMEOUT = 0.5  # seconds that Redis has to answer; it takes a thousandth
_salt: dict[int, bytes] = {}


def caller() -> str:
    """Return who counts as one in the limits: whoever comes from one address."""
    return hash_identifier(request.remote_addr or "")


def hash_identifier(sign: str) -> str:
    """Return a sign of whoever is counted, as a hash under a salt that is drawn anew each day and kept nowhere.

    With several processes the day's salt is derived from the signing key, so that they count together.
    """
    day = int(unix_time() // 86_400)
    if day not in _salt:
        _salt.clear()
        _salt[day] = (
            hmac.digest(current_app.config["SECRET_KEY"], f"limits {day}".encode(), hashlib.sha256)
            if current_app.config["REDIS_URL"]
            else secrets.token_bytes(32)
        )
    return hmac.new(_salt[day], sign.encode(), hashlib.sha256).hexdigest()[:32]


limiter = Limiter(caller, strategy="fixed-window")


def limit_settings(redis_url: str) -> dict[str, Any]:
    """Return where Flask-Limiter counts: in this process, or in Redis with a fallback to this process."""
    if not redis_url:
        return {"RATELIMIT_STORAGE_URI": "memory://"}
    timeouts = {"socket_connect_timeout": REDIS_TIMEOUT, "socket_timeout": REDIS_TIMEOUT}
    return {
        "RATELIMIT_STORAGE_URI": redis_url,
        "RATELIMIT_STORAGE_OPTIONS": timeouts,
        "RATELIMIT_IN_MEMORY_FALLBACK_ENABLED": True,
    }


def apply_limits(check: Callable[[RateLimiter], T]) -> T:
    """Run `check` on the counters of limits, and once more in this process where Redis does not answer.

    Flask-Limiter falls back only where one of its own limits fails: after a failure it gets one that counts nothing.
    """
    try:
        return check(limiter.limiter)
    except Exception:
        request_context = nullcontext() if has_request_context() else current_app.test_request_context()
        with request_context, limiter.limit("1 per second", key_func=lambda: "fallback", cost=0):
            return check(limiter.limiter)
