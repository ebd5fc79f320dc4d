"""The page server, based on waitress: one thread handles all connections, and a worker thread only gets requests that
have been received completely, so slow clients never block one."""

import logging
import os
import resource
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher, WSGITask

from ..core.clock import unix_time

THREADS = 8  # requests that one process answers at once
FORMS = 5  # how many of them may be POSTs: one more than may wait for a slow writer (db/sqlite.py)
CONNECTIONS = 1000  # per process; above that the oldest idle one is closed
IDLE_TIMEOUT = 30  # seconds without a byte to or from a client
REQUEST_TIMEOUT = 120  # seconds to receive a request: enough for the largest upload at 2 Mbit/s
HEAD = 32 * 1024  # bytes of a request line with its headers
BODY = 28 * 1024 * 1024  # bytes of the largest body, a mail by webhook; each page has a limit of its own
IN_MEMORY = 64 * 1024  # bytes of a body, or of an unread response, above which it goes into a file
FILES = 4 * CONNECTIONS
WAITING = 1024  # connections that the operating system queues until they are accepted
HOLD = "readers_asked.hold"  # key in the WSGI environ of the function that delays the response
SWITCH = 0.0005  # seconds between thread switches (see `serve`)
PARTING = 5.0  # seconds that requests in flight get to finish when the server stops

# It would log every peak of traffic.
logging.getLogger("waitress.queue").setLevel(logging.ERROR)

SETTINGS = Adjustments(
    connection_limit=2 * CONNECTIONS,  # never reached: see `Pages.handle_accept`
    cleanup_interval=5,
    max_request_header_size=HEAD,
    max_request_body_size=BODY,
    inbuf_overflow=IN_MEMORY,
    outbuf_overflow=IN_MEMORY,
    backlog=WAITING,
    log_socket_errors=False,
    clear_untrusted_proxy_headers=False,  # ProxyFix handles them (the setting TRUSTED_PROXIES)
    server_name="no-host.invalid",  # for requests without a Host header
    ident="",
)


class SingleRequestParser(HTTPRequestParser):
    """A parser without pipelining: it discards what follows a request and closes the connection after the response
    (RFC 9112, section 9.3.2, allows that). Unread pipelined responses would pile up and block a thread."""

    def received(self, data: bytes) -> int:
        used: int = super().received(data)
        if self.completed and used < len(data):
            self.headers["CONNECTION"] = "close"
        return len(data) if self.completed else used


class ResponseTask(WSGITask):
    def get_environment(self) -> dict[str, Any]:
        return {**super().get_environment(), HOLD: self.channel.delay_response_until}

    def set_close_on_finish(self) -> None:
        """Mark the connection for closing, unless only because the response has no body, which needs no Content-Length
        (RFC 9112, section 6.3)."""
        wanted = self.version == "1.0" or self.request.headers.get("CONNECTION", "").lower() == "close"
        if self.has_body or wanted:
            super().set_close_on_finish()


class Connection(HTTPChannel):
    parser_class, task_class = SingleRequestParser, ResponseTask
    began = 0.0  # when the first byte of the current request arrived
    not_before = 0.0  # by time.monotonic(): no byte of the response is sent earlier

    def delay_response_until(self, not_before: float) -> None:
        self.not_before = not_before
        self.server.held.add(self)

    def writable(self) -> bool:
        return time.monotonic() >= self.not_before and bool(super().writable())

    def send(self, data: bytes, do_close: bool = True) -> int:
        """Send nothing while the response is delayed, as if the client's window were full."""
        return int(super().send(data, do_close)) if time.monotonic() >= self.not_before else 0

    def received(self, data: bytes) -> bool:
        if self.request is None:
            self.began = unix_time()
        return bool(super().received(data))


@dataclass(frozen=True)
class Sent:
    """The task of answering a POST, which calls `answered` when done."""

    connection: Connection
    answered: Callable[[], None]

    def service(self) -> None:
        try:
            self.connection.service()
        finally:
            self.answered()

    def cancel(self) -> None:
        self.connection.cancel()


