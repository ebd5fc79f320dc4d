"""Outgoing HTTP requests, bounded in time and size.

They use plain http.client, which follows no redirects and uses no proxies, so that a secret only reaches the host that
the settings name. Response bodies are untrusted and never logged.

A URL that someone typed into a form must not reach the newsroom's own network (server-side request forgery, CWE-918).
Its host name is therefore resolved only once: every address must be public, and we connect to one of these addresses.
"""

import json
import ssl
import threading
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from socket import SHUT_RDWR, SOCK_STREAM, create_connection, getaddrinfo, socket
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from .public_addresses import is_public

IDLE_TIMEOUT = 10.0  # seconds without a byte
MAX_BODY_BYTES = 64 * 1024


class RequestFailed(Exception):
    """There is no usable response. The message is our own text, never the server's."""


class NoResponse(RequestFailed):
    """The server sent nothing for `IDLE_TIMEOUT`, or took longer than the timeout in total."""


class Forbidden(RequestFailed):
    """The URL is not allowed: it leads into a private network, isn't encrypted, or isn't HTTP."""


class UnreadableResponse(Exception):
    """The response has no readable content. The message is our own text, never the server's."""


class Response(NamedTuple):
    """A response. `retry_after` is the header Retry-After (RFC 9110, section 10.2.3); None unless it is in seconds."""

    status: int
    body: bytes
    retry_after: int | None


class _Deadline:
    """Shuts a socket down when `seconds` have passed.

    A socket's own timeout applies to each read: a server that trickles bytes could hold us for hours.
    """

    def __init__(self, seconds: float) -> None:
        self._passed = threading.Event()
        self._sockets: list[Any] = []
        self._timer = threading.Timer(seconds, self._shut_down)
        self._timer.daemon = True
        self._timer.start()

    @property
    def has_passed(self) -> bool:
        return self._passed.is_set()

    def watch(self, open_socket: Any) -> None:
        """Shut this socket down at the deadline. Raises TimeoutError if the deadline has passed."""
        # Keep a reference of our own: http.client drops its reference before the body is read.
        self._sockets.append(open_socket)
        if self.has_passed:
            raise TimeoutError

    def cancel(self) -> None:
        self._timer.cancel()

    def _shut_down(self) -> None:
        self._passed.set()
        for open_socket in self._sockets:
            with suppress(OSError):
                open_socket.shutdown(SHUT_RDWR)


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
    """POST a form or a `body`, or else GET the URL. Return the status and body of the response.

    See `send_request` for the other arguments and the errors.
    """
    if form is not None:
        body = urlencode(form).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
    response = send_request(url, headers, timeout, body=body, method=method, own_hosts=own_hosts)
    return response.status, response.body


