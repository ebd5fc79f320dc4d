"""Authentication-Results (RFC 8601): what our own mail server found out about a mail, and nothing that others say.

A sender can write such a header with our server's name into the mail. A server should take it away (RFC 8601, section
5), not all do. So only these are believed, read on the raw head from the top:

- none that stands below a Received of another house: it came with the mail;
- those above all Received, of two results of one method the upper one, because a sender's headers stand lower (Postfix
  with milters: one header for each). Where ours stand lower themselves (Gmail), a sender's may follow at once, so the
  topmost one alone counts;
- none at all where ours contradict each other, or can't be read: the part that breaks it may be the sender's work.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv6Address, ip_address
from typing import Any

import authres  # type: ignore[import-untyped]

from .domains import akin, aligned, ascii_domain
from .head import Head

LONGEST = 4096  # characters of one header; real ones have a few hundred to two thousand
MOST = 20  # headers with our name
SAYS_WHO = {  # which property of a method names the domain that it speaks of, the best first
    "dmarc": (("header", "from"),),
    "dkim": (("header", "d"), ("header", "i")),
    "spf": (("smtp", "mailfrom"),),
}

_COMMENT = re.compile(r"\([^()]*\)")
_BY = re.compile(r"(?:^|\s)by\s+([^\s;]+)", re.IGNORECASE)
_OWN_HOPS = re.compile(r"localhost(?:\.localdomain)?|.*\.localhost|.*\.internal", re.IGNORECASE)


@dataclass(frozen=True)
class Result:
    """One finding: the method, the result, and the domain it speaks of, None where none or more than one is named."""

    method: str
    value: str
    domain: str | None


@dataclass(frozen=True)
class Verdict:
    """The finding whether a mail is from whom it should be. `reasons` are codes: on True, the method that showed it."""

    ok: bool
    reasons: tuple[str, ...]


def judge_results(head: Head, authserv_id: str, domain: str) -> Verdict | None:
    """Return what the results of our own server `authserv_id` say about a mail From: `domain` (ASCII); None where there
    are none.

    The codes on refusal: "results disagree", "unreadable results", "not aligned", "failed".
    """
    own = list(_own(head, authserv_id))[: MOST + 1]
    if not own:
        return None
    read = [(stretch, _read(value)) for stretch, value in own]
    if len(own) > MOST or any(results is None for _, results in read):
        return Verdict(False, ("unreadable results",))
    every = [result for _, results in read for result in results or ()]
    if _contradicts(every):
        passed = any(result.value == "pass" for result in every)
        return Verdict(False, ("results disagree" if passed else "failed",))
    first = own[0][0]
    upper = [results or [] for stretch, results in read if stretch == first]
    return _of_the_upper(upper if first == 0 else upper[:1], domain)


def _of_the_upper(headers: Sequence[Sequence[Result]], domain: str) -> Verdict:
    upper: dict[str, list[Result]] = {}
    for results in headers:
        for method in SAYS_WHO.keys() - upper.keys():
            if here := [result for result in results if result.method == method]:
                upper[method] = here
    passes = {method: [one.domain for one in ones if one.value == "pass"] for method, ones in upper.items()}
    if passes.get("dmarc") == [domain] and len(upper["dmarc"]) == 1:
        return Verdict(True, ("dmarc",))
    for method in ("dkim", "spf"):
        if any(one is not None and aligned(one, domain) for one in passes.get(method, ())):
            return Verdict(True, (method,))
    return Verdict(False, ("not aligned" if any(passes.values()) else "failed",))


def _contradicts(results: Sequence[Result]) -> bool:
    """A DMARC failure counts wherever it stands; a broken signature where no other one holds."""
    values = {(result.method, result.value) for result in results}
    return ("dmarc", "fail") in values or (("dkim", "fail") in values and ("dkim", "pass") not in values)


def _own(head: Head, authserv_id: str) -> Iterator[tuple[int, str]]:
    """The values with our server's name above the first Received of another house, with the stretch they stand in."""
    # The name ends before a version, a comment or the first result.
    named = re.compile(rf"{re.escape(authserv_id)}(?=[\s;(]|$)", re.IGNORECASE)
    stretch = 0
    for name, value in head.fields:
        if name == "received":
            stretch += 1
            if not _our_hop(value, authserv_id):
                return
        elif name == "authentication-results" and named.match(value):
            yield stretch, value


def _our_hop(received: str, authserv_id: str) -> bool:
    """Return whether a Received line was written in our own house: by the server itself, another host of its domain, or
    a host without a public name, such as the big providers have inside ("by 2002:a05:...", which is 10.5... in 6to4,
    RFC 3056).
    """
    by = _BY.search(_COMMENT.sub(" ", received[:LONGEST]))
    if not by:
        return True  # a local step such as "(qmail 4711 invoked by uid 89)"
    host = by[1].strip("[]").lower().removeprefix("ipv6:").removesuffix(".")
    try:
        address = ip_address(host)
    except ValueError:
        return host == authserv_id.lower() or bool(_OWN_HOPS.fullmatch(host)) or akin(host, authserv_id.lower())
    inner = address.sixtofour if isinstance(address, IPv6Address) else None
    return (inner or address).is_private


@cache
def _grammar() -> Any:
    return authres.all_features()


def _read(value: str) -> list[Result] | None:
    """The results in one header, None where it isn't RFC 8601's grammar."""
    if len(value) > LONGEST:
        return None
    try:
        header = _grammar().parse_value(value)
        found = [(result.method, result.result, result.properties) for result in header.results]
    except Exception:
        # The library's own errors, RecursionError for a thousand brackets, and whatever else a stranger's text finds.
        return None
    return [Result(method, value.lower(), _domain(method, properties)) for method, value, properties in found]


def _domain(method: str, properties: Sequence[Any]) -> str | None:
    for wanted in SAYS_WHO.get(method, ()):
        named = [str(one.value or "") for one in properties if (one.type, one.name) == wanted]
        if named:
            return ascii_domain(named[0].rpartition("@")[2]) if len(named) == 1 else None
    return None
