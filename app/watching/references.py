"""The reference of a request: six characters in its log lines, in a header of its response, and on its error page."""

from flask import g

from ..db.ids import random_symbols

HEADER = "X-Request-ID"


def reference() -> str:
    """Return the reference of the current request, which never comes from the client. The first call creates it."""
    if "reference" not in g:
        g.reference = new_reference()
    return str(g.reference)


def new_reference() -> str:
    """Return a new random reference."""
    return random_symbols(6)
