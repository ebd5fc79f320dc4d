"""Signed form tokens, sent in the page instead of a cookie, for visitors without a session.

A token contains its subject, a nonce, facts that the form needs when it is sent, and the day of issue. The exact time
would reveal when somebody was filling in the form.
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

SECONDS_PER_DAY = 86_400
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def _signer(purpose: str) -> URLSafeSerializer:
    config = current_app.config
    return _create_signer((*config["SECRET_KEY_FALLBACKS"], config["SECRET_KEY"]), purpose)


@lru_cache(maxsize=16)
def _create_signer(keys: tuple[bytes, ...], purpose: str) -> URLSafeSerializer:
    return URLSafeSerializer(
        list(keys),  # oldest first; the last one signs
        salt=purpose,
        signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
    )


def today() -> int:
    """Return the current day as a number of days since 1970."""
    return int(unix_time() // SECONDS_PER_DAY)


def new_nonce() -> str:
    return secrets.token_urlsafe(16)


def create_token(purpose: str, subject: object, *facts: object, nonce: str = "") -> str:
    """Return a token for a purpose and a subject, both of which `read_token` checks.

    `subject` and `facts` must be JSON values. The default nonce is random. Needs an app context.
    """
    payload = _JSON.encode([subject, nonce or new_nonce(), *facts, today()])
    # Do the same as itsdangerous' `dumps`, but without trying to compress: that takes half of the time and never helps.
    return _signer(purpose).make_signer().sign(base64_encode(payload)).decode()


def read_token(token: str, purpose: str, subject: object, good_for: int) -> list[Any] | None:
    """Return a token's nonce and facts, or None if it isn't valid.

    It is valid if it is authentic, has this purpose and subject, and is at most `good_for` days old.
    """
    try:
        token_subject, *nonce_and_facts, day_of_issue = _signer(purpose).loads(token)
        age = today() - day_of_issue
        # The age may be -1: the token may come from a server whose clock is a little ahead.
        is_valid = token_subject == subject and -1 <= age <= good_for
        return nonce_and_facts if is_valid else None
    except (BadData, ValueError, TypeError):
        return None
