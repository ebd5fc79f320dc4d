"""A way out for a machine that has a loopback and nothing else: an HTTP proxy at its 127.0.0.1, served from outside."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread
from urllib.parse import urlsplit

from tests.support.machine import enter

PORT = 3128
PATIENCE = 60.0  # seconds without a byte


class _Carried(StreamRequestHandler):
    """One request: a tunnel for TLS, or a plain fetch (RFC 9110, sections 9.3.6 and 7.2)."""

    timeout = PATIENCE

    def handle(self) -> None:
        with suppress(OSError, ValueError):
            method, target, _ = self.rfile.readline().decode("latin-1").split()
            headers = list(iter(self.rfile.readline, b"\r\n"))
            if method == "CONNECT":
                host, _, port = target.rpartition(":")
                with socket.create_connection((host, int(port)), PATIENCE) as far:
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                    Thread(target=_carry, args=(self.connection, far), daemon=True).start()
                    _carry(far, self.connection)
                return
            there = urlsplit(target)
            with socket.create_connection((there.hostname, there.port or 80), PATIENCE) as far:
                kept = [one for one in headers if not one.lower().startswith((b"connection:", b"proxy-"))]
                path = there._replace(scheme="", netloc="").geturl()
                far.sendall(b"".join([f"{method} {path} HTTP/1.1\r\n".encode(), *kept, b"Connection: close\r\n\r\n"]))
                _carry(far, self.connection)


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while some := source.recv(1 << 16):
            target.sendall(some)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


class _Out(ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, pid: int) -> None:
        super().__init__(("127.0.0.1", PORT), _Carried, bind_and_activate=False)
        self.socket.close()
        listens = Thread(target=self._listen, args=(pid,))  # another network is entered by a thread, and left with it
        listens.start()
        listens.join()

    def _listen(self, pid: int) -> None:
        space = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
        try:
            enter(space)
        finally:
            os.close(space)
        self.socket = socket.create_server(self.server_address)


@contextmanager
def way_out(pid: int) -> Iterator[str]:
    """Let the machine of this process out until the block ends; gives the address of the proxy, as it is there."""
    with _Out(pid) as server:
        serves = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
        serves.start()
        try:
            yield f"http://127.0.0.1:{PORT}"
        finally:
            server.shutdown()
            serves.join()
