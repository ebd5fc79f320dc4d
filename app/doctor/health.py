"""For whoever watches over the machines: is the process up, can it do its work, and the numbers.

Strangers learn yes or no.
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
    """Return whether the request bears METRICS_TOKEN; found out in the same time whatever it bears."""
    token = current_app.config["METRICS_TOKEN"]
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return bool(token) and hmac.compare_digest(given.encode(), token.encode())


@health.get("/healthz")
def healthz() -> Response:
    """The process answers."""
    return Response("up\n", mimetype="text/plain")


@health.get("/readyz")
def readyz() -> Response:
    """200 while the quick checks of `flask doctor` find no fault, else 503; which ones did is told to METRICS_TOKEN."""
    found = checks.examine(db, current_app.config, quick=True)
    status = 503 if any(one.state == checks.FAULT for one in found) else 200
    if _has_metrics_token():
        body = {"ready": status == 200, "checks": {one.check.name: one.state for one in found}}
        return Response(json.dumps(body) + "\n", status, mimetype="application/json")
    return Response("ready\n" if status == 200 else "not ready\n", status, mimetype="text/plain")


@health.get("/metrics")
def numbers() -> Response:
    """The numbers for Prometheus, to whoever bears METRICS_TOKEN; 404 where it is not set."""
    if not current_app.config["METRICS_TOKEN"]:
        abort(404)
    if not _has_metrics_token():
        return Response("", 401, {"WWW-Authenticate": "Bearer"}, mimetype="text/plain")
    try:
        return Response(metrics.exposition(db), content_type="text/plain; version=0.0.4; charset=utf-8")
    except SQLAlchemyError:
        return Response("", 503, mimetype="text/plain")
