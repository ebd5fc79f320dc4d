"""Delivery status reports of mail servers about mails that we sent."""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message

from flufl.bounce import all_failures

from ...text.clean import single_line
from ..incoming import Mail
from .head import read_head
from .robots import judge

MAX_SEARCHED = 256 * 1024  # bytes of a mail
MAX_RECIPIENTS = 50  # in one report
MAX_PARTS = 50  # of one report
MAX_FIELD_LINES = 200  # of one group of fields in a report
MAX_REASON = 300  # characters of a server's reason that are stored
MAX_LINES = 2000  # lines of a part that are searched
MAX_LINE = 200  # characters of a line that are searched
MAX_HEADER = 1000  # characters; longer headers are removed
MAX_ADDRESS = 320  # characters
SLOW_FAULTS = frozenset({"parts", "depth", "broken"})  # of mails on which Python's own parser would spend minutes

FAILED_ACTIONS = frozenset({"failed", "error"})  # RFC 3464, section 2.3.3; OpenSMTPD writes "error"
STATUS_SUBTYPES = ("delivery-status", "global-delivery-status")  # RFC 3464, RFC 6533
ORIGINAL_SUBTYPES = ("rfc822", "rfc822-headers", "global", "global-headers")

_STATUS_CODE = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")  # RFC 3463
_REASON_LINE = re.compile(r"\b[45]\.\d{1,3}\.\d{1,3}\b|\b[45]\d\d[ -]\S")
_MESSAGE_ID = re.compile(r"^message-id:[ \t]*(?:\r?\n[ \t]+)?(<[^<>\s]{1,900}>)", re.IGNORECASE | re.MULTILINE)
_XTEXT = re.compile(r"\+([0-9A-F]{2})")  # RFC 3461, section 4
_ADDRESS = re.compile(r"[^\s<>()\[\]\"',;:=]+@[^\s<>()\[\]\"',;:]+")

# The library logs the traceback of a failed detector, which may contain an address.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL + 1)


@dataclass(frozen=True)
class Bounce:
    """A report of non-delivery.

    `permanent` is False while the server is still trying. `addresses` are the recipients that the report names, where
    possible in the form in which we addressed them. `status` is an RFC 3463 code or "". `reason` is the server's, on
    one line, without addresses. `original_message_id` has angle brackets, or is "".
    """

    permanent: bool
    addresses: tuple[str, ...]
    status: str
    reason: str
    original_message_id: str


def parse_bounce(raw: bytes, mail: Mail) -> Bounce | None:
    """Parse a report of non-delivery; None for any other mail, including reports of success. Never raises.

    Reports without a standard part (RFC 3464) are left to flufl.bounce, if a mail server wrote the mail.
    """
    groups = [fields for text in _get_report_texts(mail, STATUS_SUBTYPES) for fields in _iter_field_groups(text)]
    recipients = [fields for fields in groups if fields.keys() & {"action", "status", "final-recipient"}]
    if recipients:
        return _parse_report(recipients[:MAX_RECIPIENTS], raw, mail)
    return _parse_free_text(raw, mail) if judge(mail).kind == "bounce" else None


def _parse_report(recipients: list[dict[str, str]], raw: bytes, mail: Mail) -> Bounce | None:
    """Parse the fields of each recipient; None if the mail was delivered to all.

    The recipients for whom it failed count, or if there are none, those for whom it was delayed. The status and the
    reason are the first that their fields contain.
    """
    outcomes = [(fields, _get_outcome(fields)) for fields in recipients]
    failed = [fields for fields, outcome in outcomes if outcome == "failed"]
    undelivered = failed or [fields for fields, outcome in outcomes if outcome == "delayed"]
    if not undelivered:
        return None
    addresses = [address for fields in undelivered if (address := _get_address(fields))]
    status_codes = [code[0] for fields in undelivered if (code := _STATUS_CODE.search(fields.get("status", "")))]
    diagnostics = [fields["diagnostic-code"] for fields in undelivered if fields.get("diagnostic-code")]
    # "smtp; 550 5.1.1 no such user": the first word is the type of the diagnostic code.
    reason = re.sub(r"^[\w-]{1,20};\s*", "", diagnostics[0] if diagnostics else _find_reason(mail.body))
    return Bounce(
        permanent=bool(failed),
        addresses=tuple(dict.fromkeys(addresses)),
        status=status_codes[0] if status_codes else "",
        reason=_redact_addresses(reason, addresses),
        original_message_id=_find_original_id(raw, mail),
    )


