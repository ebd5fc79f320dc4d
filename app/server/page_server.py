"""The page server, based on waitress: one thread reads from and writes to all connections, and others run the app.

The threads of the app only get requests that were received completely, so slow clients never block them. A large body
is stored only if the app, asked with the headers alone, takes one from this sender, and if there is room for it.
"""

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
from io import BytesIO
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.buffers import OverflowableBuffer
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.receiver import FixedStreamReceiver
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask, ThreadedTaskDispatcher, WSGITask
from waitress.utilities import RequestEntityTooLarge

from config import MAX_FORM_BYTES

from ..core.clock import unix_time
from ..core.security_headers import SECURITY_HEADERS

log = logging.getLogger(__name__)

THREADS = 8  # requests that one process answers at once
MAX_POSTS = 5  # POSTs among these: the current writer, the three that may wait for it (db/sqlite.py), and one more
CONNECTIONS = 1000  # per process; if there are more, the oldest idle connection is closed
IDLE_TIMEOUT = 30  # seconds without a byte to or from a client
REQUEST_TIMEOUT = 120  # seconds to receive a request: enough for the largest upload at 2 Mbit/s
MAX_HEADER_BYTES = 32 * 1024  # including the request line
MAX_BODY_BYTES = 28 * 1024 * 1024  # for a mail by webhook; see `GetBodyLimit`
MAX_BYTES_IN_MEMORY = 64 * 1024  # a larger body, or a larger response that waits for its client, goes into a file
# The most bytes of such bodies, announced or received, per process: of all, and of those that anybody may send.
MAX_STORED_BYTES = 256 * 1024 * 1024
MAX_STORED_FORM_BYTES = 64 * 1024 * 1024
OPEN_FILES = 4 * CONNECTIONS  # the limit that a process asks for
BACKLOG = 1024  # connections that the operating system queues until they are accepted
# Keys in the WSGI environ: the function that delays the response, and whether the body was discarded for lack of room.
DELAY_KEY, NO_ROOM_KEY = "readers_asked.hold", "readers_asked.no_room"
SWITCH_INTERVAL = 0.0005  # seconds between thread switches (see `serve`)
STOP_TIMEOUT = 5.0  # seconds that requests in flight get to finish when the server stops

# Returns the limit in bytes for the body of a request, by the WSGI environ without the body. It is only called if the
# body has more than `MAX_FORM_BYTES`.
GetBodyLimit = Callable[[dict[str, Any]], int]

# This logger would write a line at every peak of traffic.
logging.getLogger("waitress.queue").setLevel(logging.ERROR)

SETTINGS = Adjustments(
    connection_limit=2 * CONNECTIONS,  # never reached: see `PageServer.handle_accept`
    cleanup_interval=5,
    max_request_header_size=MAX_HEADER_BYTES,
    max_request_body_size=MAX_BODY_BYTES,
    inbuf_overflow=MAX_BYTES_IN_MEMORY,
    outbuf_overflow=MAX_BYTES_IN_MEMORY,
    backlog=BACKLOG,
    log_socket_errors=False,
    clear_untrusted_proxy_headers=False,  # ProxyFix handles them (the setting TRUSTED_PROXIES)
    server_name="no-host.invalid",  # for requests without a Host header
    ident="",
)


class SingleRequestParser(HTTPRequestParser):
    """A parser that rejects pipelining, because unread pipelined responses would pile up and block a thread.

    It discards the bytes after a request, and closes the connection after the response. RFC 9112, section 9.3.2, allows
    that. A body is stored up to `max_bytes`; the connection decides about the rest.
    """

    expect_continue: bool  # as waitress sets it: send a response with status 100 now
    body_rcv: Any
    max_bytes = MAX_BYTES_IN_MEMORY
    is_discarded = False  # the rest of the body is read and not stored
    lacks_room = False  # for that reason: the process stores too much already
    expects_decision = False  # the client sends the body only after a response with status 100

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except ValueError:  # `int` takes no number of more than 4,300 digits
            raise ParsingError("Content-Length is invalid") from None
        if self.expect_continue and (self.content_length > self.max_bytes or not self.has_body):
            # Without a body there is nothing to continue with (RFC 9110, section 10.1.1).
            self.expect_continue, self.expects_decision = False, self.has_body

    def received(self, data: bytes) -> int:
        """Parse the next bytes, and return how many of them were used."""
        used: int = super().received(data)
        if self.completed and used < len(data):
            self.headers["CONNECTION"] = "close"
        return len(data) if self.completed else used

    @property
    def has_body(self) -> bool:
        return bool(self.chunked or self.content_length)

    @property
    def body_bytes(self) -> int:
        """The size of the body: as announced, or of a chunked body as received so far."""
        return self.content_length or self.body_bytes_received

    @property
    def stored_bytes(self) -> int:
        """The bytes for which room is reserved outside of memory."""
        is_large = self.max_bytes > MAX_BYTES_IN_MEMORY and not self.is_discarded
        return (self.content_length or self.max_bytes) if is_large else 0

    @property
    def needs_decision(self) -> bool:
        is_being_received = self.headers_finished and not self.completed
        return is_being_received and not self.is_discarded and self.body_bytes > self.max_bytes

    def discard_body(self) -> None:
        """Don't store the rest of the body. Only a body of known length can be read to its end, so end any other."""
        self.is_discarded = True
        if self.chunked:
            self.error = RequestEntityTooLarge("the body is too large")
            self.completed = True
        else:
            self.body_rcv = DiscardingReceiver(self.body_rcv.remain, OverflowableBuffer(0))


