"""A deadline for a whole conversation: time limits of sockets begin anew with each byte, so that a server which says
one now and then would hold whoever listens for hours."""

import socket
import threading
from contextlib import suppress


class Deadline:
    """Ends the connection that it guards once its seconds are over; `is_over` says that they were."""

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self._line: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def guard(self, line: socket.socket) -> None:
        """Cut this connection when the time is over, also after it was wrapped in TLS, which takes its socket over."""
        self._line = line.dup()
        if self.is_over:
            self._cut()

    def end(self) -> None:
        """Let the time run no more: the conversation is over."""
        self._timer.cancel()
        if self._line is not None:
            self._line.close()

    def _cut(self) -> None:
        self.is_over = True
        if self._line is not None:
            with suppress(OSError):  # it has ended meanwhile
                self._line.shutdown(socket.SHUT_RDWR)
