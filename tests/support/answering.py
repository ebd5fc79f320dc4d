"""What servers of others answer in the tests, as usual or twisted, over HTTP on this machine."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from socketserver import BaseServer
from typing import Any, TypeVar
from urllib.parse import urlsplit

S = TypeVar("S", bound=BaseServer)


@dataclass(frozen=True)
class Answer:
    """An answer other than the usual one. `body` may be anything; each byte comes `slowly`, so many seconds apart."""

    body: Any = b""
    status: int = 200
    head: dict[str, str] = field(default_factory=dict)
    slowly: float = 0.0

    @property
    def raw(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class Answering(BaseHTTPRequestHandler):
    """Answers each request by `answer`, in JSON where that says nothing else; the server's event `over` cuts short what comes
    slowly."""

    def answer(self) -> Answer:
        raise NotImplementedError

    def sent(self) -> bytes:
        """What came with the request; in a GET its query."""
        query = urlsplit(self.path).query.encode()
        return query if self.command == "GET" else self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_GET(self) -> None:
        answer, over = self.answer(), self.server.over  # type: ignore[attr-defined]
        with suppress(OSError):
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.head}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.raw)))
            self.end_headers()
            for piece in [answer.raw[at : at + 1] for at in range(len(answer.raw))] if answer.slowly else [answer.raw]:
                over.wait(answer.slowly)
                self.wfile.write(piece)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - http.server's names

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def running(server: S, over: threading.Event) -> Iterator[S]:
    """A server in a thread of this process; at the end those who still wait in it are let go."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            over.set()
            server.shutdown()
            thread.join()
