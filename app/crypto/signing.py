"""Signed form tokens, sent in the page instead of a cookie, for visitors without a session.

A token holds its subject, facts that the form needs again, and the day of issue; never the minute, which would reveal
when someone was filling in the form.
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
    """Return a token for one purpose and subject, which `read_token` must be given again.

    `facts` must be JSON values. Without a `nonce`, the token gets a random one. Needs an app context.
    """
    said = _JSON.encode([subject, nonce or secrets.token_urlsafe(16), *facts, today()])
    # Like itsdangerous' `dumps`, without its attempt to compress, which takes half of the time and never helps here.
    return _signer(purpose).make_signer().sign(base64_encode(said)).decode()


def read_token(token: str, purpose: str, subject: object, good_for: int) -> list[Any] | None:
    """Return a token's nonce and facts, or None if it is forged, has another purpose or subject, or is older than
    `good_for` days."""
    try:
        known, *facts, day = _signer(purpose).loads(token)
        # It may come from a server whose clock is a little ahead.
        return facts if known == subject and -1 <= today() - day <= good_for else None
    except (BadData, ValueError, TypeError):
        return None