class DiscardingReceiver(FixedStreamReceiver):
    """Reads the rest of a body without storing it."""

    def received(self, data: bytes) -> int:
        used = min(len(data), self.remain)
        self.remain -= used
        self.completed = self.remain == 0
        return used


class ResponseTask(WSGITask):
    """The task that calls the app for a request."""

    def get_environment(self) -> dict[str, Any]:
        environ = {**super().get_environment(), DELAY_KEY: self.channel.delay_response_until}
        return environ | {NO_ROOM_KEY: True} if self.request.lacks_room else environ

    def set_close_on_finish(self) -> None:
        """Close the connection after the response only if it has a body without a length, or if the client wants that.

        waitress calls this for every response without Content-Length. But a response without a body doesn't need that
        header (RFC 9112, section 6.3), so the connection can stay open.
        """
        client_closes = self.version == "1.0" or self.request.headers.get("CONNECTION", "").lower() == "close"
        if self.has_body or client_closes:
            super().set_close_on_finish()


class ErrorResponseTask(ErrorTask):
    """The task that answers what is no request, or too large, without calling the app."""

    def execute(self) -> None:
        self.response_headers.extend(SECURITY_HEADERS.items())
        super().execute()


class Connection(HTTPChannel):
    """A client's connection, with a time limit for each request and responses that can be delayed."""

    parser_class, task_class, error_task_class = SingleRequestParser, ResponseTask, ErrorResponseTask
    request: SingleRequestParser | None  # the one that is being received
    request_began = 0.0  # Unix time at which the first byte of the current request arrived
    not_before = 0.0  # by time.monotonic(): no byte of the response is sent earlier
    awaits_limit = False  # nothing is read until the app has said how large the body may be

    def delay_response_until(self, not_before: float) -> None:
        self.not_before = not_before
        self.server.delayed.add(self)

    def writable(self) -> bool:
        return time.monotonic() >= self.not_before and bool(super().writable())

    def send(self, data: bytes, do_close: bool = True) -> int:
        """Send nothing while the response is delayed, as if the client's window were full."""
        return int(super().send(data, do_close)) if time.monotonic() >= self.not_before else 0

    def received(self, data: bytes) -> bool:
        if self.request is None:
            self.request_began = unix_time()
        is_received = bool(super().received(data))
        if self.request and self.request.needs_decision:
            if self.request.body_bytes <= MAX_FORM_BYTES:
                self.limit_body(self.request, MAX_FORM_BYTES)
            else:
                self.awaits_limit = True
                self.server.task_dispatcher.add_check(LimitCheck(self, self.request))
        return is_received

    def readable(self) -> bool:
        return not self.awaits_limit and bool(super().readable())

    def limit_body(self, request: SingleRequestParser, max_bytes: int) -> None:
        """Store the body that is being received if it has no more than `max_bytes` and there is room for it."""
        self.awaits_limit = False
        if request.body_bytes > max_bytes:
            request.discard_body()
        elif not self.server.has_room(request.content_length or max_bytes, is_form=max_bytes <= MAX_FORM_BYTES):
            request.lacks_room = True
            request.discard_body()
        else:
            request.max_bytes = max_bytes
            if request.expects_decision:
                self.send_continue()
            return
        if request.completed or request.expects_decision:
            self._respond_early(request)

    def _respond_early(self, request: SingleRequestParser) -> None:
        """Respond to a request without its body, and close the connection after the response."""
        with self.requests_lock:
            request.completed = True
            request.headers["CONNECTION"] = "close"
            self.requests.append(request)
            self.request = None
            self.server.add_task(self)


