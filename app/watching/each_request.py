"""Observe each request: its reference, how long it took, and whether the proxies are as configured.

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

UNPROXIED_BLUEPRINTS = ("health", "webhook")  # called by programs, which may bypass the proxy
LOGGED_BLUEPRINTS = ("editor", "expert")  # their requests are logged, at the level `info`
WARNING_INTERVAL = 3600.0  # seconds
# The warnings for proxies that differ from TRUSTED_PROXIES, which are also names of sightings.
UNEXPECTED_HEADER = "proxy: X-Forwarded-For came, and none is trusted"
TOO_FEW_HOPS = "proxy: X-Forwarded-For has too few addresses"


class ProxyStatistics:
    """Counts of requests to this process with a right or a wrong X-Forwarded-For. The header itself isn't stored."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._right = self._wrong = 0
        self._warned_at = float("-inf")

    def count(self, forwarded_for: str, trusted_proxies: int) -> str | None:
        """Count a request. Return a warning, at most once an hour, if more requests are wrong than right."""
        hops = len(forwarded_for.split(",")) if forwarded_for else 0
        is_right = hops >= trusted_proxies if trusted_proxies else not hops
        with self._lock:
            if is_right:
                self._right += 1
                return None
            self._wrong += 1
            if self._wrong <= self._right or time.monotonic() - self._warned_at < WARNING_INTERVAL:
                return None
            self._warned_at, self._right, self._wrong = time.monotonic(), 0, 0
        return TOO_FEW_HOPS if trusted_proxies else UNEXPECTED_HEADER


def register(app: Flask) -> None:
    """Observe every request of the app."""
    app.extensions["proxies"] = ProxyStatistics()
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(lambda _error: structlog.contextvars.clear_contextvars())


def _begin() -> None:
    g.started_at = time.perf_counter()
    g.pop("reference", None)  # in tests, several requests can share a context
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request=reference())


def _end(response: Response) -> Response:
    response.headers[HEADER] = reference()
    seconds = time.perf_counter() - g.get("started_at", time.perf_counter())
    if request.blueprint in LOGGED_BLUEPRINTS:
        fields = {"endpoint": request.endpoint, "method": request.method, "status": response.status_code}
        log.info("request", extra=fields | {"ms": round(seconds * 1000)})
    record_request(current_app, request.environ, request.endpoint, response.status_code, seconds)
    return response


def record_request(app: Flask, environ: dict[str, Any], endpoint: str | None, status: int, seconds: float) -> None:
    """Count a request that got a response with `status` after `seconds`, and check its X-Forwarded-For."""
    if app.config["METRICS_TOKEN"]:
        metrics.count(endpoint, environ["REQUEST_METHOD"], status, seconds)
    blueprint = endpoint.partition(".")[0] if endpoint else None
    if blueprint is not None and blueprint not in UNPROXIED_BLUEPRINTS:
        _check_proxy_header(app, environ.get("HTTP_X_FORWARDED_FOR", ""))


def _check_proxy_header(app: Flask, forwarded_for: str) -> None:
    trusted_proxies = app.config["TRUSTED_PROXIES"]
    statistics: ProxyStatistics = app.extensions["proxies"]
    warning = statistics.count(forwarded_for, trusted_proxies)
    if warning is None:
        return
    log.warning("%s (TRUSTED_PROXIES=%d)", warning, trusted_proxies)
    database: Database = app.extensions["database"]
    with suppress(Busy, SQLAlchemyError):  # a sighting that can't be stored is no reason to fail the page
        database.write(lambda session: sightings.record_sightings(session, {warning: 1}, _round_to_hour(now(session))))


def _round_to_hour(timestamp: datetime) -> datetime:
    return timestamp.replace(minute=0, second=0, microsecond=0)
