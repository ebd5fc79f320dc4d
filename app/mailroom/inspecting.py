"""A trial of a message: the same reading and the same judges as for one that came in, and nothing is
stored."""

from datetime import UTC
from typing import Any

from sqlalchemy.orm import Session

from ..mail.reading import Reading
from ..mailtext.incoming import Mail, Trimmed
from ..mailtext.parsing.parse import parse
from ..mailtext.trim import trim
from .batch import House, Settings
from .evidence import InboundContext
from .judges import decide


def inspect(raw: bytes, reading: Reading | None, session: Session | None, settings: Settings) -> dict[str, Any]:
    """All that is read in a message and where it would go, as values for JSON.

    `reading` is the child process that reads within a time limit; without one it is read here. Without a `session` the
    place is what the message alone says.
    """
    mail = reading.parse(raw) if reading else parse(raw)
    case = InboundContext(session, raw, mail, House(settings))
    case.trimmed = reading.trim(mail, case.known) if reading else trim(mail, case.known)
    decision = decide(case)
    return {**contents(mail, case.trimmed), "place": decision.place, "reasons": list(decision.reasons)}


def contents(mail: Mail, trimmed: Trimmed) -> dict[str, Any]:
    """Return what stands in a message; the date in UTC."""
    return {
        "from_name": mail.from_name,
        "from_address": mail.from_address,
        "to": [box.address for box in mail.to],
        "subject": mail.subject,
        "date": mail.date.astimezone(UTC).isoformat() if mail.date else None,
        "message_id": mail.message_id,
        "body": mail.body,
        "text": trimmed.text,
        "attachments": [{"name": one.name, "bytes": one.bytes} for one in mail.attachments],
    }
