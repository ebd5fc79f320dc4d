"""For whoever watches over the machines: is the process up, can it do its work. What it says gives nothing away."""

from datetime import timedelta

from flask import Blueprint, Response
from sqlalchemy.exc import SQLAlchemyError

from .db import now
from .mail import inbound
from .web import db

LONGEST_WAIT = timedelta(minutes=10)  # for a mail without a place; longer means that no worker runs

health = Blueprint("health", __name__)


@health.get("/healthz")
def healthz() -> Response:
    """The process answers."""
    return Response("up\n", mimetype="text/plain")


@health.get("/readyz")
def readyz() -> Response:
    """200 while the database answers and no mail has waited for its place for ten minutes, else 503."""
    try:
        with db.read() as session:
            since = inbound.waits_since(session)
            is_ready = since is None or now(session) - since < LONGEST_WAIT
    except SQLAlchemyError:
        is_ready = False
    return Response("ready\n" if is_ready else "not ready\n", 200 if is_ready else 503, mimetype="text/plain")
