"""Authentication of a mail's sender.

The address in From can be forged. It is trusted if there is a single author with the expected address, and the domain
is authenticated: by our own mail server's results or, if there are none and the operator allows DNS lookups, by a DKIM
signature and the domain's DMARC policy. Lookups need permission because each one tells a name server that this
installation has mail from that domain.
"""

import re
import time
from collections.abc import Callable
from typing import Any

from ..incoming import Mail
from .authentication import SenderVerdict, Server, judge_results
from .domains import ascii_domain, comparable, is_aligned
from .head import Head, read_head

__all__ = ["SenderVerdict", "Server", "check"]

Lookup = Callable[[str], list[bytes]]  # returns the TXT records of a name, possibly none; may raise

LOOKUP_SECONDS = 10  # for all lookups of one mail
MAX_SIZE = 25 * 1024 * 1024  # bytes of a mail; larger ones are never stored
MAX_SIGNATURES = 5  # signatures of one mail that are examined
MAX_RECORD = 2048  # octets; the record of an RSA key of 4096 bits has 740, and a check with a giant key takes minutes
# Blanks in a row. The DKIM library strips white space at line ends in time quadratic in its length.
MAX_BLANKS = 200
MAX_FROM = 1000  # characters of a From header

_DKIM_TAG = {tag: re.compile(rf"(?:^|;)\s*{tag}\s*=\s*([^;]*)") for tag in ("d", "l")}
# Exactly one mailbox, in the forms that mail programs write (RFC 5322, section 3.4), not a list or a group.
_ADDRESS = r"[^\s<>@,;:\"()\\\[\]]+@[^\s<>@,;:\"()\\\[\]]+"
_COMMENT = r"\([^()\\]*\)"
_MAILBOX = re.compile(
    rf"(?:(?:\"(?:[^\"\\]|\\.)*\"|{_COMMENT}|[^\"<>,;:()\\])*<(?P<angled>{_ADDRESS})>|(?P<bare>{_ADDRESS}))"
    rf"(?:\s*{_COMMENT})?"
)


def check(
    mail: Mail,
    expected_address: str,
    server: Server | None,
    raw: bytes,
    dns: bool = False,
    lookup: Lookup | None = None,
) -> SenderVerdict:
    """Judge whether `mail`, parsed from `raw`, is from `expected_address`. Never raises.

    Only results of our own `server` are trusted. If there are none, `dns` allows lookups, through `lookup` if given.
    Reasons if ok: "dmarc", "dkim", "spf" or "signature". Otherwise: "broken headers", "two senders", "unreadable
    sender", "other sender", "results disagree", "unreadable results", "not aligned", "failed", "forged or foreign
    results", "not checked", "partly signed", "could not be looked up".
    """
    head = read_head(raw)
    fault = _find_sender_fault(mail, head, expected_address)
    if fault:
        return SenderVerdict(False, (fault,))
    domain = (comparable(expected_address) or "").rpartition("@")[2]
    verdict = judge_results(head, server, domain) if server else None
    if verdict:
        return verdict
    if dns:
        return judge_signature(raw, head, domain, lookup)
    has_untrusted_results = server is not None and bool(head.all("authentication-results"))
    return SenderVerdict(False, ("forged or foreign results" if has_untrusted_results else "not checked",))


def _find_sender_fault(mail: Mail, head: Head, expected_address: str) -> str | None:
    """Return why the mail isn't from a single sender with the expected address, or None.

    Compares the raw head with the parsed mail: an address that two parsers read differently can't be trusted.
    """
    if not head.is_unambiguous:
        return "broken headers"
    from_values, sender_values = head.all("from"), head.all("sender")
    if len(from_values) > 1 or len(sender_values) > 1 or len(mail.senders) > 1:
        return "two senders"
    address = _parse_single_address(from_values[0]) if from_values else None
    if address is None or not mail.senders:
        return "unreadable sender"
    if comparable(mail.from_address) != address:
        return "two senders"
    if sender_values and _parse_single_address(sender_values[0]) != address:
        return "two senders"
    return None if address == comparable(expected_address) else "other sender"


def _parse_single_address(value: str) -> str | None:
    """Return the address of the only mailbox in a header, in comparable form, or None."""
    match = _MAILBOX.fullmatch(value) if len(value) <= MAX_FROM else None
    return comparable(match["angled"] or match["bare"]) if match else None


