"""Pages are served by waitress: one thread holds all connections, and only a request that has come whole gets one of
the threads that work. However many clients send or read slowly, none of these waits for them."""

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
FORMS = 5  # of them what is sent: one more than may wait for a writer who takes long (sqlite.py)
CONNECTIONS = 1000  # of one process; with one more the oldest on which nothing is being done is closed
IDLE_TIMEOUT = 30  # seconds without a byte to or from a client
REQUEST_TIMEOUT = 120  # seconds that a request may take to come: what the largest upload takes at 2 Mbit/s
HEAD = 32 * 1024  # bytes of a request's line and headers
BODY = 28 * 1024 * 1024  # bytes that any page takes at the most: a mail by webhook; each page has its own limit
IN_MEMORY = 64 * 1024  # bytes of a body, and of an answer that waits to be read; what is longer waits in a file
FILES = 4 * CONNECTIONS
WAITING = 1024  # connections that the system keeps until they are taken
HOLD = "readers_asked.hold"  # in a request's environment: what holds its answer back
SWITCH = 0.0005  # seconds after which a thread that works lets another one work (`serve` says why)
PARTING = 5.0  # seconds that requests in flight have when the server is stopped

# It would tell of each rush.
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
    clear_untrusted_proxy_headers=False,  # TRUSTED_PROXIES says which of them count
    server_name="no-host.invalid",  # of a request that names no host
    ident="",
)


class SingleRequestParser(HTTPRequestParser):
    """A request, without whatever the client sent behind it before it was answered (RFC 9112, section 9.3.2, lets a
    server close instead). Answers that pile up unread would hold a thread."""

    def received(self, data: bytes) -> int:
        used: int = super().received(data)
        if self.completed and used < len(data):
            self.headers["CONNECTION"] = "close"
        return len(data) if self.completed else used


class ResponseTask(WSGITask):
    def get_environment(self) -> dict[str, Any]:
        return {**super().get_environment(), HOLD: self.channel.delay_response_until}

    def set_close_on_finish(self) -> None:
        """End the connection, but not because of an answer without a body, which needs no length (RFC 9112, 6.3)."""
        wanted = self.version == "1.0" or self.request.headers.get("CONNECTION", "").lower() == "close"
        if self.has_body or wanted:
            super().set_close_on_finish()


class Connection(HTTPChannel):
    parser_class, task_class = SingleRequestParser, ResponseTask
    began = 0.0  # when the first byte of the request came that is coming
    not_before = 0.0  # by time.monotonic(): until then no byte of the answer leaves

    def delay_response_until(self, not_before: float) -> None:
        self.not_before = not_before
        self.server.held.add(self)

    def writable(self) -> bool:
        return time.monotonic() >= self.not_before and bool(super().writable())

    def send(self, data: bytes, do_close: bool = True) -> int:
        """Send nothing yet while the answer is held back, as when the client's window is full."""
        return int(super().send(data, do_close)) if time.monotonic() >= self.not_before else 0

    def received(self, data: bytes) -> bool:
        if self.request is None:
            self.began = unix_time()
        return bool(super().received(data))


@dataclass(frozen=True)
class Sent:
    """A request with a form, and what is to be called once it is answered."""

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
    """The threads that work, of which what is sent has `FORMS` at the most, in the order in which it came.

    In a rush of letters a page still finds a thread at once, and shares the processor with few; letters wait for their
    turn to write anyhow.
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
    """waitress's server, which never stops taking connections and ends a request after `REQUEST_TIMEOUT`."""

    channel_class = Connection

    def __init__(self, app: Callable[..., Any], listener: socket.socket, dispatcher: ThreadedTaskDispatcher) -> None:
        self.listener = listener
        self.sockets: dict[int, wasyncore.dispatcher] = {}  # by file number: the listener and all connections
        self.held: set[Connection] = set()  # whose answers leave later
        # With AF_INET6 waitress would set IPV6_V6ONLY, which a socket that is bound already refuses.
        address = (socket.AF_UNSPEC, listener.type, listener.proto, listener.getsockname())
        super().__init__(
            app, map=self.sockets, dispatcher=dispatcher, adj=SETTINGS, sockinfo=address, bind_socket=False
        )

    def create_socket(self, *_: object) -> None:
        """Use the listener, which several processes share, instead of a new socket."""
        self.listener.setblocking(False)
        self.set_socket(self.listener)

    def handle_accept(self) -> None:
        """Take all connections that wait: with each look at what is to be done all of them are walked through."""
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
        """Close connections silent for `IDLE_TIMEOUT`, unread answers too, and requests that take too long."""
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
        """Return whether a request is being answered, or an answer waits to be read."""
        return any(one.requests or one.total_outbufs_len for one in list(self.active_channels.values()))


def listen(address: str, port: int) -> socket.socket:
    """Return a socket at which connections wait from now on, whichever process takes them. `address` is one of this
    machine, such as 127.0.0.1 or [::]. Raises `OSError`.
    """
    host = address.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=WAITING)


def answer_at(environ: dict[str, Any], not_before: float) -> None:
    """Let the answer to a request leave at a `not_before` of time.monotonic(), and not sooner. No thread waits for it,
    except under a server that can't hold answers."""
    if HOLD in environ:
        environ[HOLD](not_before)
    else:
        time.sleep(max(0.0, not_before - time.monotonic()))


def pages_of(app: Callable[..., Any], listener: socket.socket) -> Pages:
    """Return a server that answers with a WSGI app at each `poll_once`."""
    threads = PagesFirst()
    threads.set_thread_count(THREADS)
    return Pages(app, listener, threads)


def serve(app: Callable[..., Any], listener: socket.socket) -> None:
    """Answer what comes to the `listener` until SIGTERM or SIGINT, or until whoever has started this process is gone;
    then finish what is being answered, for `PARTING` at the most.

    Whoever writes lets the others work at each statement and has to wait until one of them stops again: with Python's
    own 5 ms all who write after it wait for that too.
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
    pages.del_channel()  # what comes from now on waits for another process
    until = time.monotonic() + PARTING
    while pages.is_at_work() and time.monotonic() < until:
        pages.poll_once(0.05)


def _make_room() -> None:
    """Let this process open a file or two for each connection beside its own."""
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < FILES:
        wanted = FILES if most == resource.RLIM_INFINITY else min(FILES, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
