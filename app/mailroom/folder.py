"""The mails of a folder, read as any mail program would read them."""

import re
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message as Mime
from email.utils import parsedate_to_datetime
from pathlib import Path

from ..mail.message import Block, blocks

_NAME = re.compile(r"[0-9TZ.]+-[0-9a-z]+\.eml")


@dataclass(frozen=True)
class Mail:
    name: str
    subject: str
    to: str
    sender: str
    language: str
    at: datetime
    text: list[Block]


def list_newest_mails(folder: Path, limit: int) -> list[Mail]:
    """The newest mails of the folder; their names begin with the time. A file that has just gone is left out."""
    names = sorted((path.name for path in folder.glob("*.eml")), reverse=True)[:limit]
    return [mail for mail in (get_mail(folder, name) for name in names) if mail is not None]


def get_mail(folder: Path, name: str) -> Mail | None:
    """One mail by its file's name, which comes from an address and so is only taken in the form that we write."""
    if not _NAME.fullmatch(name):
        return None
    try:
        mime = message_from_bytes((folder / name).read_bytes())
    except OSError:
        return None
    return Mail(
        name=name.removesuffix(".eml"),
        subject=_header(mime, "Subject"),
        to=_header(mime, "To"),
        sender=_header(mime, "From"),
        language=_header(mime, "Content-Language"),
        at=parsedate_to_datetime(_header(mime, "Date")),
        text=blocks(_plain_text(mime)),
    )


def _header(mime: Mime, name: str) -> str:
    # The parts are joined by hand of the old policy: the newer one puts spaces into names that were split.
    return str(make_header(decode_header(mime.get(name, ""))))


def _plain_text(mime: Mime) -> str:
    part = next(part for part in mime.walk() if part.get_content_type() == "text/plain")
    payload = part.get_payload(decode=True)
    return payload.decode("utf-8", "replace").replace("\r\n", "\n") if isinstance(payload, bytes) else ""
