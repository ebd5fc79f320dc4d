"""Authentication of a mail's sender: a single From with the expected address, proved by our server or by a signature.

The name and address in From can be forged. They are trusted if there is a single author with the expected address, and
the domain is authenticated: by our own mail server's results or, if there are none and the operator allows DNS lookups,
by a DKIM signature and the domain's DMARC policy. Lookups need permission because each one tells a name server that
this installation has mail from that domain.
"""

import re
import time
from collections.abc import Callable
from typing import Any

from ..incoming import Mail
from .authentication import Server, Verdict, judge_results
from .domains import ascii_domain, comparable, is_aligned
from .head import Head, read_head

Lookup = Callable[[str], list[bytes]]  # returns the TXT records of a name, possibly none; may raise

SECONDS = 10  # for all lookups of one mail
LARGEST = 25 * 1024 * 1024  # bytes of a mail; larger ones are never stored
MOST = 5  # signatures of one mail that are examined
LONGEST_KEY = 2048  # octets of a record; an RSA key of 4096 bits has 740, and a giant one takes minutes to use
# The DKIM library strips white space at line ends in time quadratic in its length.
LONGEST_RUN = 200

_TAG = {tag: re.compile(rf"(?:^|;)\s*{tag}\s*=\s*([^;]*)") for tag in ("d", "l")}


class _DnsLookups:
    """The DNS lookups of one mail, with a common time limit, in the forms that dkimpy and authheaders expect."""

    def __init__(self, lookup: Lookup | None) -> None:
        self._until = time.monotonic() + SECONDS
        self._lookup = lookup or self._in_the_dns
        self.failed = False

    def __call__(self, name: bytes | str, timeout: float = 5) -> Any:
        text = name.decode("ascii") if isinstance(name, bytes) else name
        try:
            if time.monotonic() > self._until:
                raise TimeoutError
            records = [record for record in self._lookup(text.removesuffix(".")) if len(record) <= LONGEST_KEY]
        except Exception:
            self.failed = True  # the libraries would report a failed signature
            raise
        if isinstance(name, bytes):
            return records[0] if records else None
        # RFC 7489, section 6.6.3: ignore other records; several policies count as none.
        policies = [record.decode("ascii", "replace") for record in records if record.startswith(b"v=DMARC1")]
        return policies[0] if len(policies) == 1 else None

    def _in_the_dns(self, name: str) -> list[bytes]:
        import dns.resolver

        left = max(0.1, min(5.0, self._until - time.monotonic()))
        try:
            answer = dns.resolver.resolve(name, "TXT", lifetime=left)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        return [b"".join(record.strings) for record in answer]


def judge_signature(raw: bytes, head: Head, domain: str, lookup: Lookup | None = None) -> Verdict:
    """Judge whether the mail has a valid signature of `domain` (ASCII) or an aligned one, and passes its policy.

    The first aligned signature that covers the whole body counts; one with l= leaves out text that anybody may have
    added. The reasons are a subset of those of `check`.
    """
    signed = head.all("dkim-signature")[:MOST]
    ours = [number for number, value in enumerate(signed) if _fits(value, domain)]
    if not ours:
        return Verdict(False, ("not aligned" if signed else "not checked",))
    ours = [number for number in ours if not _TAG["l"].search(signed[number])]
    if not ours:
        return Verdict(False, ("partly signed",))
    if len(raw) > LARGEST or b" " * LONGEST_RUN in raw.replace(b"\t", b" "):
        return Verdict(False, ("could not be looked up",))
    asked = _DnsLookups(lookup)
    try:
        ok, policy = _verify_signature(raw, ours[0], domain, asked)
    except Exception:
        # A missing library, an unreachable name server, or an error of the libraries on untrusted input.
        return Verdict(False, ("could not be looked up",))
    if asked.failed:
        return Verdict(False, ("could not be looked up",))
    return Verdict(True, ("signature",)) if ok and policy != "fail" else Verdict(False, ("failed",))


def _verify_signature(raw: bytes, number: int, domain: str, lookups: _DnsLookups) -> tuple[bool, str]:
    """Return whether the signature is valid and aligned, and the result of the domain's policy.

    `authheaders.authenticate_message` does both at once, but verifies only the first signature and truncates domains at
    a hyphen, so its two halves are called here.
    """
    import authheaders  # type: ignore[import-untyped]
    import dkim  # type: ignore[import-untyped]

    verifier = dkim.DKIM(raw)
    try:
        held = bool(verifier.verify(idx=number, dnsfunc=lookups))
    except dkim.DKIMException:
        held = False
    by = verifier.signature_fields.get(b"d", b"").decode("ascii").lower()
    result = authheaders.DKIMAuthenticationResult(result="pass" if held else "fail", header_d=by)
    policy = authheaders.dmarc_per_from(domain, dkim_result=result, dnsfunc=lookups)[0]
    return held and is_aligned(ascii_domain(by) or "", domain), policy


def _fits(signature: str, domain: str) -> bool:
    found = _TAG["d"].search(signature)
    by = ascii_domain(found[1].strip()) if found else None
    return by is not None and is_aligned(by, domain)


__all__ = ["Server", "Verdict", "check"]

# Exactly one mailbox, in the forms that mail programs write (RFC 5322, section 3.4), not a list or a group.
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
    """Judge whether `mail`, parsed from `raw`, is from `expected_address`. Never raises.

    Only results of our own `server` are trusted; `dns` allows lookups if there are none, through `lookup` if given.
    Reasons if ok: "dmarc", "dkim", "spf" or "signature". Otherwise: "broken headers", "two senders", "unreadable
    sender", "other sender", "results disagree", "unreadable results", "not aligned", "failed", "forged or foreign
    results", "not checked", "partly signed", "could not be looked up".
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
    """Return why the mail isn't from a single sender with the expected address, or None.

    Compares the raw head with the parsed mail: an address that two parsers read differently can't be trusted.
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
    """Return the address of the only mailbox in a header, in comparable form, or None."""
    found = _MAILBOX.fullmatch(value) if len(value) <= LONGEST else None
    return comparable(found["angled"] or found["bare"]) if found else None