def _parse_free_text(raw: bytes, mail: Mail) -> Bounce | None:
    if SLOW_FAULTS & set(mail.faults):
        return None
    try:
        delayed, failed = all_failures(_truncate_message(raw[:MAX_SEARCHED]))
        addresses = sorted(address.decode("ascii", "replace") for address in (failed or delayed))[:MAX_RECIPIENTS]
    except Exception:
        # Seventeen detectors, written over twenty years, run on untrusted bytes.
        return None
    if not addresses:
        return None
    reason = _find_reason(mail.body)
    code = _STATUS_CODE.search(reason)
    status = code[0] if code else ""
    return Bounce(
        permanent=bool(failed) and not status.startswith("4"),
        addresses=tuple(addresses),
        status=status,
        reason=_redact_addresses(reason, addresses),
        original_message_id=_find_original_id(raw, mail),
    )


def _truncate_message(raw: bytes) -> Message:
    """Return the message with long lines truncated and long headers removed in every part.

    Several detectors take quadratic time in the length of a line, and about forty patterns are tried on every line.
    """
    message = message_from_bytes(raw)
    for part in message.walk():
        for name in {name for name, value in part.items() if len(str(value)) > MAX_HEADER}:
            del part[name]
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            del part["Content-Transfer-Encoding"]
            lines = content.decode("latin-1").split("\n")[:MAX_LINES]
            part.set_payload("\n".join(line[:MAX_LINE] for line in lines))
    return message


def _get_report_texts(mail: Mail, subtypes: tuple[str, ...]) -> list[str]:
    """Return the parts of a report that have one of these media subtypes."""
    return [
        text[:MAX_SEARCHED]
        for media_type, text in mail.report[:MAX_PARTS]
        if media_type.lower().rpartition("/")[2] in subtypes
    ]


def _iter_field_groups(text: str) -> Iterator[dict[str, str]]:
    """Yield the groups of fields in a delivery status: one for the message, then one for each recipient."""
    for group in re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n"))[: 2 * MAX_RECIPIENTS]:
        fields: dict[str, str] = {}
        name = ""
        for line in group.split("\n")[:MAX_FIELD_LINES]:
            key, colon, value = line.partition(":")
            if line[:1] in (" ", "\t") and name:
                fields[name] += " " + line.strip()
            elif colon:
                name = key.strip().lower()
                fields.setdefault(name, value.strip())
        if fields:
            yield fields


def _get_outcome(fields: dict[str, str]) -> str:
    """Return the outcome for a recipient, "failed", "delayed" or "delivered", by the action or else the status."""
    words = fields.get("action", "").lower().split()
    if words:
        action = words[0].strip("(;")
        if action in FAILED_ACTIONS:
            return "failed"
        return "delayed" if action == "delayed" else "delivered"
    status_class = fields.get("status", "")[:1]
    return {"5": "failed", "4": "delayed"}.get(status_class, "delivered")


def _get_address(fields: dict[str, str]) -> str:
    """Return the address that the mail was sent to, from a field such as "rfc822; leyla@uni.example".

    The final recipient may be a private address to which the mail was forwarded, so the original recipient is
    preferred.
    """
    original = fields.get("original-recipient")
    recipient = original or fields.get("final-recipient", "")
    address = recipient.rpartition(";")[2].strip().strip("<>")
    if original:
        address = _XTEXT.sub(lambda match: chr(int(match[1], 16)), address)
    return address if "@" in address and len(address) <= MAX_ADDRESS else ""


def _find_original_id(raw: bytes, mail: Mail) -> str:
    """Return the Message-ID of the returned mail: from the part that holds it, else the first below the report's head.

    "" if there is none.
    """
    raw_body = raw[read_head(raw).body_offset :][:MAX_SEARCHED].decode("latin-1")
    for text in (*_get_report_texts(mail, ORIGINAL_SUBTYPES), raw_body, mail.body[:MAX_SEARCHED]):
        if match := _MESSAGE_ID.search(text):
            return match[1]
    return ""


def _find_reason(body: str) -> str:
    """Return the first line with the code of an error, joined with the next line, or ""."""
    lines = [line.strip() for line in body[:MAX_SEARCHED].splitlines()]
    for number, line in enumerate(lines):
        if _REASON_LINE.search(line):
            return " ".join(lines[number : number + 2])
    return ""


def _redact_addresses(reason: str, addresses: list[str]) -> str:
    """Return the reason on one line without addresses and their local parts, which servers often repeat."""
    reason = _ADDRESS.sub("…", single_line(reason[: 4 * MAX_REASON]))
    for local_part in dict.fromkeys(address.rpartition("@")[0] for address in addresses):
        if len(local_part) > 1:
            reason = re.sub(rf"(?<!\w){re.escape(local_part)}(?!\w)", "…", reason, flags=re.IGNORECASE)
    return reason[:MAX_REASON].strip()
