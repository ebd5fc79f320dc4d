"""The readers' form token: signed, in the page instead of a cookie, and the same through a repeated Send.

It carries a nonce, from which the receipt follows, the number of the key that makes the receipt, and the day of its
issue; never the minute, which would say when somebody sat at the form.
"""

import hashlib
import secrets
import time

from flask import current_app
from itsdangerous import BadData, URLSafeSerializer
from sqlalchemy.orm import Session

from ..db import keys
from ..letters.receive import Form
from ..newsletters.models import Newsletter

PURPOSE = "a reader's form"
GOOD_FOR = 7  # days
DAY = 86_400  # seconds


def _signer() -> URLSafeSerializer:
    config = current_app.config
    return URLSafeSerializer(
        [*config["SECRET_KEY_FALLBACKS"], config["SECRET_KEY"]],  # oldest first; the newest signs
        salt=PURPOSE,
        signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
    )


def _today() -> int:
    return int(time.time() // DAY)


def make(session: Session, newsletter: Newsletter) -> str:
    """A token for one form of this newsletter."""
    signed = _signer().dumps([newsletter.id, secrets.token_urlsafe(16), keys(session).newest, _today()])
    return signed if isinstance(signed, str) else signed.decode()


def read(token: str, newsletter: Newsletter) -> Form | None:
    """Return what a token says; None for one that is forged, too old, or another newsletter's."""
    try:
        newsletter_id, nonce, key_no, day = _signer().loads(token)
    except (BadData, ValueError, TypeError):
        return None
    # A server whose clock is a little ahead may have made it.
    if newsletter_id != newsletter.id or not -1 <= _today() - day <= GOOD_FOR:
        return None
    return Form(nonce, key_no)
