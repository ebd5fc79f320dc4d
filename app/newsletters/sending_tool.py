"""The sending tool of a newsletter: which tool, its address, and its API key, sealed."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from urllib.parse import urlsplit

from sqlalchemy import LargeBinary, String, UniqueConstraint, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from .. import audit
from ..core.actors import Staff
from ..core.fields import FieldError, shorten_value
from ..core.state_machine import must
from ..db.constraints import enum_check, table_args
from ..db.declarative import Editable, HasPublicId, OfNewsletter, Row
from ..db.ids import new_public_id
from ..db.session import add_and_flush, execute_without_version_bump, get_keyring, lock_row, now
from ..sending_tools.known_tools import TOOLS, Tool
from ..sending_tools.tool_api import Account
from .models import Newsletter
from .settings import InvalidSettings

MAX_LENGTHS = {"address": 200, "key": 400, "audience": 100}  # characters
_HOST = re.compile(r"[\w.:\[\]-]+", re.ASCII)


class SendingTool(Row, HasPublicId, Editable, OfNewsletter):
    """The tool that sends a newsletter. `address` is the URL of its API, `desk` the URL of its web interface.

    `audience` names the list or lists for which a draft is made. `secret_sealed` is the API key, encrypted with key
    `key_no` of the keyring. `tried_at` is when these settings last worked.
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
        """Return the tool's row in `known_tools.TOOLS`."""
        return TOOLS[self.tool]


class ToolForm(NamedTuple):
    """The form as submitted. An empty `key` means that the stored key stays."""

    tool: str
    address: str = ""
    key: str = ""
    audience: str = ""


@dataclass(frozen=True)
class _ParsedForm:
    """The valid values of a `ToolForm`, and the URL of the tool's web interface."""

    address: str
    desk: str
    audience: str


def of_newsletter(session: Session, newsletter_id: int) -> SendingTool | None:
    return session.scalar(select(SendingTool).filter_by(newsletter_id=newsletter_id))


def account_of(session: Session, sending_tool: SendingTool, own_hosts: frozenset[str]) -> Account:
    """Return the account for requests to the tool. `own_hosts` are the hosts of the newsroom's own network.

    Raises `Unsealable`.
    """
    return Account(
        sending_tool.address,
        get_keyring(session).open(_seal_context(sending_tool), sending_tool.secret_sealed),
        sending_tool.audience,
        own_hosts,
    )


def save_tool(
    session: Session, actor: Staff, newsletter: Newsletter, form: ToolForm, own_hosts: frozenset[str]
) -> None:
    """Store the sending tool and its key. Raises `InvalidSettings`, `PermissionDenied`.

    A key is only ever sent to the tool and the address for which it was entered. If the tool or the address changes,
    the key must be entered again.
    """
    must(actor, "settings")
    lock_row(session, newsletter)
    existing_tool = of_newsletter(session, newsletter.id)
    faults: dict[str, FieldError] = {}
    tool_row = TOOLS.get(form.tool)
    if tool_row is None:
        raise InvalidSettings({"tool": FieldError("bad", value=shorten_value(form.tool))})
    key = _validate_key(tool_row, form, existing_tool, faults)
    address, desk = _validate_addresses(tool_row, form, key, own_hosts, existing_tool, faults)
    parsed = _ParsedForm(address, desk, _validate_audience(tool_row, form, faults))
    if not key and not faults:
        stored_target = (existing_tool.tool, existing_tool.address) if existing_tool else None
        if stored_target != (tool_row.name, address):
            faults["key"] = FieldError("key_anew")
    if faults:
        raise InvalidSettings(dict(faults))
    tool = existing_tool or SendingTool(newsletter_id=newsletter.id, public_id=new_public_id())
    has_changes = any(getattr(tool, name) != getattr(parsed, name) for name in ("address", "desk", "audience"))
    if tool.tool == tool_row.name and not key and not has_changes:
        return
    tool.tool = tool_row.name
    tool.address = parsed.address
    tool.desk = parsed.desk
    tool.audience = parsed.audience
    tool.tried_at = None
    if key:
        tool.secret_sealed = get_keyring(session).seal(_seal_context(tool), key)
        tool.key_no = get_keyring(session).newest
    add_and_flush(session, tool)
    audit.record(session, actor, "newsletter.tool", newsletter)


