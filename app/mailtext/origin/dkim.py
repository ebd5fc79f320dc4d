"""A mail's own signature (DKIM, RFC 6376) and its domain's policy (DMARC, RFC 7489), looked up in the DNS.

Only where the operator allows it: each look-up tells a name server that this house has mail from that domain.
"""

import re
import time
from collections.abc import Callable
from typing import Any

from .authentication import Verdict
from .domains import ascii_domain, is_aligned
from .head import Head

Lookup = Callable[[str], list[bytes]]  # the TXT records of a name, [] where there are none; may raise

SECONDS = 10  # for all look-ups of one mail
LARGEST = 25 * 1024 * 1024  # bytes of a mail; larger ones aren't taken in
MOST = 5  # signatures of one mail that are read
LONGEST_KEY = 2048  # octets of a record: an RSA key of 4096 bits has 740, and a giant one costs minutes to use
# The library looks for white space at line ends in a way that takes the square of a run's length.
LONGEST_RUN = 200

_TAG = {tag: re.compile(rf"(?:^|;)\s*{tag}\s*=\s*([^;]*)") for tag in ("d", "l")}


class _DnsLookups:
    """The look-ups of one mail: with a time limit for all of them, in the forms that dkimpy and authheaders expect."""

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
            self.failed = True  # the libraries would call it a failed signature
            raise
        if isinstance(name, bytes):
            return records[0] if records else None
        # RFC 7489, section 6.6.3: other records don't count, and two policies are none.
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
    """Return whether a signature of `domain` (ASCII) or one aligned with it holds for the mail, and its policy agrees.

    Of several signatures the first that is aligned and covers the whole body counts: one with l= leaves words out that
    may be anybody's. Codes as in `senders.check`.
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
        # What isn't installed, what can't be reached, and what a stranger's signature makes of two libraries.
        return Verdict(False, ("could not be looked up",))
    if asked.failed:
        return Verdict(False, ("could not be looked up",))
    return Verdict(True, ("signature",)) if ok and policy != "fail" else Verdict(False, ("failed",))


def _verify_signature(raw: bytes, number: int, domain: str, lookups: _DnsLookups) -> tuple[bool, str]:
    """Return whether the signature holds, and what the policy says. `authenticate_message` of authheaders does both in
    one, but reads the first signature only and loses a domain's end behind a hyphen; so its two halves are called here.
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
