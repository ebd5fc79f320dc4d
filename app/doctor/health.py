"""Endpoints for monitoring: whether the process is up, whether it is ready, and the metrics.

A request without METRICS_TOKEN learns nothing but yes or no.
"""

import hmac
import json

from flask import Blueprint, Response, abort, current_app, request
from sqlalchemy.exc import SQLAlchemyError

from ..watching import metrics
from ..web.setup import db
from . import checks

health = Blueprint("health", __name__)


def _has_metrics_token() -> bool:
    """Return whether the request has METRICS_TOKEN, compared in constant time."""
    token = current_app.config["METRICS_TOKEN"]
    bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return bool(token) and hmac.compare_digest(bearer.encode(), token.encode())


@health.get("/healthz")
def healthz() -> Response:
    """Answer that the process is up."""
    return Response("up\n", mimetype="text/plain")


@health.get("/readyz")
def readyz() -> Response:
    """Return 200 if the quick checks of `readers-asked doctor` find no fault, else 503.

    A request with METRICS_TOKEN also gets the state of each check.
    """
    results = checks.examine(db, current_app.config, quick=True)
    is_ready = all(result.state != checks.FAULT for result in results)
    status = 200 if is_ready else 503
    if _has_metrics_token():
        body = {"ready": is_ready, "checks": {result.check.name: result.state for result in results}}
        return Response(json.dumps(body) + "\n", status, mimetype="application/json")
    return Response("ready\n" if is_ready else "not ready\n", status, mimetype="text/plain")


@health.get("/metrics")
def numbers() -> Response:
    """Return the metrics for Prometheus. 401 for a request without METRICS_TOKEN, 404 if that isn't configured."""
    if not current_app.config["METRICS_TOKEN"]:
        abort(404)
    if not _has_metrics_token():
        return Response("", 401, {"WWW-Authenticate": "Bearer"}, mimetype="text/plain")
    try:
        return Response(metrics.render_metrics(db), content_type="text/plain; version=0.0.4; charset=utf-8")
    except SQLAlchemyError:
        return Response("", 503, mimetype="text/plain")
