"""Authentication-Results (RFC 8601) of our own mail server, the only ones that are trusted.

A sender can forge such a header with our server's name. Servers should remove forged ones (RFC 8601, section 5), but
not all do. Forged headers are below the Received line that our server added on receipt. So, reading the raw head from
the top:

- Only headers above our server's first Received line count. Without such a line, or with one of a foreign host above
  it, none count.
- Of two headers with results for the same method, the upper one counts. (Postfix with milters adds a header for each.)
- If our results contradict each other or can't be parsed, none count: the sender may have caused that.
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

MAX_LENGTH = 4096  # characters of one header; real ones have up to two thousand
MAX_HEADERS = 20  # headers with our server's name
# The properties of each method that name the authenticated domain, in order of preference.
DOMAIN_PROPERTIES = {
    "dmarc": (("header", "from"),),
    "dkim": (("header", "d"), ("header", "i")),
    "spf": (("smtp", "mailfrom"),),
}

_COMMENT = re.compile(r"\([^()]*\)")
_BY = re.compile(r"(?:^|\s)by\s+([^\s;]+)", re.IGNORECASE)
_LOCAL_HOST = re.compile(r"localhost(?:\.localdomain)?|.*\.localhost|.*\.internal", re.IGNORECASE)


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
class SenderVerdict:
    """The verdict on a mail's sender. `reasons` are codes: if `ok`, the method that proved the expected sender."""

    ok: bool
    reasons: tuple[str, ...]


def judge_results(head: Head, server: Server, domain: str) -> SenderVerdict | None:
    """Judge a mail with `domain` (ASCII) in From by our own server's results; None if there are none."""
    values = _get_own_results(head, server)
    if not values:
        return None
    headers = [_parse_results(value) for value in values[:MAX_HEADERS]]
    valid_headers = [results for results in headers if results is not None]
    if len(values) > MAX_HEADERS or len(valid_headers) < len(headers):
        return SenderVerdict(False, ("unreadable results",))
    all_results = [result for results in valid_headers for result in results]
    if _contradicts(all_results):
        has_passed = any(result.value == "pass" for result in all_results)
        return SenderVerdict(False, ("results disagree" if has_passed else "failed",))
    return _judge_topmost_results(valid_headers, domain)


def _judge_topmost_results(headers: Sequence[Sequence[Result]], domain: str) -> SenderVerdict:
    """Judge by the results of the topmost header for each method."""
    topmost: dict[str, list[Result]] = {}
    for results in headers:
        for method in DOMAIN_PROPERTIES.keys() - topmost.keys():
            if of_method := [result for result in results if result.method == method]:
                topmost[method] = of_method
    passed_domains = {
        method: [result.domain for result in results if result.value == "pass"] for method, results in topmost.items()
    }
    if passed_domains.get("dmarc") == [domain] and len(topmost["dmarc"]) == 1:
        return SenderVerdict(True, ("dmarc",))
    for method in ("dkim", "spf"):
        for passed_domain in passed_domains.get(method, ()):
            if passed_domain is not None and is_aligned(passed_domain, domain):
                return SenderVerdict(True, (method,))
    return SenderVerdict(False, ("not aligned" if any(passed_domains.values()) else "failed",))


def _contradicts(results: Sequence[Result]) -> bool:
    """Return whether there is any DMARC failure, or a failed DKIM signature without a valid one."""
    values = {(result.method, result.value) for result in results}
    return ("dmarc", "fail") in values or (("dkim", "fail") in values and ("dkim", "pass") not in values)


def _get_own_results(head: Head, server: Server) -> list[str]:
    """Return the results under our server's name above the first Received line that it wrote, topmost first.

    None count without such a line, or with one of a foreign host above it.
    """
    # The name is followed by a version, a comment or the first result.
    own_name = re.compile(rf"{re.escape(server.authserv_id)}(?=[\s;(]|$)", re.IGNORECASE)
    own_results: list[str] = []
    for name, value in head.fields:
        if name == "received":
            host = _get_receiving_host(value)
            if host in server.received_by:
                return own_results
            if not _is_own_hop(host, server.received_by):
                return []
        elif name == "authentication-results" and own_name.match(value):
            own_results.append(value)
    return []


def _get_receiving_host(header: str) -> str:
    """Return the host that wrote a Received line, "" for a local hop such as "(qmail 4711 invoked by uid 89)"."""
    match = _BY.search(_COMMENT.sub(" ", header[:MAX_LENGTH]))
    return match[1].strip("[]").lower().removeprefix("ipv6:").removesuffix(".") if match else ""


def _is_own_hop(host: str, own_hosts: frozenset[str]) -> bool:
    """Return whether a hop is internal: without a host, by another host of our domain, or by a private host."""
    try:
        address = ip_address(host)
    except ValueError:
        is_local = not host or bool(_LOCAL_HOST.fullmatch(host))
        return is_local or any(shares_parent_domain(host, own_host) for own_host in own_hosts)
    # Large providers have private hosts such as "by 2002:a05:...", which is 10.5... in 6to4 (RFC 3056).
    ipv4_address = address.sixtofour if isinstance(address, IPv6Address) else None
    return (ipv4_address or address).is_private


@cache
def _grammar() -> Any:
    return authres.all_features()


def _parse_results(value: str) -> list[Result] | None:
    """Parse the results in one header; None if it is invalid (RFC 8601)."""
    if len(value) > MAX_LENGTH:
        return None
    try:
        header = _grammar().parse_value(value)
        fields = [(result.method, result.result, result.properties) for result in header.results]
    except Exception:
        # The library's own errors, RecursionError for nested brackets, and whatever else untrusted input triggers.
        return None
    return [Result(method, value.lower(), _get_domain(method, properties)) for method, value, properties in fields]


def _get_domain(method: str, properties: Sequence[Any]) -> str | None:
    """Return the domain that a result authenticates; None if it names none, or more than one by the same property."""
    for type_and_name in DOMAIN_PROPERTIES.get(method, ()):
        values = [str(item.value or "") for item in properties if (item.type, item.name) == type_and_name]
        if values:
            return ascii_domain(values[0].rpartition("@")[2]) if len(values) == 1 else None
    return None
