"""The reference of a request: six characters in its log lines, a header of its response and its error page."""

from flask import g

from ..db.ids import random_symbols

HEADER = "X-Request-ID"


def reference() -> str:
    """Return the reference of the current request. It is created once, and never taken from the client."""
    if "reference" not in g:
        g.reference = new_reference()
    return str(g.reference)


def new_reference() -> str:
    """Return a new random reference."""
    return random_symbols(6)
