"""Clients that keep a server busy with nothing: each sends the beginning of a request, or asks and doesn't read."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from tests.support.waiting import until

DRIP = 1.0  # seconds between two bytes
SMALL = 2048  # bytes that the system takes in for a client who doesn't read


@dataclass(frozen=True)
class Slow:
    """`begins` is what each sends at once, `goes_on` what it sends from then on, byte by byte. Who is answered has a first
    byte of that before anything is measured: a rush of good requests is no slow client."""

    begins: bytes
    goes_on: bytes = b""
    is_answered: bool = False


HOST = b"Host: 127.0.0.1\r\n"
FORM = HOST + b"Content-Type: application/x-www-form-urlencoded\r\n"
SLOW = {
    "heads": Slow(b"GET /steppe/ HTTP/1.1\r\n" + HOST + b"X-Long: a", b"a"),
    "bodies": Slow(b"POST /steppe/send HTTP/1.1\r\n" + FORM + b"Content-Length: 9000\r\n\r\nbody=Who", b"o"),
    "chunks": Slow(
        b"POST /steppe/send HTTP/1.1\r\n" + FORM + b"Transfer-Encoding: chunked\r\n\r\n2000\r\nbody=Who", b"o"
    ),
    "readers": Slow((b"GET /static/desk.css HTTP/1.1\r\n" + HOST + b"\r\n") * 100, is_answered=True),
}


@contextmanager
def slow_clients(port: int, slow: Slow, number: int) -> Iterator[list[socket.socket]]:
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
            until(lambda: all(map(_has_heard, lines)), "the first bytes of each answer")
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