class PagesFirst(ThreadedTaskDispatcher):
    """A dispatcher that answers at most `FORMS` requests other than GET and HEAD at once, in order of arrival.

    In a flood of letters, pages still get a thread at once and share the processor with few others; letters have to
    wait for their turn to write anyway.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waiting, self.taken = deque[Connection](), 0

    def add_task(self, task: Connection) -> None:
        if getattr(task.requests[0], "command", "GET") in ("GET", "HEAD"):
            super().add_task(task)
            return
        with self.lock:
            self.waiting.append(task)
        self._take()

    def _take(self) -> None:
        with self.lock:
            if self.taken == FORMS or not self.waiting:
                return
            self.taken += 1
            one = self.waiting.popleft()
        super().add_task(Sent(one, self._release))

    def _release(self) -> None:
        with self.lock:
            self.taken -= 1
        self._take()


class Pages(TcpWSGIServer):
    """waitress' server, but it never stops accepting connections, and enforces `REQUEST_TIMEOUT`."""

    channel_class = Connection

    def __init__(self, app: Callable[..., Any], listener: socket.socket, dispatcher: ThreadedTaskDispatcher) -> None:
        self.listener = listener
        self.sockets: dict[int, wasyncore.dispatcher] = {}  # by file number: the listener and all connections
        self.held: set[Connection] = set()  # those with a delayed response
        # With AF_INET6 waitress would set IPV6_V6ONLY, which fails on a socket that is already bound.
        address = (socket.AF_UNSPEC, listener.type, listener.proto, listener.getsockname())
        super().__init__(
            app, map=self.sockets, dispatcher=dispatcher, adj=SETTINGS, sockinfo=address, bind_socket=False
        )

    def create_socket(self, *_: object) -> None:
        """Use the listener, which several processes share, instead of a new socket."""
        self.listener.setblocking(False)
        self.set_socket(self.listener)

    def handle_accept(self) -> None:
        """Accept all waiting connections at once, since every round of the loop iterates over all open ones.

        Above `CONNECTIONS`, close the oldest connection without a request.
        """
        taken = True
        while taken:
            before = len(self.active_channels)
            super().handle_accept()
            taken = len(self.active_channels) > before
            if len(self.active_channels) > CONNECTIONS:
                idle = (channel for channel in self.active_channels.values() if not channel.requests)
                if oldest := min(idle, key=lambda channel: channel.creation_time, default=None):
                    oldest.handle_close()

    def maintenance(self, now: float) -> None:
        """Close connections idle for `IDLE_TIMEOUT`, even with an unread response, and those whose request takes longer
        than `REQUEST_TIMEOUT` to arrive."""
        for channel in list(self.active_channels.values()):
            is_silent = not channel.requests and channel.last_activity < now - IDLE_TIMEOUT
            if is_silent or (channel.request is not None and channel.began < now - REQUEST_TIMEOUT):
                channel.handle_close()

    def poll_once(self, seconds: float) -> None:
        """Handle what is ready on any connection, waiting up to `seconds` for the first event."""
        now = time.monotonic()
        for connection in list(self.held):
            seconds = min(seconds, max(0.0, connection.not_before - now))
            if connection.not_before <= now:
                self.held.discard(connection)
        wasyncore.loop(seconds, use_poll=True, map=self.sockets, count=1)

    def is_at_work(self) -> bool:
        """Return whether a request is being answered or a response is waiting to be sent."""
        return any(one.requests or one.total_outbufs_len for one in list(self.active_channels.values()))


def listen(address: str, port: int) -> socket.socket:
    """Return a listening socket, which several processes can share. `address` is one of this machine, such as 127.0.0.1
    or [::]. Raises OSError.
    """
    host = address.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=WAITING)


def answer_at(environ: dict[str, Any], not_before: float) -> None:
    """Delay the response to a request until `not_before`, by time.monotonic(). This blocks a thread only on a server
    other than ours."""
    if HOLD in environ:
        environ[HOLD](not_before)
    else:
        time.sleep(max(0.0, not_before - time.monotonic()))


def pages_of(app: Callable[..., Any], listener: socket.socket) -> Pages:
    """Create a server for a WSGI app, with its threads; each `poll_once` handles what is ready."""
    threads = PagesFirst()
    threads.set_thread_count(THREADS)
    return Pages(app, listener, threads)


def serve(app: Callable[..., Any], listener: socket.socket) -> None:
    """Serve an app at `listener` until SIGTERM or SIGINT, or until the parent process is gone; then finish the requests
    in flight, for up to `PARTING` seconds.

    Python's switch interval is lowered from 5 ms to `SWITCH`: a writing thread releases the GIL at every statement and
    has to wait to get it back, and all later writers wait with it.
    """
    _make_room()
    sys.setswitchinterval(SWITCH)
    pages = pages_of(app, listener)
    parent, stopped = os.getppid(), threading.Event()

    def stop(*_: Any) -> None:
        stopped.set()
        pages.pull_trigger()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    while not stopped.is_set() and os.getppid() == parent:
        pages.poll_once(1.0)
    pages.accepting = False
    pages.del_channel()  # new connections are left to other processes
    until = time.monotonic() + PARTING
    while pages.is_at_work() and time.monotonic() < until:
        pages.poll_once(0.05)


def _make_room() -> None:
    """Raise this process' limit of open files: a connection needs a socket and perhaps a file or two."""
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < FILES:
        wanted = FILES if most == resource.RLIM_INFINITY else min(FILES, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
