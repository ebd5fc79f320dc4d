"""Answers from copies that are given at once, by the thread of the server that holds all connections.

To hand a request to a thread and back costs more than a copy does. But whatever this thread waits for all connections
wait for, so it answers only where nothing can keep it waiting: the copy is there, and packed if it is to be; the look
at the version is a read of a SQLite file, which waits for no writer. All else goes the way of every request.
"""

import time
from collections.abc import Iterable
from typing import Any

from flask import Flask

from ..db import Database
from ..page_server import IN_MEMORY
from ..seen_by_readers import glanced_at
from ..static_files import takes_gzip
from ..watching import each_request
from .copies import Copies, Copy, Start


class AtOnce:
    def __init__(self, app: Flask) -> None:
        self.app = app
        self.copies: Copies = app.extensions["copies"]
        self.database: Database = app.extensions["database"]

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes] | None:
        """Answer as `Copies` does, or give None."""
        began, copies = time.perf_counter(), self.copies
        if (key := copies.key_of(environ)) is None or not each_request.is_as_set(self.app, environ):
            return None
        if (of := glanced_at(self.database, key.slug)) is None or (copy := copies.shelf.get(key, of)) is None:
            return None
        return copies.give(copy, environ, start, began) if self._is_ready(copy, environ) else None

    def _is_ready(self, copy: Copy, environ: dict[str, Any]) -> bool:
        """Return whether what is to be sent of a copy needs no long work, no file and no server of counters."""
        if copy.size > IN_MEMORY or (len(copy.parts) > 1 and self.app.config["REDIS_URL"]):
            return False
        return bool(copy.packed) or not (copy.may_be_packed and takes_gzip(environ.get("HTTP_ACCEPT_ENCODING", "")))
