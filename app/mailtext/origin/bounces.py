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

LARGEST = 256 * 1024  # bytes of a mail that are searched
MOST = 50  # recipients in one report
SAID = 300  # characters of a server's reason that are stored
MOST_LINES = 2000  # lines of a part that are searched
LONGEST_LINE = 200  # characters of a line that are searched
LONGEST_VALUE = 1000  # characters; longer headers are removed
TANGLED = frozenset({"parts", "depth", "broken"})  # faults of mails on which Python's own parser would spend minutes

ENDED = frozenset({"failed", "error"})  # RFC 3464, section 2.3.3; OpenSMTPD writes "error"
STATUS_KINDS = ("delivery-status", "global-delivery-status")  # RFC 3464, RFC 6533
ORIGINAL_KINDS = ("rfc822", "rfc822-headers", "global", "global-headers")

_CODE = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")  # RFC 3463
_REASON = re.compile(r"\b[45]\.\d{1,3}\.\d{1,3}\b|\b[45]\d\d[ -]\S")
_MESSAGE_ID = re.compile(r"^message-id:[ \t]*(?:\r?\n[ \t]+)?(<[^<>\s]{1,900}>)", re.IGNORECASE | re.MULTILINE)
_XTEXT = re.compile(r"\+([0-9A-F]{2})")  # RFC 3461, section 4
_ADDRESS = re.compile(r"[^\s<>()\[\]\"',;:=]+@[^\s<>()\[\]\"',;:]+")

# The library logs the traceback of a failed detector, which may contain an address.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL + 1)


@dataclass(frozen=True)
class Bounce:
    """A report of non-delivery.

    `permanent` is False while the server is still trying. `addresses` are the recipients as we addressed them, if the
    report names them. `status` is an RFC 3463 code or "". `said` is the server's reason on one line, without addresses.
    `original_message_id` has angle brackets, or is "".
    """

    permanent: bool
    addresses: tuple[str, ...]
    status: str
    said: str
    original_message_id: str


def read(raw: bytes, mail: Mail) -> Bounce | None:
    """Parse a report of non-delivery; None for any other mail, including reports of success. Never raises.

    Reports without a standard part (RFC 3464) are left to flufl.bounce, if a mail server wrote the mail.
    """
    blocks = [block for text in _texts(mail, STATUS_KINDS) for block in _blocks(text)]
    blocks = [block for block in blocks if "action" in block or "status" in block or "final-recipient" in block]
    if blocks:
        return _parse_report(blocks[:MOST], raw, mail)
    return _parse_free_text(raw, mail) if judge(mail).kind == "bounce" else None


def _parse_report(blocks: list[dict[str, str]], raw: bytes, mail: Mail) -> Bounce | None:
    outcomes = [(block, _outcome(block)) for block in blocks]
    ended = [block for block, outcome in outcomes if outcome == "failed"]
    chosen = ended or [block for block, outcome in outcomes if outcome == "delayed"]
    if not chosen:
        return None
    addresses = [address for block in chosen if (address := _recipient(block))]
    statuses = [code[0] for block in chosen if (code := _CODE.search(block.get("status", "")))]
    reasons = [block["diagnostic-code"] for block in chosen if block.get("diagnostic-code")]
    # "smtp; 550 5.1.1 no such user": the first word is the type of the diagnostic code.
    said = re.sub(r"^[\w-]{1,20};\s*", "", reasons[0] if reasons else _reason(mail.body))
    status, addresses = statuses[0] if statuses else "", list(dict.fromkeys(addresses))
    return Bounce(bool(ended), tuple(addresses), status, _redact_addresses(said, addresses), _original(raw, mail))


