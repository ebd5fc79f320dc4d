"""Network faults: a connection that can be cut, one that loses requests or responses, and slow clients."""

import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from socket import SHUT_RDWR
from threading import Thread
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask
from playwright.sync_api import BrowserContext
from werkzeug.serving import make_server

from tests.support.waiting import wait_until


class CuttableConnection:
    """Serves the app on a local port, and can be cut and restored.

    The offline mode of a browser is no substitute: it ends before a page is closed, which can then still send its data.
    """

    def __init__(self, app: Flask) -> None:
        self.app, self.port, self.is_up = app, 0, False
        self.open_requests: set[object] = set()
        self.restore()

    def __call__(self, environ: Any, start: Any) -> Any:
        request = object()
        self.open_requests.add(request)
        try:
            return self.app(environ, start)
        finally:
            self.open_requests.discard(request)

    def restore(self) -> None:
        self.server = make_server("127.0.0.1", self.port, self, threaded=True)
        self.port = self.server.server_port
        Thread(target=self.server.serve_forever, daemon=True).start()
        self.is_up = True

    def cut(self) -> None:
        """Stop serving, once the open requests have finished: they would keep using the database, which tests share."""
        self.server.shutdown()
        wait_until(lambda: not self.open_requests, "the end of the open requests")
        self.server.server_close()
        self.is_up = False


def go_offline(browser: BrowserContext, _connection: CuttableConnection) -> None:
    """Let a browser know that it has no network."""
    browser.set_offline(True)


def cut_connection(_browser: BrowserContext, connection: CuttableConnection) -> None:
    """Put the app out of reach of a browser that is online."""
    connection.cut()


def reconnect(browser: BrowserContext, connection: CuttableConnection) -> None:
    """Undo `go_offline` or `cut_connection`."""
    browser.set_offline(False)
    if not connection.is_up:
        connection.restore()


class LossyConnection:
    """Serves the app on a local port. `loss` is what gets lost of each POST: "nothing", "request" or "response".
    `lost_pages` has the lost responses.
    """

    def __init__(self, app: Flask) -> None:
        self.app, self.loss, self.lost_pages = app, "nothing", list[str]()
        self.server = make_server("127.0.0.1", 0, self, threaded=True)
        self.site = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "POST" or self.loss == "nothing":
            return self.app(environ, start)
        if self.loss == "response":
            page: Any = self.app(environ, lambda *_head: None)
            self.lost_pages.append(b"".join(page).decode())
        else:
            environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        environ["werkzeug.socket"].shutdown(SHUT_RDWR)
        raise ConnectionResetError

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


BYTE_INTERVAL = 1.0  # seconds between two bytes
RECEIVE_BUFFER_SIZE = 2048  # bytes that the kernel receives for a client that doesn't read


@dataclass(frozen=True)
class SlowClient:
    """A client that sends `first_bytes` at once and then `repeated_bytes`, once per `BYTE_INTERVAL`.

    If it gets a response, tests wait for its first byte: the rush of complete requests before it isn't slow.
    """

    first_bytes: bytes
    repeated_bytes: bytes = b""
    gets_response: bool = False


HOST_HEADER = b"Host: 127.0.0.1\r\n"
FORM_HEADERS = HOST_HEADER + b"Content-Type: application/x-www-form-urlencoded\r\n"
SLOW_CLIENTS = {
    "heads": SlowClient(b"GET /steppe/ HTTP/1.1\r\n" + HOST_HEADER + b"X-Long: a", b"a"),
    "bodies": SlowClient(
        b"POST /steppe/send HTTP/1.1\r\n" + FORM_HEADERS + b"Content-Length: 9000\r\n\r\nbody=Who", b"o"
    ),
    "chunks": SlowClient(
        b"POST /steppe/send HTTP/1.1\r\n" + FORM_HEADERS + b"Transfer-Encoding: chunked\r\n\r\n2000\r\nbody=Who", b"o"
    ),
    "readers": SlowClient((b"GET /static/desk.css HTTP/1.1\r\n" + HOST_HEADER + b"\r\n") * 100, gets_response=True),
}


@contextmanager
def connect_slow_clients(port: int, client: SlowClient, count: int) -> Iterator[list[socket.socket]]:
    """Connect this many slow clients, and yield their sockets. They send until the block ends."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for sock in sockets:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_SIZE)
            sock.connect(("127.0.0.1", port))
            sock.setblocking(False)
            with suppress(OSError):
                sock.send(client.first_bytes)
        if client.gets_response:
            wait_until(lambda: all(map(_has_response, sockets)), "the first bytes of each answer")
        stop = threading.Event()
        sender = threading.Thread(target=_send_slowly, args=(sockets, client.repeated_bytes, stop))
        sender.start()
        try:
            yield sockets
        finally:
            stop.set()
            sender.join()


def _has_response(sock: socket.socket) -> bool:
    try:
        sock.recv(1, socket.MSG_PEEK)  # an empty result counts too: the server has closed the connection
    except BlockingIOError:
        return False
    return True


def _send_slowly(sockets: list[socket.socket], data: bytes, stop: threading.Event) -> None:
    while data and not stop.wait(BYTE_INTERVAL):
        for sock in sockets:
            with suppress(OSError):  # the server has closed the connection
                sock.send(data)
