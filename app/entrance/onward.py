"""Pages at which somebody goes on once they are in."""

import re

from flask import url_for
from sqlalchemy.orm import Session

from ..newsletters.queries import desks_of

# A path of our own: "//host" and "/\\host" lead elsewhere, and controls are dropped by browsers before they look.
_LOCAL = re.compile(r"/(?![/\\])[^\x00-\x20\\\x7f]*")


def local(path: str | None) -> str | None:
    """The path if it stays in this house."""
    return path if path and _LOCAL.fullmatch(path) else None


def home_of(rows: Session, person_id: int, door: str) -> str:
    """Return where somebody's work begins."""
    if door == "expert":
        return url_for("expert.dashboard")
    desks = desks_of(rows, person_id)
    return url_for("editor.home", slug=desks[0].slug) if desks else "/"
