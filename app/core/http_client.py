"""Outgoing HTTP requests: one URL, one response, bounded in time and size.

This is plain http.client, without redirects, other schemes or proxies, so a secret only reaches the host that the
settings name. Response bodies are untrusted text and are never logged.

A URL that someone typed into a form must not reach the newsroom's own network (server-side request forgery, CWE-918):
its name is resolved once, every resolved address must be public, and the connection goes to one of those addresses.
"""

import json
import ssl
import threading
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from socket import SHUT_RDWR, SOCK_STREAM, create_connection, getaddrinfo, socket
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

STALL = 10.0  # seconds without a byte
LARGEST = 64 * 1024  # bytes of an answer
# IPv6 ranges that lead to an IPv4 address. In the first it is the last 32 bits (RFC 6052); in the others a machine on
# the way decides where it leads (RFC 8215, 7526, 4380 and 4291).
TRANSLATED = IPv6Network("64:ff9b::/96")
CARRIERS = tuple(IPv6Network(network) for network in ("64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96"))


class RequestFailed(Exception):
    """There was no usable response. The message is ours, never the server's."""


class NoResponse(RequestFailed):
    """The server sent nothing for too long, or took too long in total."""


class Forbidden(RequestFailed):
    """The URL is not allowed: it leads into a non-public network, or isn't encrypted, or has another scheme."""


class UnreadableResponse(Exception):
    """The response can't be used. The message is ours, never the server's."""


class Answer(NamedTuple):
    """A response. `again_in` is its Retry-After in seconds (RFC 9110, section 10.2.3); None if absent or a date."""

    status: int
    body: bytes
    again_in: int | None


def request(
    url: str,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 20.0,
    *,
    body: bytes | None = None,
    method: str = "",
    own_hosts: Collection[str] | None = None,
) -> tuple[int, bytes]:
    """Send a form or a `body`, or get a page; return the status and body of the response.

    All other arguments and errors are those of `send_request`.
    """
    if form is not None:
        body = urlencode(form).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
    return send_request(url, headers, timeout, body=body, method=method, own_hosts=own_hosts)[:2]


def send_request(
    url: str,
    headers: Mapping[str, str] | None = None,
    timeout: float = 20.0,
    *,
    body: bytes | None = None,
    method: str = "",
    own_hosts: Collection[str] | None = None,
    largest: int = LARGEST,
) -> Answer:
    """Send one request and return its response. A `body` is JSON unless `headers` says otherwise.

    `timeout` is in seconds, for the whole exchange. `method` defaults to POST with a `body` and to GET without one.
    Pass `own_hosts` for a URL that someone typed into a form: the hosts of the newsroom's own network that it may name
    (the setting OWN_HOSTS); any other must begin with https:// and be public. Raises `RequestFailed`, also for a
    response body of more than `largest` bytes.
    """
    host, port, is_encrypted, is_checked, path = parse_target(url, own_hosts)
    stall = min(STALL, timeout)
    connection = (HTTPSConnection if is_encrypted else HTTPConnection)(host, port, timeout=stall)
    too_late = threading.Event()
    sockets: list[Any] = []

    def shut_down() -> None:
        # A socket's timeout applies to each read: a server that trickles bytes could hold us for hours.
        too_late.set()
        for open_socket in sockets:
            with suppress(OSError):
                open_socket.shutdown(SHUT_RDWR)

    timer = threading.Timer(timeout, shut_down)
    timer.daemon = True
    timer.start()
    json_type = {} if body is None else {"Content-Type": "application/json"}
    all_headers = {"Accept": "application/json", "Connection": "close", **json_type, **(headers or {})}
    try:
        connection.sock = connect(host, port, timeout, is_checked)
        if is_encrypted:
            # Wrapping replaces the socket, so delay the handshake until `shut_down` can reach the new one.
            context = ssl.create_default_context()
            connection.sock = context.wrap_socket(connection.sock, server_hostname=host, do_handshake_on_connect=False)
        # A reference of our own: the library drops its reference before the body is read.
        sockets.append(connection.sock)
        if too_late.is_set():  # the timer fired before there was a socket to shut down
            raise TimeoutError
        if isinstance(connection.sock, ssl.SSLSocket):
            connection.sock.do_handshake()
        connection.request(method or ("GET" if body is None else "POST"), path, body, all_headers)
        response = connection.getresponse()
        response_body = response.read(largest + 1)
        retry_after = response.getheader("Retry-After", "").strip()
    except TimeoutError:
        message = "it took too long to answer" if too_late.is_set() else "it kept silent for too long"
        raise NoResponse(message) from None
    except (OSError, HTTPException, UnicodeError, ValueError) as error:
        if too_late.is_set():
            raise NoResponse("it took too long to answer") from None
        raise RequestFailed(f"it can't be reached ({type(error).__name__})") from None
    finally:
        timer.cancel()
        connection.close()
    if too_late.is_set():
        raise NoResponse("it took too long to answer")
    if len(response_body) > largest:
        raise RequestFailed("its answer is too large")
    return Answer(response.status, response_body, again_in=_parse_seconds(retry_after))


