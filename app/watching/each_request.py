"""Records of each request: its reference, how long it took, and whether the proxies are as configured.

Requests of readers get no log line, and their metrics are so coarse that they don't reveal in which minute somebody
wrote.
"""

import logging
import threading
import time
from contextlib import suppress
from datetime import datetime
from typing import Any

import structlog
from flask import Flask, Response, current_app, g, request
from sqlalchemy.exc import SQLAlchemyError

from ..db.engine import Database
from ..db.fault_kinds import Busy
from ..db.session import now
from . import metrics, sightings
from .references import HEADER, reference

log = logging.getLogger(__name__)

FOR_MACHINES = ("health", "webhook")  # blueprints whose callers bypass the proxy, or are no people
OF_THE_DESK = ("editor", "expert")  # blueprints whose requests are logged, at the level `info`
BETWEEN_NOTES = 3600.0  # seconds
# The warnings for proxies that differ from TRUSTED_PROXIES.
UNEXPECTED, LACKING = "proxy: X-Forwarded-For came, and none is trusted", "proxy: X-Forwarded-For has too few addresses"


class Proxies:
    """This process's statistics of X-Forwarded-For: two counters, and never the header itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._right = self._wrong = 0
        self._noted_at = float("-inf")

    def wrong(self, forwarded_for: str, trusted_proxies: int) -> str | None:
        """Return a warning, at most once an hour, if most requests come through other proxies than configured, else
        None.
        """
        hops = len(forwarded_for.split(",")) if forwarded_for else 0
        is_right = hops >= trusted_proxies if trusted_proxies else not hops
        with self._lock:
            if is_right:
                self._right += 1
            else:
                self._wrong += 1
            if is_right or self._wrong <= self._right or time.monotonic() - self._noted_at < BETWEEN_NOTES:
                return None
            self._noted_at, self._right, self._wrong = time.monotonic(), 0, 0
        return LACKING if trusted_proxies else UNEXPECTED


def register(app: Flask) -> None:
    """Record every request of the app."""
    app.extensions["proxies"] = Proxies()
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(lambda _error: structlog.contextvars.clear_contextvars())


def _begin() -> None:
    g.began = time.perf_counter()
    g.pop("reference", None)  # a test's context outlives a request
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request=reference())


def _end(response: Response) -> Response:
    response.headers[HEADER] = reference()
    seconds = time.perf_counter() - g.get("began", time.perf_counter())
    if request.blueprint in OF_THE_DESK:
        fields = {"endpoint": request.endpoint, "method": request.method, "status": response.status_code}
        log.info("request", extra=fields | {"ms": round(seconds * 1000)})
    record_request(current_app, request.environ, request.endpoint, response.status_code, seconds)
    return response


def record_request(app: Flask, environ: dict[str, Any], endpoint: str | None, status: int, seconds: float) -> None:
    """Count a request that was answered with `status` after so many `seconds`, and check its proxies."""
    if app.config["METRICS_TOKEN"]:
        metrics.count(endpoint, environ["REQUEST_METHOD"], status, seconds)
    if endpoint and endpoint.partition(".")[0] not in FOR_MACHINES:
        _check_proxy_header(app, environ.get("HTTP_X_FORWARDED_FOR", ""))


def _check_proxy_header(app: Flask, forwarded_for: str) -> None:
    trusted = app.config["TRUSTED_PROXIES"]
    if found := app.extensions["proxies"].wrong(forwarded_for, trusted):
        log.warning("%s (TRUSTED_PROXIES=%d)", found, trusted)
        database: Database = app.extensions["database"]
        with suppress(Busy, SQLAlchemyError):  # no page fails because of this
            database.write(
                lambda session: sightings.record_sightings(session, {found: 1}, _round_to_hour(now(session)))
            )


def _round_to_hour(timestamp: datetime) -> datetime:
    return timestamp.replace(minute=0, second=0, microsecond=0)
