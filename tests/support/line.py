"""The way from a browser to us, which can be cut."""

from threading import Thread

from flask import Flask
from werkzeug.serving import make_server


class Line:
    """The way to us, on a port of this machine, which can be cut. What a browser calls offline ends for a page that is being
    closed before the page does, and lets it send what it has."""

    def __init__(self, app: Flask) -> None:
        self.app, self.port, self.is_up = app, 0, False
        self.mend()

    def mend(self) -> None:
        self.server = make_server("127.0.0.1", self.port, self.app, threaded=True)
        self.port = self.server.server_port
        Thread(target=self.server.serve_forever, daemon=True).start()
        self.is_up = True

    def cut(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.is_up = False
