"""The demo's pages of sent mails, read from the folder to which they are written instead of being sent."""

import re
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message as Mime
from email.utils import parsedate_to_datetime
from pathlib import Path

from flask import abort, current_app, render_template

from ..mail.message import MailParagraph, parse_blocks
from . import mailroom

_FILE_NAME = re.compile(r"[0-9TZ.]+-[0-9a-z]+\.eml")  # a time and the public ID of the mail
MAX_LISTED = 200  # mails


@dataclass(frozen=True)
class SentMail:
    name: str  # of its file, without the suffix
    subject: str
    to: str
    sender: str
    language: str
    at: datetime
    text: list[MailParagraph]


def list_newest_mails(folder: Path, limit: int) -> list[SentMail]:
    """Return the newest mails of a folder, newest first."""
    file_names = sorted((path.name for path in folder.glob("*.eml")), reverse=True)[:limit]
    mails = (get_mail(folder, file_name) for file_name in file_names)
    return [mail for mail in mails if mail is not None]


def get_mail(folder: Path, file_name: str) -> SentMail | None:
    """Return a mail by its file name, which may come from a URL; None for other names and if there is no such file."""
    if not _FILE_NAME.fullmatch(file_name):
        return None
    try:
        mime = message_from_bytes((folder / file_name).read_bytes())
    except OSError:
        return None
    return SentMail(
        name=file_name.removesuffix(".eml"),
        subject=_header(mime, "Subject"),
        to=_header(mime, "To"),
        sender=_header(mime, "From"),
        language=_header(mime, "Content-Language"),
        at=parsedate_to_datetime(_header(mime, "Date")),
        text=parse_blocks(_plain_text(mime)),
    )


def _header(mime: Mime, name: str) -> str:
    # The mail was parsed with the policy compat32: newer policies insert spaces into encoded words that were split.
    return str(make_header(decode_header(mime.get(name, ""))))


def _plain_text(mime: Mime) -> str:
    part = next(part for part in mime.walk() if part.get_content_type() == "text/plain")
    payload = part.get_payload(decode=True)
    return payload.decode("utf-8", "replace").replace("\r\n", "\n") if isinstance(payload, bytes) else ""


@mailroom.before_request
def _require_demo() -> None:
    """Abort with 404 outside the demo, since these mails contain sign-in links."""
    if not current_app.config["DEMO"] or current_app.config["MAIL_TRANSPORT"] != "folder":
        abort(404)


@mailroom.get("/")
def index() -> str:
    mails = list_newest_mails(Path(current_app.config["MAIL_FOLDER"]), MAX_LISTED)
    return render_template("mailroom/index.html", mails=mails)


@mailroom.get("/<name>")
def read(name: str) -> str:
    mail = get_mail(Path(current_app.config["MAIL_FOLDER"]), f"{name}.eml")
    if mail is None:
        abort(404)
    return render_template("mailroom/mail.html", mail=mail)
