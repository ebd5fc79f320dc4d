"""The way to us, on a port of this machine, which can be cut and mended."""

from threading import Thread

from flask import Flask
from werkzeug.serving import make_server


class Line:
    """What a browser calls offline ends for a page that is being closed before the page does; this line is down for it
    as well."""

    def __init__(self, app: Flask) -> None:
        self.app, self.port = app, 0
        self.mend()

    def mend(self) -> None:
        self.server = make_server("127.0.0.1", self.port, self.app, threaded=True)
        self.port = self.server.server_port
        Thread(target=self.server.serve_forever, daemon=True).start()

    def cut(self) -> None:
        self.server.shutdown()
        self.server.server_close()