def send_request(
    url: str,
    headers: Mapping[str, str] | None = None,
    timeout: float = 20.0,
    *,
    body: bytes | None = None,
    method: str = "",
    own_hosts: Collection[str] | None = None,
    max_bytes: int = MAX_BODY_BYTES,
) -> Response:
    """Send one request and return its response. A `body` is JSON unless `headers` says otherwise.

    `timeout` is in seconds, for the whole exchange. `method` defaults to POST with a `body` and to GET without one.

    Pass `own_hosts` for a URL that someone typed into a form. They are the hosts of the newsroom's own network to which
    the URL may lead (the setting OWN_HOSTS). Any other host must be public, and the URL must begin with https://.

    Raises `RequestFailed`, also for a response body of more than `max_bytes`.
    """
    host, port, is_encrypted, is_checked, path = parse_target(url, own_hosts)
    connection_class = HTTPSConnection if is_encrypted else HTTPConnection
    connection = connection_class(host, port, timeout=min(IDLE_TIMEOUT, timeout))
    deadline = _Deadline(timeout)
    json_type = {} if body is None else {"Content-Type": "application/json"}
    all_headers = {"Accept": "application/json", "Connection": "close", **json_type, **(headers or {})}
    try:
        connection.sock = connect(host, port, timeout, is_checked)
        if is_encrypted:
            # Wrapping replaces the socket: delay the handshake until the deadline applies to the new socket.
            context = ssl.create_default_context()
            connection.sock = context.wrap_socket(connection.sock, server_hostname=host, do_handshake_on_connect=False)
        deadline.watch(connection.sock)
        if isinstance(connection.sock, ssl.SSLSocket):
            connection.sock.do_handshake()
        connection.request(method or ("GET" if body is None else "POST"), path, body, all_headers)
        response = connection.getresponse()
        response_body = response.read(max_bytes + 1)
        retry_after = response.getheader("Retry-After", "").strip()
    except TimeoutError:
        message = "it took too long to answer" if deadline.has_passed else "it kept silent for too long"
        raise NoResponse(message) from None
    except (OSError, HTTPException, UnicodeError, ValueError) as error:
        if deadline.has_passed:
            raise NoResponse("it took too long to answer") from None
        raise RequestFailed(f"it can't be reached ({type(error).__name__})") from None
    finally:
        deadline.cancel()
        connection.close()
    if deadline.has_passed:
        raise NoResponse("it took too long to answer")
    if len(response_body) > max_bytes:
        raise RequestFailed("its answer is too large")
    return Response(response.status, response_body, _parse_seconds(retry_after))


def _parse_seconds(retry_after: str) -> int | None:
    """Return the seconds of a Retry-After header, or None if it contains a date or anything else."""
    is_number = retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 9
    return int(retry_after) if is_number else None


class Target(NamedTuple):
    """The parts of a URL. If `is_checked`, all addresses of its host must be public."""

    host: str
    port: int
    is_encrypted: bool
    is_checked: bool
    path: str


def parse_target(url: str, own_hosts: Collection[str] | None = None) -> Target:
    """Split a URL. See `send_request` for `own_hosts`.

    Raises `RequestFailed` for an invalid URL, and `Forbidden` if it isn't HTTP, or should begin with https:// but
    doesn't.
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
    """Validate a URL that someone typed into a form, without sending a request. Raises `RequestFailed`."""
    target = parse_target(url, own_hosts)
    try:
        resolve_addresses(target.host, target.port, target.is_checked)
    except (OSError, UnicodeError):
        raise RequestFailed("nothing has that name") from None


def resolve_addresses(host: str, port: int, is_checked: bool) -> list[str]:
    """Return the IP addresses of a host.

    Raises `Forbidden` if `is_checked` and any of them is not public, and OSError or UnicodeError if the name can't be
    resolved.
    """
    results = getaddrinfo(host, port, type=SOCK_STREAM)
    # The last item of each result is a socket address: a tuple that begins with the IP address.
    addresses = [str(socket_address[0]) for *_, socket_address in results]
    if is_checked and not all(is_public(address) for address in addresses):
        raise Forbidden("it leads into a network that is not public")
    return addresses


def connect(host: str, port: int, timeout: float, is_checked: bool) -> socket:
    """Connect to the first address of a host that accepts, within `timeout` seconds in total.

    Raises `Forbidden`, UnicodeError, or OSError (including TimeoutError).
    """
    deadline = time.monotonic() + timeout
    last_error = OSError()
    for address in resolve_addresses(host, port, is_checked):
        seconds_left = deadline - time.monotonic()
        if seconds_left <= 0:
            raise TimeoutError
        try:
            connected_socket = create_connection((address, port), min(IDLE_TIMEOUT, seconds_left))
        except OSError as error:
            last_error = error
        else:
            connected_socket.settimeout(min(IDLE_TIMEOUT, timeout))
            return connected_socket
    raise last_error


def parse_object(status: int, body: bytes) -> dict[str, Any]:
    """Parse a response body as a JSON object. Raises `UnreadableResponse`, also for a redirect."""
    if 300 <= status < 400:
        raise UnreadableResponse("it sends us elsewhere, and nobody follows")
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise UnreadableResponse(f"its answer ({status}) can't be read")
    return parsed