@dataclass(frozen=True)
class LimitCheck:
    """The task of asking the app how large the body of a request may be."""

    connection: Connection
    request: SingleRequestParser

    def service(self) -> None:
        server: PageServer = self.connection.server
        limit = MAX_FORM_BYTES
        try:
            environ = ResponseTask(self.connection, self.request).get_environment()
            limit = server.get_body_limit({**environ, "wsgi.input": BytesIO()})
        except Exception as error:  # the request itself will fail for the same reason
            log.warning("the limit of a body: %s", type(error).__name__)
        server.limits.append((self.connection, limit))
        server.pull_trigger()

    def cancel(self) -> None:
        """Do nothing: the server is stopping."""


@dataclass(frozen=True)
class PostTask:
    """The task of answering a POST. When it ends, it calls `on_done`."""

    connection: Connection
    on_done: Callable[[], None]

    def service(self) -> None:
        try:
            self.connection.service()
        finally:
            self.on_done()

    def cancel(self) -> None:
        self.connection.cancel()


class PagesFirstDispatcher(ThreadedTaskDispatcher):
    """A dispatcher that answers at most `MAX_POSTS` requests other than GET and HEAD at once, in order of arrival.

    In a flood of letters, requests for pages still get a thread at once, and share the processor with few others. The
    letters would have to wait for their turn to write anyway.
    """

    def __init__(self) -> None:
        super().__init__()
        self.queued_posts = deque[Connection]()
        self.running_posts = 0

    def add_task(self, task: Connection) -> None:
        method = getattr(task.requests[0], "command", "GET")
        if method in ("GET", "HEAD"):
            super().add_task(task)
            return
        with self.lock:
            self.queued_posts.append(task)
        self._start_next_post()

    def add_check(self, check: LimitCheck) -> None:
        """Add a check of headers, which is as quick as a page."""
        super().add_task(check)

    def _start_next_post(self) -> None:
        with self.lock:
            if self.running_posts == MAX_POSTS or not self.queued_posts:
                return
            self.running_posts += 1
            connection = self.queued_posts.popleft()
        super().add_task(PostTask(connection, self._on_post_done))

    def _on_post_done(self) -> None:
        with self.lock:
            self.running_posts -= 1
        self._start_next_post()


class PageServer(TcpWSGIServer):
    """waitress' server, except that it never stops accepting connections, and enforces `REQUEST_TIMEOUT`."""

    channel_class = Connection

    def __init__(
        self,
        app: Callable[..., Any],
        listener: socket.socket,
        dispatcher: ThreadedTaskDispatcher,
        get_body_limit: GetBodyLimit,
    ) -> None:
        self.listener = listener
        self.get_body_limit = get_body_limit
        self.limits = deque[tuple[Connection, int]]()  # results of `LimitCheck`, for the thread of this loop
        self.sockets: dict[int, wasyncore.dispatcher] = {}  # by file descriptor: the listener and all connections
        self.delayed: set[Connection] = set()  # the connections whose response is delayed
        # With AF_INET6 waitress would set IPV6_V6ONLY, which fails on a socket that is already bound.
        socket_info = (socket.AF_UNSPEC, listener.type, listener.proto, listener.getsockname())
        super().__init__(
            app, map=self.sockets, dispatcher=dispatcher, adj=SETTINGS, sockinfo=socket_info, bind_socket=False
        )

    def create_socket(self, *_: object) -> None:
        """Use the listener, which several processes share. waitress would create a socket."""
        self.listener.setblocking(False)
        self.set_socket(self.listener)

    def handle_accept(self) -> None:
        """Accept all queued connections at once, since each round of the event loop iterates over all open ones.

        Above `CONNECTIONS`, close the oldest connection without a request.
        """
        accepted = True
        while accepted:
            count_before = len(self.active_channels)
            super().handle_accept()
            accepted = len(self.active_channels) > count_before
            if len(self.active_channels) > CONNECTIONS:
                idle = (channel for channel in self.active_channels.values() if not channel.requests)
                if oldest := min(idle, key=lambda channel: channel.creation_time, default=None):
                    oldest.handle_close()

    def maintenance(self, now: float) -> None:
        """Close connections that exceed a timeout. waitress calls this every `cleanup_interval` seconds.

        `IDLE_TIMEOUT` also applies to a client that doesn't read its response.
        """
        for channel in list(self.active_channels.values()):
            is_idle = not channel.requests and channel.last_activity < now - IDLE_TIMEOUT
            is_too_slow = channel.request is not None and channel.request_began < now - REQUEST_TIMEOUT
            if is_idle or is_too_slow:
                channel.handle_close()

    def poll_once(self, seconds: float) -> None:
        """Handle what is ready on any connection, waiting up to `seconds` for the first event."""
        now = time.monotonic()
        for connection in list(self.delayed):  # wake up when the first of the delayed responses may be sent
            seconds = min(seconds, max(0.0, connection.not_before - now))
            if connection.not_before <= now:
                self.delayed.discard(connection)
        wasyncore.loop(seconds, use_poll=True, map=self.sockets, count=1)
        while self.limits:
            connection, limit = self.limits.popleft()
            if connection.connected and connection.request:
                connection.limit_body(connection.request, limit)

    def has_room(self, size: int, is_form: bool) -> bool:
        """Return whether another body of `size` bytes may be stored; `is_form` if anybody may send it."""
        channels = list(self.active_channels.values())
        requests = [request for channel in channels for request in (channel.request, *channel.requests) if request]
        stored_bytes = sum(request.stored_bytes for request in requests)
        return size + stored_bytes <= (MAX_STORED_FORM_BYTES if is_form else MAX_STORED_BYTES)

    def has_unfinished_responses(self) -> bool:
        """Return whether a request is being answered, or a response is not yet completely sent."""
        channels = list(self.active_channels.values())
        return any(channel.requests or channel.total_outbufs_len for channel in channels)


