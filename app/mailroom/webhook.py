"""The webhook to which mail providers post raw messages, signed by the Standard Webhooks scheme."""

import base64
import hashlib
import hmac

from flask import Blueprint, Response, abort, current_app, request
from werkzeug.exceptions import RequestEntityTooLarge

from config import webhook_key

from ..core.clock import unix_time
from ..db.fault_kinds import Busy
from ..mail.inbound import MAX_MAIL_BYTES
from ..programs.signed_calls import signature
from ..web.body_limits import UPLOADS, Upload
from ..web.setup import csrf, db
from .envelope import store_message

TOLERANCE = 300  # seconds by which the signature's time may differ from ours, in both directions
MEDIA_TYPES = ("message/rfc822", "application/octet-stream")
RETRY_AFTER = 30  # seconds

webhook = Blueprint("webhook", __name__, url_prefix="/mail/in")
csrf.exempt(webhook)  # it is not for browsers and uses no cookie


def path(secret: str) -> str:
    """Return the path that is derived from a secret. The path doesn't reveal the secret, which signs the messages."""
    digest = hmac.digest(webhook_key(secret), b"the address of the webhook", hashlib.sha256)
    return f"/mail/in/{base64.b32encode(digest[:20]).decode().lower()}"


def _is_address_known() -> bool:
    secret = current_app.config["MAIL_WEBHOOK_SECRET"]
    return bool(secret) and hmac.compare_digest(request.path.encode(), path(secret).encode())


UPLOADS["webhook.receive"] = Upload(MAX_MAIL_BYTES, _is_address_known)


@webhook.post("/<address>")
def receive(address: str) -> Response:
    """Store a message, and respond with 200 once it is committed.

    A repeated message is stored too: duplicates are detected when mails are placed.
    """
    if not _is_address_known():
        abort(404)  # before a byte of the body is read
    if request.mimetype not in MEDIA_TYPES:
        return _respond(415, f"send the raw message as {MEDIA_TYPES[0]}")
    try:
        raw = request.get_data(cache=False)
    except RequestEntityTooLarge:
        return _respond(413, f"larger than {MAX_MAIL_BYTES >> 20} MB")
    if not _has_valid_signature(webhook_key(current_app.config["MAIL_WEBHOOK_SECRET"]), raw):
        return _respond(401, "the signature does not fit, or is too old")
    if not raw:
        return _respond(400, "there is no message")
    try:
        store_message(db, raw, "webhook")
    except Busy:
        return _respond(503, "not stored, try again later")
    return _respond(200, "stored")


def _has_valid_signature(key: bytes, raw: bytes) -> bool:
    """Return whether one of the signatures is valid. A request has several while a provider changes its secret."""
    message_id = request.headers.get("webhook-id", "")
    timestamp = request.headers.get("webhook-timestamp", "")
    signatures = request.headers.get("webhook-signature", "").split()
    if not (message_id and timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16):
        return False
    if abs(unix_time() - int(timestamp)) > TOLERANCE:
        return False
    expected = signature(key, message_id, timestamp, raw).encode()
    return any(hmac.compare_digest(expected, received.encode()) for received in signatures)


def _respond(status: int, text: str) -> Response:
    response = Response(f"{text}\n", status, mimetype="text/plain")
    if status == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER)
    return response
