"""Storing messages with the envelope from the mail server.

LMTP, the pipe and the webhook use this module, and acknowledge a message only after the commit.
"""

import re
from collections.abc import Sequence

from sqlalchemy.orm import Session

from ..db.engine import Database
from ..mail import inbound

_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f]")


class TooLarge(Exception):
    """A message is larger than `inbound.MAX_MAIL_BYTES`."""


def with_envelope(raw: bytes, sender: str | None, recipients: Sequence[str]) -> bytes:
    """Return the message with its envelope on top, as the server of final delivery adds it (RFC 5321, section 4.4).

    `sender` is "" (or "<>") for the null return path, None if unknown.
    """
    first_line = raw.partition(b"\n")[0]
    line_end = "\r\n" if first_line.endswith(b"\r") else "\n"
    headers = [] if sender is None else [f"Return-Path: <{sender.strip('<>')}>"]
    headers += [f"Delivered-To: {recipient}" for recipient in recipients]
    envelope = "".join(_CONTROL_CHARACTERS.sub("", header) + line_end for header in headers)
    return envelope.encode("utf-8", "surrogateescape") + raw


def store_message(database: Database, raw: bytes, source: str) -> None:
    """Store the message unchanged and commit. Raises `TooLarge`, and `Busy` if the database can't store it now."""
    store_messages(database, [raw], source)


def store_messages(database: Database, raws: Sequence[bytes], source: str) -> None:
    """Store several messages in one transaction. Raises the same errors as `store_message`; then none is stored."""
    if any(len(raw) > inbound.MAX_MAIL_BYTES for raw in raws):
        raise TooLarge

    def store(session: Session) -> None:
        inbound.store_all(session, [(raw, {}) for raw in raws], source)

    database.write(store)
