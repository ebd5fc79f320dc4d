"""The reference of a request: six signs that its log lines, its answer's head and its error page have in common."""

from flask import g

from ..db.ids import random_symbols

HEADER = "X-Request-ID"


def reference() -> str:
    """Return the reference of the request that is being answered; drawn once, and never taken from outside."""
    if "reference" not in g:
        g.reference = new_reference()
    return str(g.reference)


def new_reference() -> str:
    """Return a reference that is drawn now."""
    return random_symbols(6)
