"""Links that each open one thing: an assignment for its expert, a text for its translator, or a way to stop mails.

The tokens of reply addresses are stored like links.
"""

import os
from base64 import b32encode
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select, update
from sqlalchemy.orm import Session

from ..crypto.seal import new_token
from ..db.session import get_keyring, now
from .models import Link


def new_link(session: Session, **target: int) -> str:
    """Return a new token of 128 bits for the page of an assignment or of a translator.

    `target` is `assignment_id` or `translator_id`. Like all tokens of links, the token is stored only as a keyed hash.
    """
    return _store(session, new_token(), "page", **target)


def new_reply_token(session: Session, *, assignment_id: int) -> str:
    """Return a new token of 80 bits for the reply address of an assignment.

    It is in base32 and lower case, since mail servers may change the case of an address.
    """
    return _store(session, b32encode(os.urandom(10)).decode().lower(), "reply", assignment_id=assignment_id)


def new_stop_link(session: Session, *, letter_id: int) -> str:
    """Return a new token of 128 bits with which a reader can stop our mails, and do nothing else."""
    return _store(session, new_token(), "stop", letter_id=letter_id)


def find_link(session: Session, token: str, kind: str = "page") -> Link | None:
    """Return the link of a token, or None if it is unknown, expired or revoked. Changes nothing."""
    link = find_any(session, token, kind)
    if link is None or link.revoked_at:
        return None
    has_expired = link.ends_at is not None and link.ends_at <= now(session)
    return None if has_expired else link


def find_any(session: Session, token: str, kind: str) -> Link | None:
    """Return the link of a token, even if it has expired or been revoked."""
    return find_all(session, [token], kind).get(token)


def find_all(session: Session, tokens: Collection[str], kind: str) -> dict[str, Link]:
    """Return the links of several tokens, by token, even if they have expired or been revoked."""
    token_by_mac = {mac: token for token in tokens for mac in macs_of(session, token)}
    links = session.scalars(select(Link).where(Link.token_mac.in_(list(token_by_mac)), Link.kind == kind))
    return {token_by_mac[link.token_mac]: link for link in links}


def macs_of(session: Session, token: str) -> list[bytes]:
    """Return the keyed hashes under which a token may be stored, one for each key."""
    return list(get_keyring(session).macs("links.token", token))


def open_link_conditions(kind: str, macs: Any, current_time: Any) -> tuple[ColumnElement[bool], ...]:
    """Return the SQL conditions for a link of this kind that has neither expired nor been revoked.

    `macs` are from `macs_of`. They and `current_time` may be bind parameters.
    """
    has_not_expired = or_(Link.ends_at.is_(None), Link.ends_at > current_time)
    return Link.token_mac.in_(macs), Link.kind == kind, Link.revoked_at.is_(None), has_not_expired


def _store(session: Session, token: str, kind: str, **target: int | None) -> str:
    session.add(Link(token_mac=get_keyring(session).mac("links.token", token), kind=kind, **target))
    session.flush()
    return token


def revoke_links(session: Session, assignment_id: int) -> None:
    _revoke(session, Link.assignment_id == assignment_id)


def revoke_links_of_translator(session: Session, translator_id: int) -> None:
    _revoke(session, Link.translator_id == translator_id)


def revoke_pages(session: Session, assignment_ids: Select[int]) -> None:
    """Revoke the links to the pages of these assignments. Replies by mail go on: their sender is verified."""
    _revoke(session, and_(Link.assignment_id.in_(assignment_ids), Link.kind == "page"))


def _revoke(session: Session, condition: ColumnElement[bool]) -> None:
    session.execute(update(Link).where(condition, Link.revoked_at.is_(None)).values(revoked_at=now(session)))


def restore_links(session: Session, assignment_id: int, revoked_since: datetime) -> None:
    """Restore the links of an assignment that were revoked at `revoked_since` or later, and no others."""
    session.execute(
        update(Link)
        .where(Link.assignment_id == assignment_id, Link.revoked_at >= revoked_since)
        .values(revoked_at=None)
    )
