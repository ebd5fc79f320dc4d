"""A form's token: signed, and in the page instead of a cookie, for whoever comes with nothing but an address.

It names what it was made for, what its door wants to know again, and the day of its issue; never the minute, which
would say when somebody sat at the form.
"""

import hashlib
import json
import secrets
from functools import lru_cache
from typing import Any

from flask import current_app
from itsdangerous import BadData, URLSafeSerializer
from itsdangerous.encoding import base64_encode

from ..core.clock import unix_time

DAY = 86_400  # seconds
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def _signer(purpose: str) -> URLSafeSerializer:
    config = current_app.config
    return _signer_of((*config["SECRET_KEY_FALLBACKS"], config["SECRET_KEY"]), purpose)


@lru_cache(maxsize=16)
def _signer_of(keys: tuple[bytes, ...], purpose: str) -> URLSafeSerializer:
    return URLSafeSerializer(
        list(keys),  # oldest first; the newest signs
        salt=purpose,
        signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
    )


def today() -> int:
    return int(unix_time() // DAY)


def nonce() -> str:
    return secrets.token_urlsafe(16)


def create_token(purpose: str, subject: object, *facts: object, nonce: str = "") -> str:
    """A token for one form about something, and no other; with a nonce, which is drawn where none is given."""
    said = _JSON.encode([subject, nonce or secrets.token_urlsafe(16), *facts, today()])
    # As its `dumps` does, which also tries whether packing makes it shorter: half of the time, and in vain.
    return _signer(purpose).make_signer().sign(base64_encode(said)).decode()


def read_token(token: str, purpose: str, subject: object, good_for: int) -> list[Any] | None:
    """Return a token's nonce and facts; None for one that is forged, about something else, or older than these days."""
    try:
        known, *facts, day = _signer(purpose).loads(token)
        # A server whose clock is a little ahead may have made it.
        return facts if known == subject and -1 <= today() - day <= good_for else None
    except (BadData, ValueError, TypeError):
        return None
