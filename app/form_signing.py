"""A form's token: signed, and in the page instead of a cookie, for whoever comes with nothing but an address.

It names what it was made for, what its door wants to know again, and the day of its issue; never the minute, which
would say when somebody sat at the form.
"""

import hashlib
import secrets
import time
from typing import Any

from flask import current_app
from itsdangerous import BadData, URLSafeSerializer

DAY = 86_400  # seconds


def _signer(purpose: str) -> URLSafeSerializer:
    config = current_app.config
    return URLSafeSerializer(
        [*config["SECRET_KEY_FALLBACKS"], config["SECRET_KEY"]],  # oldest first; the newest signs
        salt=purpose,
        signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
    )


def today() -> int:
    return int(time.time() // DAY)


def make(purpose: str, about: object, *facts: object) -> str:
    """A token for one form about something, and no other; with a nonce."""
    signed = _signer(purpose).dumps([about, secrets.token_urlsafe(16), *facts, today()])
    return signed if isinstance(signed, str) else signed.decode()


def read(token: str, purpose: str, about: object, good_for: int) -> list[Any] | None:
    """Return a token's nonce and facts; None for one that is forged, about something else, or older than these days."""
    try:
        known, *facts, day = _signer(purpose).loads(token)
        # A server whose clock is a little ahead may have made it.
        return facts if known == about and -1 <= today() - day <= good_for else None
    except (BadData, ValueError, TypeError):
        return None
