"""Addresses that open one thing: an assignment for its expert, a letter's state for its writer."""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ..db import keys, now
from ..seal import new_token
from .models import Link


def new_link(session: Session, *, assignment_id: int | None = None, letter_id: int | None = None) -> str:
    """A token of 128 bits, stored only as a keyed hash."""
    token = new_token()
    session.add(
        Link(token_mac=keys(session).mac("links.token", token), assignment_id=assignment_id, letter_id=letter_id)
    )
    session.flush()
    return token


def find_link(session: Session, token: str) -> Link | None:
    """The link behind a token, or None when there is none, it ended, or it was revoked. Changes nothing."""
    link = session.scalar(
        select(Link).where(Link.token_mac.in_(keys(session).macs("links.token", token)), Link.revoked_at.is_(None))
    )
    return None if link is None or (link.ends_at and link.ends_at <= now(session)) else link


def revoke_links(session: Session, assignment_id: int) -> None:
    session.execute(
        update(Link)
        .where(Link.assignment_id == assignment_id, Link.revoked_at.is_(None))
        .values(revoked_at=now(session))
    )
