"""The true sender of a mail.

A name and an address in From are what the writer wants them to be. They are believed where there is one writer, whose
address is the one that is expected, and whose domain was shown to stand behind the mail: by our own mail server's
results, or, where none are there and look-ups are allowed, by the signature (DKIM) and the domain's policy (DMARC).
"""

import re

from ..incoming import Mail
from .authentication import Server, Verdict, judge_results
from .dkim import Lookup, judge_signature
from .domains import comparable
from .head import Head, read_head

__all__ = ["Server", "Verdict", "check"]

# One mailbox, in the forms that mail programs write (RFC 5322, section 3.4): no list, no group, nothing left over.
_ADDRESS = r"[^\s<>@,;:\"()\\\[\]]+@[^\s<>@,;:\"()\\\[\]]+"
_COMMENT = r"\([^()\\]*\)"
_MAILBOX = re.compile(
    rf"(?:(?:\"(?:[^\"\\]|\\.)*\"|{_COMMENT}|[^\"<>,;:()\\])*<(?P<angled>{_ADDRESS})>|(?P<bare>{_ADDRESS}))"
    rf"(?:\s*{_COMMENT})?"
)
LONGEST = 1000  # characters of From


def check(
    mail: Mail,
    expected_address: str,
    server: Server | None,
    raw: bytes,
    dns: bool = False,
    lookup: Lookup | None = None,
) -> Verdict:
    """Judge whether `mail`, whose bytes are `raw`, is from the address `expected_address`.

    Believed are the results of our own `server` only; `dns` allows look-ups where there are none, through `lookup` if
    it is given. Reasons on True: "dmarc", "dkim", "spf" or "signature". On False: "broken headers", "two
    senders", "unreadable sender", "other sender", "results disagree", "unreadable results", "not aligned", "failed",
    "forged or foreign results", "not checked", "partly signed", "could not be looked up". It never raises.
    """
    head = read_head(raw)
    refused = _find_sender_fault(mail, head, expected_address)
    if refused:
        return Verdict(False, (refused,))
    domain = (comparable(expected_address) or "").rpartition("@")[2]
    found = judge_results(head, server, domain) if server else None
    if found:
        return found
    if dns:
        return judge_signature(raw, head, domain, lookup)
    others = bool(head.all("authentication-results")) and server is not None
    return Verdict(False, ("forged or foreign results" if others else "not checked",))


def _find_sender_fault(mail: Mail, head: Head, expected_address: str) -> str | None:
    """Return why the mail isn't from one writer with the expected address; read on the raw head and as the mail was
    parsed, because an address on which two readers differ is nobody's.
    """
    written, senders = head.all("from"), head.all("sender")
    if not head.whole:
        return "broken headers"
    if len(written) > 1 or len(senders) > 1 or len(mail.senders) > 1:
        return "two senders"
    address = _parse_single_address(written[0]) if written else None
    if address is None or not mail.senders:
        return "unreadable sender"
    if comparable(mail.from_address) != address or (senders and _parse_single_address(senders[0]) != address):
        return "two senders"
    return None if address == comparable(expected_address) else "other sender"


def _parse_single_address(value: str) -> str | None:
    """The address of the one mailbox that a header names, in comparable form."""
    found = _MAILBOX.fullmatch(value) if len(value) <= LONGEST else None
    return comparable(found["angled"] or found["bare"]) if found else None
