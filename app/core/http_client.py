"""Requests of ours to servers of others: one address, one answer, in bounded time and size.

Plain http.client: it follows no redirect, knows no other scheme and no proxy, so a secret goes where the settings say
and nowhere else. What is answered is somebody else's text, and never quoted in a log.

An address that somebody typed on a page of ours must not lead into the newsroom's own network (server-side request
forgery, CWE-918): its name is looked up once, every address behind it has to be a public one, and the line goes to
what was looked at.
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
# Behind these stands an IPv4 address: in the first its last 32 bits, where a network has no other (RFC 6052); in the
# others some machine in between decides where it leads (RFC 8215, 7526, 4380 and 4291).
TRANSLATED = IPv6Network("64:ff9b::/96")
CARRIERS = tuple(IPv6Network(one) for one in ("64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96"))


class RequestFailed(Exception):
    """There was no answer; the words are ours."""


class NoResponse(RequestFailed):
    """It kept silent for too long, or was too slow."""


class Forbidden(RequestFailed):
    """The address leads where nobody may send us: into a network that is not public, or there in the clear."""


class UnreadableResponse(Exception):
    """The answer is none that can be used; the words are ours."""


class Answer(NamedTuple):
    """A status, a body, and in how many seconds its server wants to be asked again, where it says so (RFC 9110, section
    10.2.3); a date there is left alone."""

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
    """Return the status and the body of an answer: to a form or a `body` that is sent, or to a page that is asked for.

    The rest is as in `send_request`.
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
    """Return what is answered to a `body` that is sent, JSON where `headers` says nothing else, or to a page.

    `timeout` is in seconds, for the whole answer. `method` is POST where something is sent, unless it says otherwise,
    and else GET. `own_hosts` is for an address that somebody typed on a page: the hosts of the newsroom's own network
    that it may lead to (the setting OWN_HOSTS); everywhere else it has to begin with https:// and be public. An answer
    of more than `largest` bytes is none. Raises `RequestFailed`.
    """
    host, port, is_encrypted, is_checked, path = parse_target(url, own_hosts)
    stall = min(STALL, timeout)
    line = (HTTPSConnection if is_encrypted else HTTPConnection)(host, port, timeout=stall)
    too_late = threading.Event()
    sockets: list[Any] = []

    def cut() -> None:
        """A time limit is for each byte: a server that sends one now and then would hold us for hours."""
        too_late.set()
        for one in sockets:
            with suppress(OSError):
                one.shutdown(SHUT_RDWR)

    watch = threading.Timer(timeout, cut)
    watch.daemon = True
    watch.start()
    usual = {"Accept": "application/json", "Connection": "close"}
    if body is not None:
        usual["Content-Type"] = "application/json"
    try:
        line.sock = connect(host, port, timeout, is_checked)
        if is_encrypted:
            # It takes over the socket, so the handshake waits until there is something that can be cut.
            context = ssl.create_default_context()
            line.sock = context.wrap_socket(line.sock, server_hostname=host, do_handshake_on_connect=False)
        sockets.append(line.sock)  # kept here too: the library lets go of it before the answer is read
        if too_late.is_set():  # it was too early to cut anything
            raise TimeoutError
        if isinstance(line.sock, ssl.SSLSocket):
            line.sock.do_handshake()
        line.request(method or ("GET" if body is None else "POST"), path, body, {**usual, **(headers or {})})
        answer = line.getresponse()
        found, again = answer.read(largest + 1), answer.getheader("Retry-After", "").strip()
    except TimeoutError:
        said = "it took too long to answer" if too_late.is_set() else "it kept silent for too long"
        raise NoResponse(said) from None
    except (OSError, HTTPException, UnicodeError, ValueError) as error:
        if too_late.is_set():
            raise NoResponse("it took too long to answer") from None
        raise RequestFailed(f"it can't be reached ({type(error).__name__})") from None
    finally:
        watch.cancel()
        line.close()
    if too_late.is_set():
        raise NoResponse("it took too long to answer")
    if len(found) > largest:
        raise RequestFailed("its answer is too large")
    return Answer(answer.status, found, int(again) if again.isascii() and again.isdigit() and len(again) < 9 else None)


class Target(NamedTuple):
    """An address, taken apart. One that `is_checked` has to be public."""

    host: str
    port: int
    is_encrypted: bool
    is_checked: bool
    path: str


def parse_target(url: str, own_hosts: Collection[str] | None = None) -> Target:
    """Take an address apart; `own_hosts` is what `request` takes. Raises `RequestFailed`, and `Forbidden` where it
    isn't one of the web, or has to begin with https:// and doesn't.
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
    return Target(host, port, is_encrypted, is_checked, f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}")


def check_url(url: str, own_hosts: Collection[str]) -> None:
    """Look whether an address that somebody typed can be asked at all, without asking it. Raises `RequestFailed`."""
    one = parse_target(url, own_hosts)
    try:
        resolve_addresses(one.host, one.port, one.is_checked)
    except (OSError, UnicodeError):
        raise RequestFailed("nothing has that name") from None


def resolve_addresses(host: str, port: int, is_checked: bool) -> list[str]:
    """Return the addresses behind a name, looked up once. Raises `Forbidden` where `is_checked` and one of them is not
    public, and OSError."""
    found = [str(place[0]) for *_, place in getaddrinfo(host, port, type=SOCK_STREAM)]
    if is_checked and not all(is_public(address) for address in found):
        raise Forbidden("it leads into a network that is not public")
    return found


def connect(host: str, port: int, timeout: float, is_checked: bool) -> socket:
    """Return a line to a host, for which all its addresses together have `timeout` seconds. Raises what
    `resolve_addresses` raises."""
    until, failed = time.monotonic() + timeout, OSError()
    for address in resolve_addresses(host, port, is_checked):
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        try:
            line = create_connection((address, port), min(STALL, left))
        except OSError as error:
            failed = error
        else:
            line.settimeout(min(STALL, timeout))
            return line
    raise failed


def is_public(address: str) -> bool:
    """Return whether an IP address can be reached from everywhere (the IANA's special-purpose registries), and hides
    none that can't."""
    found: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        if any(found in one for one in CARRIERS) or found.is_site_local:
            return False
        if found.ipv4_mapped or found in TRANSLATED:
            found = IPv4Address(int(found) & 0xFFFF_FFFF)
    return found.is_global and not found.is_multicast


def parse_object(status: int, body: bytes) -> dict[str, Any]:
    """Return the JSON object in an answer. Raises `UnreadableResponse` where it has none, or sends us elsewhere."""
    if 300 <= status < 400:
        raise UnreadableResponse("it sends us elsewhere, and nobody follows")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise UnreadableResponse(f"its answer ({status}) can't be read")
    return found