def _parse_free_text(raw: bytes, mail: Mail) -> Bounce | None:
    if TANGLED & set(mail.faults):
        return None
    try:
        delayed, ended = all_failures(_truncate_message(raw[:LARGEST]))
        addresses = sorted(address.decode("ascii", "replace") for address in (ended or delayed))[:MOST]
    except Exception:
        # Seventeen detectors, written over twenty years, run on untrusted bytes.
        return None
    if not addresses:
        return None
    said = _reason(mail.body)
    code = _CODE.search(said)
    status = code[0] if code else ""
    permanent = bool(ended) and not status.startswith("4")
    return Bounce(permanent, tuple(addresses), status, _redact_addresses(said, addresses), _original(raw, mail))


def _truncate_message(raw: bytes) -> Message:
    """Return the message with long lines truncated and long headers removed in every part.

    Several detectors take quadratic time in their length, and about forty patterns are tried on every line.
    """
    message = message_from_bytes(raw)
    for part in message.walk():
        for name in {name for name, value in part.items() if len(str(value)) > LONGEST_VALUE}:
            del part[name]
        data = part.get_payload(decode=True)
        if isinstance(data, bytes):
            del part["Content-Transfer-Encoding"]
            part.set_payload("\n".join(line[:LONGEST_LINE] for line in data.decode("latin-1").split("\n")[:MOST_LINES]))
    return message


def _texts(mail: Mail, kinds: tuple[str, ...]) -> list[str]:
    return [text[:LARGEST] for kind, text in mail.report[:MOST] if kind.lower().rpartition("/")[2] in kinds]


def _blocks(text: str) -> Iterator[dict[str, str]]:
    """Yield the groups of fields in a delivery status: one for the message, then one for each recipient."""
    for group in re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n"))[: 2 * MOST]:
        fields: dict[str, str] = {}
        name = ""
        for line in group.split("\n")[:200]:
            key, colon, value = line.partition(":")
            if line[:1] in (" ", "\t") and name:
                fields[name] += " " + line.strip()
            elif colon:
                name = key.strip().lower()
                fields.setdefault(name, value.strip())
        if fields:
            yield fields


def _outcome(block: dict[str, str]) -> str:
    action = block.get("action", "").lower().split(maxsplit=1)[:1]
    if action:
        word = action[0].strip("(;")
        return "failed" if word in ENDED else "delayed" if word == "delayed" else "well"
    return {"5": "failed", "4": "delayed"}.get(block.get("status", "")[:1], "well")


def _recipient(block: dict[str, str]) -> str:
    """Return the address that the mail was sent to, from a field such as "rfc822; leyla@uni.example".

    The final recipient may be a private address to which the mail was forwarded, so the original recipient is
    preferred.
    """
    stated = block.get("original-recipient") or block.get("final-recipient", "")
    address = stated.rpartition(";")[2].strip().strip("<>")
    if block.get("original-recipient"):
        address = _XTEXT.sub(lambda sign: chr(int(sign[1], 16)), address)
    return address if "@" in address and len(address) <= 320 else ""


def _original(raw: bytes, mail: Mail) -> str:
    """Return the Message-ID of the returned mail: from its own part, else the first one below the report's head."""
    body = raw[read_head(raw).body :][:LARGEST].decode("latin-1")
    for text in (*_texts(mail, ORIGINAL_KINDS), body, mail.body[:LARGEST]):
        if found := _MESSAGE_ID.search(text):
            return found[1]
    return ""


def _reason(body: str) -> str:
    """Return the first line with a status code, joined with the next one."""
    lines = [line.strip() for line in body[:LARGEST].splitlines()]
    for number, line in enumerate(lines):
        if _REASON.search(line):
            return " ".join(lines[number : number + 2])
    return ""


def _redact_addresses(reason: str, addresses: list[str]) -> str:
    """Return the reason on one line without addresses and their local parts, which servers often repeat."""
    reason = _ADDRESS.sub("…", single_line(reason[: 4 * SAID]))
    for local in dict.fromkeys(address.rpartition("@")[0] for address in addresses):
        if len(local) > 1:
            reason = re.sub(rf"(?<!\w){re.escape(local)}(?!\w)", "…", reason, flags=re.IGNORECASE)
    return reason[:SAID].strip()
