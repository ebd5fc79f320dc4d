"""Faults of the network: a line that can be cut, one that loses requests or answers, and clients that are slow."""

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
from werkzeug.serving import make_server

from tests.support.waiting import wait_until


class CuttableLine:
    """The way to us, on a port of this machine, which can be cut. What a browser calls offline ends for a page that is being
    closed before the page does, and lets it send what it has."""

    def __init__(self, app: Flask) -> None:
        self.app, self.port, self.is_up = app, 0, False
        self.under_way: set[object] = set()
        self.mend()

    def __call__(self, environ: Any, start: Any) -> Any:
        request = object()
        self.under_way.add(request)
        try:
            return self.app(environ, start)
        finally:
            self.under_way.discard(request)

    def mend(self) -> None:
        self.server = make_server("127.0.0.1", self.port, self, threaded=True)
        self.port = self.server.server_port
        Thread(target=self.server.serve_forever, daemon=True).start()
        self.is_up = True

    def cut(self) -> None:
        """Cut it; what is under way ends first: it would hold the database open that the next test finds put back."""
        self.server.shutdown()
        wait_until(lambda: not self.under_way, "the end of what was under way")
        self.server.server_close()
        self.is_up = False


class LossyLine:
    """The app on a port of this machine. `loses` says what of each POST gets lost: "nothing", "the question" or "the answer";
    `lost` are the pages that nobody got to see."""

    def __init__(self, app: Flask) -> None:
        self.app, self.loses, self.lost = app, "nothing", list[str]()
        self.server = make_server("127.0.0.1", 0, self, threaded=True)
        self.site = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "POST" or self.loses == "nothing":
            return self.app(environ, start)
        if self.loses == "the answer":
            page: Any = self.app(environ, lambda *_head: None)
            self.lost.append(b"".join(page).decode())
        else:
            environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        environ["werkzeug.socket"].shutdown(SHUT_RDWR)
        raise ConnectionResetError

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


DRIP = 1.0  # seconds between two bytes
SMALL = 2048  # bytes that the system takes in for a client who doesn't read


@dataclass(frozen=True)
class SlowClient:
    """`begins` is what each sends at once, `goes_on` what it sends from then on, byte by byte. Who is answered has a first
    byte of that before anything is measured: a rush of good requests is no slow client."""

    begins: bytes
    goes_on: bytes = b""
    is_answered: bool = False


HOST = b"Host: 127.0.0.1\r\n"
FORM = HOST + b"Content-Type: application/x-www-form-urlencoded\r\n"
SLOW_CLIENTS = {
    "heads": SlowClient(b"GET /steppe/ HTTP/1.1\r\n" + HOST + b"X-Long: a", b"a"),
    "bodies": SlowClient(b"POST /steppe/send HTTP/1.1\r\n" + FORM + b"Content-Length: 9000\r\n\r\nbody=Who", b"o"),
    "chunks": SlowClient(
        b"POST /steppe/send HTTP/1.1\r\n" + FORM + b"Transfer-Encoding: chunked\r\n\r\n2000\r\nbody=Who", b"o"
    ),
    "readers": SlowClient((b"GET /static/desk.css HTTP/1.1\r\n" + HOST + b"\r\n") * 100, is_answered=True),
}


@contextmanager
def slow_clients(port: int, slow: SlowClient, number: int) -> Iterator[list[socket.socket]]:
    """So many of them at once, until the block ends."""
    with ExitStack() as stack:
        lines = [stack.enter_context(socket.socket()) for _ in range(number)]
        for line in lines:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
            line.connect(("127.0.0.1", port))
            line.setblocking(False)
            with suppress(OSError):
                line.send(slow.begins)
        if slow.is_answered:
            wait_until(lambda: all(map(_has_heard, lines)), "the first bytes of each answer")
        over = threading.Event()
        dripping = threading.Thread(target=_drip, args=(lines, slow.goes_on, over))
        dripping.start()
        try:
            yield lines
        finally:
            over.set()
            dripping.join()


def _has_heard(line: socket.socket) -> bool:
    try:
        line.recv(1, socket.MSG_PEEK)  # nothing, too, is an answer: the server has closed
    except BlockingIOError:
        return False
    return True


def _drip(lines: list[socket.socket], more: bytes, over: threading.Event) -> None:
    while more and not over.wait(DRIP):
        for line in lines:
            with suppress(OSError):  # the server has had enough of it
                line.send(more)