def listen(address: str, port: int) -> socket.socket:
    """Return a listening socket, which several processes can share.

    `address` is an IP address of this machine, such as 127.0.0.1 or [::]. Raises OSError.
    """
    host = address.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


def delay_response(environ: dict[str, Any], not_before: float) -> None:
    """Delay the response to a request until `not_before`, by time.monotonic().

    Other WSGI servers can't delay a response: there this blocks the thread until then.
    """
    if DELAY_KEY in environ:
        environ[DELAY_KEY](not_before)
    else:
        time.sleep(max(0.0, not_before - time.monotonic()))


def create_server(app: Callable[..., Any], listener: socket.socket, get_body_limit: GetBodyLimit) -> PageServer:
    """Create a server for a WSGI app and start its threads. It serves while the caller repeats `poll_once`."""
    dispatcher = PagesFirstDispatcher()
    dispatcher.set_thread_count(THREADS)
    return PageServer(app, listener, dispatcher, get_body_limit)


def serve(app: Callable[..., Any], listener: socket.socket, get_body_limit: GetBodyLimit) -> None:
    """Serve a WSGI app at `listener` until SIGTERM or SIGINT, or until the parent process has exited.

    Requests in flight then get `STOP_TIMEOUT` seconds to finish. Python's switch interval is lowered from 5 ms to
    `SWITCH_INTERVAL`: a thread that writes to the database releases the GIL at every statement. It then waits to get
    the GIL back, and all writers in the queue wait with it.
    """
    _raise_open_file_limit()
    sys.setswitchinterval(SWITCH_INTERVAL)
    server = create_server(app, listener, get_body_limit)
    parent_pid = os.getppid()
    stopped = threading.Event()

    def stop(*_: Any) -> None:
        stopped.set()
        server.pull_trigger()  # wakes up `poll_once`

    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, stop)
    while not stopped.is_set() and os.getppid() == parent_pid:
        server.poll_once(1.0)
    server.accepting = False
    server.del_channel()  # from now on, other processes accept new connections
    deadline = time.monotonic() + STOP_TIMEOUT
    while server.has_unfinished_responses() and time.monotonic() < deadline:
        server.poll_once(0.05)


def _raise_open_file_limit() -> None:
    """Raise this process' limit of open files. Each connection needs a socket, and may need two temporary files."""
    soft_limit, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft_limit != resource.RLIM_INFINITY and soft_limit < OPEN_FILES:
        new_limit = OPEN_FILES if hard_limit == resource.RLIM_INFINITY else min(OPEN_FILES, hard_limit)
        resource.setrlimit(resource.RLIMIT_NOFILE, (new_limit, hard_limit))
