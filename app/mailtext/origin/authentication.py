"""Authentication-Results (RFC 8601) of our own mail server, the only ones that are trusted.

A sender can forge such a header with our server's name. Servers should remove forged ones (RFC 8601, section 5), but
not all do. Forged headers are below the Received line that our server added on receipt. So, reading the raw head from
the top:

- only headers above the first Received of our server count, and of two results for one method the upper one (Postfix
  with milters adds one header for each). Without such a Received, or with one of a foreign host above it, none count;
- if our results contradict each other or can't be parsed, none count: the sender may have caused that.
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

LONGEST = 4096  # characters of one header; real ones have up to two thousand
MOST = 20  # headers with our server's name
SAYS_WHO = {  # the properties of each method that name the authenticated domain, in order of preference
    "dmarc": (("header", "from"),),
    "dkim": (("header", "d"), ("header", "i")),
    "spf": (("smtp", "mailfrom"),),
}

_COMMENT = re.compile(r"\([^()]*\)")
_BY = re.compile(r"(?:^|\s)by\s+([^\s;]+)", re.IGNORECASE)
_OWN_HOPS = re.compile(r"localhost(?:\.localdomain)?|.*\.localhost|.*\.internal", re.IGNORECASE)


@dataclass(frozen=True)
class Server:
    """Our own mail server: its authserv-id (RFC 8601, section 2.5), and the hosts in its Received lines, lower case."""

    authserv_id: str
    received_by: frozenset[str]


@dataclass(frozen=True)
class Result:
    """One authentication result. `domain` is None if the result names no domain, or more than one."""

    method: str
    value: str
    domain: str | None


@dataclass(frozen=True)
class Verdict:
    """The verdict on a mail's sender. `reasons` are codes; if `ok`, the method that proved the expected sender."""

    ok: bool
    reasons: tuple[str, ...]


def judge_results(head: Head, server: Server, domain: str) -> Verdict | None:
    """Judge a mail From: `domain` (ASCII) by our own server's results; None if there are none."""
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
    """Return whether there is any DMARC failure, or a failed DKIM signature without a valid one."""
    values = {(result.method, result.value) for result in results}
    return ("dmarc", "fail") in values or (("dkim", "fail") in values and ("dkim", "pass") not in values)


def _get_own_results(head: Head, server: Server) -> list[str]:
    """Return the values with our server's name above the first Received that it wrote."""
    # The name is followed by a version, a comment or the first result.
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
    """Return the host that wrote a Received line, "" for a local hop such as "(qmail 4711 invoked by uid 89)"."""
    by = _BY.search(_COMMENT.sub(" ", header[:LONGEST]))
    return by[1].strip("[]").lower().removeprefix("ipv6:").removesuffix(".") if by else ""


def _is_own_hop(host: str, own_hosts: frozenset[str]) -> bool:
    """Return whether a hop is internal: without a host, by another host of our domain, or by a private host.

    Large providers have private hosts such as "by 2002:a05:...", which is 10.5... in 6to4 (RFC 3056).
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
    """Parse the results in one header; None if it is invalid (RFC 8601)."""
    if len(value) > LONGEST:
        return None
    try:
        header = _grammar().parse_value(value)
        found = [(result.method, result.result, result.properties) for result in header.results]
    except Exception:
        # The library's own errors, RecursionError for nested brackets, and whatever else untrusted input triggers.
        return None
    return [Result(method, value.lower(), _domain(method, properties)) for method, value, properties in found]


def _domain(method: str, properties: Sequence[Any]) -> str | None:
    for wanted in SAYS_WHO.get(method, ()):
        named = [str(one.value or "") for one in properties if (one.type, one.name) == wanted]
        if named:
            return ascii_domain(named[0].rpartition("@")[2]) if len(named) == 1 else None
    return None
