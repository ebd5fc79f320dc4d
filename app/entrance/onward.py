"""Destinations after signing in: the page that was requested, or a home page."""

import re

from flask import url_for
from sqlalchemy.orm import Session

from ..newsletters.queries import desks_of

# A local path. "//host" and "/\\host" lead to other hosts, and browsers drop control characters before parsing.
_LOCAL = re.compile(r"/(?![/\\])[^\x00-\x20\\\x7f]*")


def local(path: str | None) -> str | None:
    """Return the path if it is a local one, else None. Prevents open redirects."""
    return path if path and _LOCAL.fullmatch(path) else None


def home_of(rows: Session, person_id: int, door: str) -> str:
    """Return the address of a person's first desk, or of an expert's dashboard."""
    if door == "expert":
        return url_for("expert.dashboard")
    desks = desks_of(rows, person_id)
    return url_for("editor.home", slug=desks[0].slug) if desks else "/"