def forget(session: Session, actor: Staff, newsletter: Newsletter) -> None:
    """Delete our record of the tool, with the key. Drafts in the tool stay. Raises `PermissionDenied`."""
    must(actor, "settings")
    existing_tool = of_newsletter(session, newsletter.id)
    if existing_tool is not None:
        session.delete(existing_tool)
        audit.record(session, actor, "newsletter.no_tool", newsletter)


def mark_key_verified(session: Session, sending_tool: SendingTool) -> None:
    """Record that the key has just worked, unless somebody has changed the tool's settings since they were loaded."""
    is_unchanged = SendingTool.version == sending_tool.version
    statement = update(SendingTool).where(SendingTool.id == sending_tool.id, is_unchanged)
    execute_without_version_bump(session, statement.values(tried_at=now(session)))


def _seal_context(sending_tool: SendingTool) -> str:
    return f"sending_tools.secret.{sending_tool.public_id}"


def _validate_key(
    tool_row: Tool, form: ToolForm, existing_tool: SendingTool | None, faults: dict[str, FieldError]
) -> str:
    """Return the submitted key, or "" if the stored one stays. Add to `faults`."""
    key = form.key.strip()
    if key and (len(key) > MAX_LENGTHS["key"] or not tool_row.key_pattern.fullmatch(key)):
        faults["key"] = FieldError("key")
    elif not key and (existing_tool is None or existing_tool.tool != tool_row.name):
        faults["key"] = FieldError("key_anew" if existing_tool else "empty")
    return key


def _validate_addresses(
    tool_row: Tool,
    form: ToolForm,
    key: str,
    own_hosts: frozenset[str],
    existing_tool: SendingTool | None,
    faults: dict[str, FieldError],
) -> tuple[str, str]:
    """Return the URLs of the tool's API and of its web interface, each "" if unknown. Add to `faults`."""
    if tool_row.get_api_url and tool_row.get_desk_url:
        if key and "key" not in faults:
            return tool_row.get_api_url(key), tool_row.get_desk_url(key)
        if existing_tool and existing_tool.tool == tool_row.name:
            return existing_tool.address, existing_tool.desk
        return "", ""
    try:
        address = parse_tool_address(form.address, own_hosts)
    except FieldError as error:
        faults["address"] = error
        address = ""
    return address, address


def parse_tool_address(text: str, own_hosts: frozenset[str]) -> str:
    """Return the base URL of a self-hosted tool, without the path of its web interface. Raises `FieldError`.

    It must be https, except for hosts in the setting OWN_HOSTS.
    """
    text = text.strip().rstrip("/")
    if not text:
        raise FieldError("empty")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise FieldError("tool_address") from None
    is_own_http = parts.scheme == "http" and host in own_hosts
    has_allowed_scheme = parts.scheme == "https" or is_own_http
    if not has_allowed_scheme or not _HOST.fullmatch(parts.netloc) or port == 0:
        raise FieldError("tool_address")
    path = re.sub(r"/(?:ghost|admin)(?:/.*)?$", "", parts.path)
    address = f"{parts.scheme}://{parts.netloc.lower()}{path}".rstrip("/")
    if len(address) > MAX_LENGTHS["address"] or not re.fullmatch(r"[\w.~/-]*", path, re.ASCII):
        raise FieldError("tool_address")
    return address


def _validate_audience(tool_row: Tool, form: ToolForm, faults: dict[str, FieldError]) -> str:
    audience = form.audience.strip()
    if tool_row.audience_pattern is None:
        return ""
    if not audience:
        faults["audience"] = FieldError("empty")
    elif len(audience) > MAX_LENGTHS["audience"] or not tool_row.audience_pattern.fullmatch(audience):
        faults["audience"] = FieldError("bad", value=shorten_value(audience))
    return audience