class _DnsLookups:
    """The DNS lookups of one mail, with a common time limit, in the forms that dkimpy and authheaders expect."""

    def __init__(self, lookup: Lookup | None) -> None:
        self._deadline = time.monotonic() + LOOKUP_SECONDS
        self._lookup = lookup or self._query_dns
        self.has_failed = False

    def __call__(self, name: bytes | str, timeout: float = 5) -> Any:
        """Return the DKIM key for a name in bytes (from dkimpy), or the DMARC policy for a str (from authheaders)."""
        text_name = name.decode("ascii") if isinstance(name, bytes) else name
        try:
            if time.monotonic() > self._deadline:
                raise TimeoutError
            records = [record for record in self._lookup(text_name.removesuffix(".")) if len(record) <= MAX_RECORD]
        except Exception:
            self.has_failed = True  # the libraries would report a failed signature
            raise
        if isinstance(name, bytes):
            return records[0] if records else None
        # RFC 7489, section 6.6.3: ignore other records; several policies count as none.
        policies = [record.decode("ascii", "replace") for record in records if record.startswith(b"v=DMARC1")]
        return policies[0] if len(policies) == 1 else None

    def _query_dns(self, name: str) -> list[bytes]:
        import dns.resolver

        timeout = max(0.1, min(5.0, self._deadline - time.monotonic()))
        try:
            answer = dns.resolver.resolve(name, "TXT", lifetime=timeout)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        return [b"".join(record.strings) for record in answer]


def judge_signature(raw: bytes, head: Head, domain: str, lookup: Lookup | None = None) -> SenderVerdict:
    """Judge whether the mail has a valid DKIM signature aligned with `domain` (ASCII), and passes its DMARC policy.

    Only the first aligned signature that covers the whole body counts. If a signature has the tag l=, anybody may have
    added text below the part that it covers. The reasons are a subset of those of `check`.
    """
    signatures = head.all("dkim-signature")[:MAX_SIGNATURES]
    aligned = [number for number, signature in enumerate(signatures) if _is_signature_aligned(signature, domain)]
    if not aligned:
        return SenderVerdict(False, ("not aligned" if signatures else "not checked",))
    of_whole_body = [number for number in aligned if not _DKIM_TAG["l"].search(signatures[number])]
    if not of_whole_body:
        return SenderVerdict(False, ("partly signed",))
    not_looked_up = SenderVerdict(False, ("could not be looked up",))
    if len(raw) > MAX_SIZE or b" " * MAX_BLANKS in raw.replace(b"\t", b" "):
        return not_looked_up
    lookups = _DnsLookups(lookup)
    try:
        is_valid, policy_result = _verify_signature(raw, of_whole_body[0], domain, lookups)
    except Exception:
        # A missing library, an unreachable name server, or an error of the libraries on untrusted input.
        return not_looked_up
    if lookups.has_failed:
        return not_looked_up
    return (
        SenderVerdict(True, ("signature",))
        if is_valid and policy_result != "fail"
        else SenderVerdict(False, ("failed",))
    )


def _is_signature_aligned(signature: str, domain: str) -> bool:
    match = _DKIM_TAG["d"].search(signature)
    signing_domain = ascii_domain(match[1].strip()) if match else None
    return signing_domain is not None and is_aligned(signing_domain, domain)


def _verify_signature(raw: bytes, number: int, domain: str, lookups: _DnsLookups) -> tuple[bool, str]:
    """Return whether signature `number` is valid and aligned, and the result of the domain's DMARC policy.

    `authheaders.authenticate_message` does both at once, but verifies only the first signature and truncates domains at
    a hyphen, so its two halves are called here.
    """
    import authheaders  # type: ignore[import-untyped]
    import dkim  # type: ignore[import-untyped]

    verifier = dkim.DKIM(raw)
    try:
        is_valid = bool(verifier.verify(idx=number, dnsfunc=lookups))
    except dkim.DKIMException:
        is_valid = False
    signing_domain = verifier.signature_fields.get(b"d", b"").decode("ascii").lower()
    result = authheaders.DKIMAuthenticationResult(result="pass" if is_valid else "fail", header_d=signing_domain)
    policy_result = authheaders.dmarc_per_from(domain, dkim_result=result, dnsfunc=lookups)[0]
    return is_valid and is_aligned(ascii_domain(signing_domain) or "", domain), policy_result
