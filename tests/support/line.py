"""The way from a browser to us, which can be cut."""

from threading import Thread
from typing import Any

from flask import Flask
from werkzeug.serving import make_server

from tests.support.waiting import until


class Line:
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
        until(lambda: not self.under_way, "the end of what was under way")
        self.server.server_close()
        self.is_up = False