def _parse_seconds(retry_after: str) -> int | None:
    """Return the seconds of a Retry-After header, or None if it has a date or anything else."""
    is_number = retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 9
    return int(retry_after) if is_number else None


class Target(NamedTuple):
    """The parts of a URL. With `is_checked`, its host must resolve to public addresses only."""

    host: str
    port: int
    is_encrypted: bool
    is_checked: bool
    path: str


def parse_target(url: str, own_hosts: Collection[str] | None = None) -> Target:
    """Split a URL; `own_hosts` is that of `send_request`. Raises `RequestFailed` for an invalid URL, and `Forbidden`
    for one that isn't HTTP, or that must begin with https:// and doesn't.
    """
    try:
        parts = urlsplit(url)
        host, is_encrypted = parts.hostname or "", parts.scheme == "https"
        port = parts.port or (443 if is_encrypted else 80)
    except ValueError:
        raise RequestFailed("it is no address") from None
    is_checked = own_hosts is not None and host.lower() not in own_hosts
    if parts.scheme not in ("https", "http") or (is_checked and not is_encrypted):
        raise Forbidden("its address doesn't begin with https://")
    path = parts.path or "/"
    if parts.query:
        path += f"?{parts.query}"
    return Target(host, port, is_encrypted, is_checked, path)


def check_url(url: str, own_hosts: Collection[str]) -> None:
    """Validate a URL that someone typed, without sending a request. Raises `RequestFailed`."""
    target = parse_target(url, own_hosts)
    try:
        resolve_addresses(target.host, target.port, target.is_checked)
    except (OSError, UnicodeError):
        raise RequestFailed("nothing has that name") from None


def resolve_addresses(host: str, port: int, is_checked: bool) -> list[str]:
    """Resolve a host name once. Raises `Forbidden` if `is_checked` and any address is not public; raises OSError or
    UnicodeError if the name can't be resolved."""
    # The last item of each result is a socket address, which begins with the IP address.
    addresses = [str(socket_address[0]) for *_, socket_address in getaddrinfo(host, port, type=SOCK_STREAM)]
    if is_checked and not all(is_public(address) for address in addresses):
        raise Forbidden("it leads into a network that is not public")
    return addresses


def connect(host: str, port: int, timeout: float, is_checked: bool) -> socket:
    """Connect to a host, trying its addresses within `timeout` seconds in total. Raises `Forbidden`, UnicodeError, or
    OSError (TimeoutError among them)."""
    deadline = time.monotonic() + timeout
    last_error = OSError()
    for address in resolve_addresses(host, port, is_checked):
        seconds_left = deadline - time.monotonic()
        if seconds_left <= 0:
            raise TimeoutError
        try:
            connected_socket = create_connection((address, port), min(STALL, seconds_left))
        except OSError as error:
            last_error = error
        else:
            connected_socket.settimeout(min(STALL, timeout))
            return connected_socket
    raise last_error


def is_public(address: str) -> bool:
    """Return whether an IP address is globally reachable by IANA's special-purpose registries, and so is any IPv4
    address embedded in it."""
    without_zone = address.partition("%")[0]  # "fe80::1%eth0" is in the zone "eth0"
    ip: IPv4Address | IPv6Address = ip_address(without_zone)
    if isinstance(ip, IPv6Address):
        if any(ip in network for network in CARRIERS) or ip.is_site_local:
            return False
        if ip.ipv4_mapped or ip in TRANSLATED:
            ip = IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip.is_global and not ip.is_multicast


def parse_object(status: int, body: bytes) -> dict[str, Any]:
    """Parse a response body as a JSON object. Raises `UnreadableResponse` if it is none, or the status redirects."""
    if 300 <= status < 400:
        raise UnreadableResponse("it sends us elsewhere, and nobody follows")
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise UnreadableResponse(f"its answer ({status}) can't be read")
    return parsed
