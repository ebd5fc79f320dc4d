"""The envelope that a mail server hands over with a message, and the commit that everybody's acknowledgement waits
for."""

import re
from collections.abc import Sequence

from ..db.engine import Database
from ..mail import inbound

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


class TooLarge(Exception):
    """The message is larger than any that is stored."""


def with_envelope(raw: bytes, sender: str | None, recipients: Sequence[str]) -> bytes:
    """The message with its envelope on top, as the server of final delivery writes it (RFC 5321, section 4.4).

    `sender` is "" (or "<>") for the null return path, None where nobody said. The first Delivered-To is the first
    recipient.
    """
    end = "\r\n" if raw.partition(b"\n")[0].endswith(b"\r") else "\n"
    lines = [] if sender is None else [f"Return-Path: <{sender.strip('<>')}>"]
    lines += [f"Delivered-To: {recipient}" for recipient in recipients]
    return "".join(_CONTROLS.sub("", line) + end for line in lines).encode("utf-8", "surrogateescape") + raw


def keep(database: Database, raw: bytes, source: str) -> None:
    """Commit the message as it is. Raises `TooLarge`, and `Busy` where the database can't take it now."""
    keep_all(database, [raw], source)


def keep_all(database: Database, raws: Sequence[bytes], source: str) -> None:
    """Commit several messages at once. Raises as `keep` does; then none of them is stored."""
    if any(len(raw) > inbound.MAXIMUM for raw in raws):
        raise TooLarge
    database.write(lambda session: inbound.store_all(session, [(raw, {}) for raw in raws], source) and None)
