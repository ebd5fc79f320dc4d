"""A line on which what is sent gets lost: on its way to us, or our answer on its way back."""

from collections.abc import Iterable
from socket import SHUT_RDWR
from threading import Thread
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask
from werkzeug.serving import make_server


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
