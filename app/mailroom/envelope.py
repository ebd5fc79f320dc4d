"""Storing messages with the envelope from the mail server. Every door commits here before it acknowledges a message."""

import re
from collections.abc import Sequence

from ..db.engine import Database
from ..mail import inbound

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


class TooLarge(Exception):
    """A message is larger than `inbound.MAXIMUM`."""


def with_envelope(raw: bytes, sender: str | None, recipients: Sequence[str]) -> bytes:
    """Return the message with its envelope on top, as the server of final delivery adds it (RFC 5321, section 4.4).

    `sender` is "" (or "<>") for the null return path, None if unknown. The Delivered-To headers are in the order of the
    recipients.
    """
    end = "\r\n" if raw.partition(b"\n")[0].endswith(b"\r") else "\n"
    lines = [] if sender is None else [f"Return-Path: <{sender.strip('<>')}>"]
    lines += [f"Delivered-To: {recipient}" for recipient in recipients]
    return "".join(_CONTROLS.sub("", line) + end for line in lines).encode("utf-8", "surrogateescape") + raw


def keep(database: Database, raw: bytes, source: str) -> None:
    """Store the message unchanged and commit. Raises `TooLarge`, and `Busy` if the database can't store it now."""
    keep_all(database, [raw], source)


def keep_all(database: Database, raws: Sequence[bytes], source: str) -> None:
    """Store several messages in one transaction. Raises the same errors as `keep`; then none is stored."""
    if any(len(raw) > inbound.MAXIMUM for raw in raws):
        raise TooLarge
    database.write(lambda session: inbound.store_all(session, [(raw, {}) for raw in raws], source) and None)
