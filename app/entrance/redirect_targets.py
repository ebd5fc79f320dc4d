"""Targets of redirects after signing in: to the page that was requested, or to a home page."""

import re

from flask import url_for
from sqlalchemy.orm import Session

from ..newsletters.queries import desks_of

# A local path. "//host" and "/\\host" lead to other hosts. Control characters could hide them: browsers drop these.
_LOCAL_PATH = re.compile(r"/(?![/\\])[^\x00-\x20\\\x7f]*")


def get_local_path(path: str | None) -> str | None:
    """Return the path if it is a local one, else None. Prevents open redirects."""
    return path if path and _LOCAL_PATH.fullmatch(path) else None


def get_home_url(db_session: Session, person_id: int, door: str) -> str:
    """Return the URL of a person's first desk, or of an expert's dashboard."""
    if door == "expert":
        return url_for("expert.dashboard")
    desks = desks_of(db_session, person_id)
    return url_for("editor.home", slug=desks[0].slug) if desks else "/"
