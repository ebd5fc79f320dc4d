"""The tool that sends a newsletter: which one, where it is, and the key that opens it, sealed."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlsplit

from sqlalchemy import LargeBinary, String, UniqueConstraint, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from .. import audit
from ..core.actors import Staff
from ..core.fields import Wrong
from ..core.state_machine import must
from ..db.constraints import enum_check, table_args
from ..db.declarative import Editable, OfNewsletter, Public, Row
from ..db.ids import new_public_id
from ..db.session import add_and_flush, execute_without_version_bump, get_keyring, lock_row, now
from ..sending_tools.asking import Account
from ..sending_tools.known_tools import TOOLS, Tool
from .models import Newsletter
from .settings import Faulty

LONGEST = {"address": 200, "key": 400, "audience": 100}  # characters
_HOST = re.compile(r"[\w.:\[\]-]+", re.ASCII)


class SendingTool(Row, Public, Editable, OfNewsletter):
    """The tool that sends a newsletter. `address` is where its API is, `desk` where people work in it; `audience` is
    the list, or the lists, for which a draft is made. `tried_at` is when the key was last seen to open it, as it is.
    """

    __tablename__ = "sending_tools"
    __table_args__ = table_args(enum_check("tool", tuple(TOOLS)), UniqueConstraint("newsletter_id"))

    tool: Mapped[str] = mapped_column(String(20))
    address: Mapped[str] = mapped_column(String(200))
    desk: Mapped[str] = mapped_column(String(200))
    audience: Mapped[str] = mapped_column(String(100), default="")
    secret_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    key_no: Mapped[int]
    tried_at: Mapped[datetime | None]

    @property
    def row(self) -> Tool:
        return TOOLS[self.tool]


class Typed(NamedTuple):
    """The form as it was typed. An empty `key` is the one that is kept."""

    tool: str
    address: str = ""
    key: str = ""
    audience: str = ""


@dataclass(frozen=True)
class _Read:
    address: str
    desk: str
    audience: str


def of_newsletter(session: Session, newsletter_id: int) -> SendingTool | None:
    return session.scalar(select(SendingTool).filter_by(newsletter_id=newsletter_id))


def account_of(session: Session, kept: SendingTool, own: frozenset[str]) -> Account:
    """Return what opens a tool; `own` are the hosts of the newsroom's own network. Raises `Unsealable`."""
    return Account(kept.address, get_keyring(session).open(_place(kept), kept.secret_sealed), kept.audience, own)


def keep(session: Session, actor: Staff, newsletter: Newsletter, typed: Typed, own: frozenset[str]) -> None:
    """Keep which tool it is, and its key. Raises `Faulty`, and `PermissionDenied`.

    A key goes to the tool and the address that it was typed for, and to no other: whoever changes one of them types it
    anew.
    """
    must(actor, "settings")
    lock_row(session, newsletter)
    before, faults = of_newsletter(session, newsletter.id), dict[str, Wrong]()
    row = TOOLS.get(typed.tool)
    if row is None:
        raise Faulty({"tool": Wrong("bad")})
    key = _key(row, typed, before, faults)
    read = _Read(*_addresses(row, typed, key, own, before, faults), _audience(row, typed, faults))
    if not key and not faults and (before is None or (before.tool, before.address) != (row.name, read.address)):
        faults["key"] = Wrong("key anew")
    if faults:
        raise Faulty(dict(faults))
    kept = before or SendingTool(newsletter_id=newsletter.id, public_id=new_public_id())
    changed = {name for name in ("address", "desk", "audience") if getattr(kept, name) != getattr(read, name)}
    if kept.tool != row.name or key or changed:
        kept.tool, kept.address, kept.desk, kept.audience = row.name, read.address, read.desk, read.audience
        kept.tried_at = None
        if key:
            kept.secret_sealed, kept.key_no = get_keyring(session).seal(_place(kept), key), get_keyring(session).newest
        add_and_flush(session, kept)
        audit.record(session, actor, "newsletter.tool", newsletter)


def forget(session: Session, actor: Staff, newsletter: Newsletter) -> None:
    """Forget the tool and its key. What was made there stays there. Raises `PermissionDenied`."""
    must(actor, "settings")
    if (kept := of_newsletter(session, newsletter.id)) is not None:
        session.delete(kept)
        audit.record(session, actor, "newsletter.no_tool", newsletter)


def opened(session: Session, kept: SendingTool) -> None:
    """Note that the key has opened the tool just now; not of another one that somebody has kept meanwhile."""
    tried = update(SendingTool).where(SendingTool.id == kept.id, SendingTool.version == kept.version)
    execute_without_version_bump(session, tried.values(tried_at=now(session)))


def _place(kept: SendingTool) -> str:
    return f"sending_tools.secret.{kept.public_id}"


def _key(row: Tool, typed: Typed, before: SendingTool | None, faults: dict[str, Wrong]) -> str:
    key = typed.key.strip()
    if key and (len(key) > LONGEST["key"] or not row.key.fullmatch(key)):
        faults["key"] = Wrong("key")
    elif not key and (before is None or before.tool != row.name):
        faults["key"] = Wrong("key anew" if before else "empty")
    return key


def _addresses(
    row: Tool, typed: Typed, key: str, own: frozenset[str], before: SendingTool | None, faults: dict[str, Wrong]
) -> tuple[str, str]:
    """Return where the tool's API is, and where people work in it."""
    if row.at and row.desk:
        if key and "key" not in faults:
            return row.at(key), row.desk(key)
        return (before.address, before.desk) if before and before.tool == row.name else ("", "")
    try:
        address = address_read(typed.address, own)
    except Wrong as wrong:
        faults["address"], address = wrong, ""
    return address, address


def address_read(typed: str, own: frozenset[str]) -> str:
    """Return where a tool of one's own is, without what stands behind its address when one works in it. Raises `Wrong`.

    It begins with https://, but for the hosts that the setting OWN_HOSTS names.
    """
    typed = typed.strip().rstrip("/")
    if not typed:
        raise Wrong("empty")
    try:
        parts = urlsplit(typed)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Wrong("tool address") from None
    plain = parts.scheme == "http" and host in own
    if not (parts.scheme == "https" or plain) or not _HOST.fullmatch(parts.netloc) or port == 0:
        raise Wrong("tool address")
    path = re.sub(r"/(?:ghost|admin)(?:/.*)?$", "", parts.path)
    address = f"{parts.scheme}://{parts.netloc.lower()}{path}".rstrip("/")
    if len(address) > LONGEST["address"] or not re.fullmatch(r"[\w.~/-]*", path, re.ASCII):
        raise Wrong("tool address")
    return address


def _audience(row: Tool, typed: Typed, faults: dict[str, Wrong]) -> str:
    audience = typed.audience.strip()
    if row.audience is None:
        return ""
    if not audience:
        faults["audience"] = Wrong("empty")
    elif len(audience) > LONGEST["audience"] or not row.audience.fullmatch(audience):
        faults["audience"] = Wrong("bad")
    return audience
