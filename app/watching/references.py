"""The reference of a request: six signs that its log lines, its answer's head and its error page have in common."""

import secrets

from flask import g

from ..db import CROCKFORD

HEADER = "X-Request-ID"
_SIGNS = CROCKFORD.encode() * 8  # one for each byte that can be drawn


def reference() -> str:
    """Return the reference of the request that is being answered; drawn once, and never taken from outside."""
    if "reference" not in g:
        g.reference = drawn()
    return str(g.reference)


def drawn() -> str:
    """Return a reference that is drawn now."""
    return secrets.token_bytes(6).translate(_SIGNS).decode()
