"""Authentication-Results (RFC 8601): what our own mail server found out about a mail, and nothing that others say.

A sender can write such a header with our server's name into the mail. A server should take it away (RFC 8601, section
5), not all do. What a sender wrote stands below the line with which our server took the mail in. So only these are
believed, read on the raw head from the top:

- those above the first Received that our server wrote, of two results of one method the upper one (Postfix with
  milters: one header for each). Where there is no such Received, or a line of another house stands above it, none;
- none at all where ours contradict each other, or can't be read: the part that breaks it may be the sender's work.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv6Address, ip_address
from typing import Any

import authres  # type: ignore[import-untyped]

from .domains import ascii_domain, is_aligned, shares_parent_domain
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
class Server:
    """Our own mail server: the name that its Authentication-Results begin with, and the hosts that its Received lines
    are written by, in lower case.
    """

    authserv_id: str
    received_by: frozenset[str]


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


def judge_results(head: Head, server: Server, domain: str) -> Verdict | None:
    """Return what the results of our own server say about a mail From: `domain` (ASCII); None where there are none."""
    own = _get_own_results(head, server)[: MOST + 1]
    if not own:
        return None
    read = [_read(value) for value in own]
    if len(own) > MOST or None in read:
        return Verdict(False, ("unreadable results",))
    headers = [results or [] for results in read]
    every = [result for results in headers for result in results]
    if _contradicts(every):
        passed = any(result.value == "pass" for result in every)
        return Verdict(False, ("results disagree" if passed else "failed",))
    return _of_the_upper(headers, domain)


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
        if any(one is not None and is_aligned(one, domain) for one in passes.get(method, ())):
            return Verdict(True, (method,))
    return Verdict(False, ("not aligned" if any(passes.values()) else "failed",))


def _contradicts(results: Sequence[Result]) -> bool:
    """A DMARC failure counts wherever it stands; a broken signature where no other one holds."""
    values = {(result.method, result.value) for result in results}
    return ("dmarc", "fail") in values or (("dkim", "fail") in values and ("dkim", "pass") not in values)


def _get_own_results(head: Head, server: Server) -> list[str]:
    """The values with our server's name above the first Received that it wrote."""
    # The name ends before a version, a comment or the first result.
    named = re.compile(rf"{re.escape(server.authserv_id)}(?=[\s;(]|$)", re.IGNORECASE)
    found: list[str] = []
    for name, value in head.fields:
        if name == "received":
            host = _get_receiving_host(value)
            if host in server.received_by:
                return found
            if not _is_own_hop(host, server.received_by):
                return []
        elif name == "authentication-results" and named.match(value):
            found.append(value)
    return []


def _get_receiving_host(header: str) -> str:
    """The host that wrote a Received line, "" for a local step such as "(qmail 4711 invoked by uid 89)"."""
    by = _BY.search(_COMMENT.sub(" ", header[:LONGEST]))
    return by[1].strip("[]").lower().removeprefix("ipv6:").removesuffix(".") if by else ""


def _is_own_hop(host: str, own_hosts: frozenset[str]) -> bool:
    """Return whether a step was made in our own house: without a host, by another host of the domain, or by one without
    a public name, such as the big providers have inside ("by 2002:a05:...", which is 10.5... in 6to4, RFC 3056).
    """
    try:
        address = ip_address(host)
    except ValueError:
        return not host or bool(_OWN_HOPS.fullmatch(host)) or any(shares_parent_domain(host, one) for one in own_hosts)
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
